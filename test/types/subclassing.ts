/** What types that inherit from each other mean to the type checker. Checked by tsc, never run. */

import { expectTypeOf } from "bun:test";
import {
  type CParent,
  Device,
  type NmiHandler,
  PCIDevice,
  QomObject,
  registers,
  SysBusDevice,
  string,
  u8,
  u32,
  u64,
} from "qemu-script";

class Parent extends SysBusDevice.with({
  type: "parent",
  properties: { a: u32({}) },
  state: { f: u32 },
  irqs: ["one"],
  clocks: ["clk"],
  regions: { regs: { size: 16 } },
}) {
  own() {
    return 1;
  }
}

class Child extends Parent.with({
  type: "child",
  properties: { b: string() },
  state: { g: u64, h: u8.array(4) },
  irqs: ["two"],
  regions: { more: { size: 16 } },
}) {
  static {
    registers(Child, "regs", { F: { at: 0, field: "f" }, G: { at: 4, read: "own" } });
    registers(Child, "more", {});
    // @ts-expect-error no such region, here or in the parent
    registers(Child, "none", {});
    // @ts-expect-error no such method, here or in the parent
    registers(Child, "regs", { F: { at: 0, read: "nobody" } });
  }

  all() {
    expectTypeOf(this.f).toEqualTypeOf<number>();
    expectTypeOf(this.g).toEqualTypeOf<bigint>();
    expectTypeOf(this.h).toEqualTypeOf<Uint8Array>();
    expectTypeOf(this.config.a).toEqualTypeOf<number>();
    expectTypeOf(this.config.b).toEqualTypeOf<string>();
    this.irqs.one.raise();
    this.irqs.two.raise();
    expectTypeOf(super.own()).toEqualTypeOf<number>();
    // @ts-expect-error declared nowhere
    this.irqs.three;
    // @ts-expect-error declared nowhere
    this.config.c;
    // @ts-expect-error the parent has no methods of QEMU's
    super.realize();
  }
}

expectTypeOf<Child>().toExtend<Parent>();
expectTypeOf<Child>().toExtend<SysBusDevice>();
expectTypeOf<Child>().toExtend<Device>();
expectTypeOf<Child>().toExtend<QomObject>();
expectTypeOf<Parent>().not.toExtend<Child>();
expectTypeOf<Child>().not.toExtend<PCIDevice>();
expectTypeOf<Device>().not.toExtend<SysBusDevice>();
expectTypeOf<PCIDevice>().not.toExtend<SysBusDevice>();
expectTypeOf<QomObject>().not.toExtend<Device>();

export class Odd extends Parent.with({ type: "odd" }) {
  // @ts-expect-error another type than the parent's method
  override own() {
    return "x";
  }
}

/** With a parent of QEMU's own, there is something above. */
export class Over extends SysBusDevice.with({ type: "over", parent: "pl011" }) {
  override realize() {
    super.realize();
    super.unrealize();
    expectTypeOf(super.realize).toEqualTypeOf<CParent["realize"]>();
  }
}

// @ts-expect-error a type has one parent
Parent.with({ type: "x", parent: "pl011" });
// @ts-expect-error the parent has this field
Parent.with({ type: "x", state: { f: u32 } });
// @ts-expect-error misspelt
Parent.with({ type: "x", sate: {} });

// @ts-expect-error a bare device has no lines of the system bus
Device.with({ type: "x", irqs: ["a"] });
// @ts-expect-error nor regions
Device.with({ type: "x", regions: { regs: { size: 4 } } });
// @ts-expect-error nor a node on the platform bus
Device.with({ type: "x", deviceTree: { node: "x", compatible: ["x"] } });
// @ts-expect-error a PCI device has INTx and MSI
PCIDevice.with({ type: "x", irqs: ["a"] });
// @ts-expect-error a PCI device is found by its IDs
PCIDevice.with({ type: "x", deviceTree: { node: "x", compatible: ["x"] } });
// @ts-expect-error an object has no clocks
QomObject.with({ type: "x", clocks: ["a"] });
// @ts-expect-error nor anything that migrates by itself
QomObject.with({ type: "x", migration: { version: 2 } });
// @ts-expect-error true or false
SysBusDevice.with({ type: "x", abstract: "yes" });
// @ts-expect-error a list
SysBusDevice.with({ type: "x", interfaces: "nmi" });

// @ts-expect-error no way to take an NMI
export class Numb extends SysBusDevice.with({ type: "x", interfaces: ["nmi"] }) implements NmiHandler {}

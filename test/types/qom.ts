/** What QEMU's objects mean to the type checker. Checked by tsc, never run; types.test.ts sees to that. */

import { expectTypeOf } from "bun:test";
import {
  type BusRef,
  bool,
  ClockRef,
  chardev,
  Device,
  DeviceRef,
  MemoryRegionRef,
  ObjectRef,
  PCIDevice,
  PCIDeviceRef,
  type QemuError,
  SysBusDevice,
  SysBusDeviceRef,
  u32,
  u64,
  type WeakObject,
} from "qemu-script";

class Uart extends SysBusDevice.with({
  type: "uart",
  properties: { line: chardev(), depth: u32({ default: 1 }), base: u64({}), loop: bool({}) },
  state: { level: u32 },
}) {
  readCount = 0;

  self() {
    expectTypeOf(this.object).toEqualTypeOf<SysBusDeviceRef>();
    this.object.addProperty("level", { type: "uint", get: () => this.level });
    this.object.addProperty("name", {
      type: "str",
      description: "a name",
      set: (value) => expectTypeOf(value).toEqualTypeOf<string>(),
    });
    this.object.addProperty("big", {
      type: "int",
      get: () => 2n ** 60n,
      set: (value) => expectTypeOf(value).toEqualTypeOf<number | bigint>(),
    });
    this.object.addProperty("list", { type: "any", get: () => [{ a: [1n, "b", null] }] });
    // @ts-expect-error the getter's value is not of the type
    this.object.addProperty("wrong", { type: "str", get: () => 1 });
    // @ts-expect-error neither getter nor setter
    this.object.addProperty("wrong", { type: "str" });
    // @ts-expect-error no such type
    this.object.addProperty("wrong", { type: "float", get: () => 1 });
    // @ts-expect-error QEMU does not wait for a promise
    this.object.addProperty("wrong", { type: "int", get: async () => 1 });
    // @ts-expect-error it stays its own
    this.object = DeviceRef.new("x");
  }
}

class Nic extends PCIDevice.with({ type: "nic", pci: { vendor: 1, device: 1, class: 0x20000 } }) {
  self() {
    expectTypeOf(this.object).toEqualTypeOf<PCIDeviceRef>();
  }
}

class Gate extends Device.with({ type: "gate" }) {
  self() {
    expectTypeOf(this.object).toEqualTypeOf<DeviceRef>();
  }
}

export function casts(
  object: ObjectRef,
  device: DeviceRef,
  sysBus: SysBusDeviceRef,
  pci: PCIDeviceRef,
  bus: BusRef,
) {
  expectTypeOf(pci.upcast(DeviceRef)).toEqualTypeOf<DeviceRef>();
  expectTypeOf(pci.upcast(ObjectRef)).toEqualTypeOf<ObjectRef>();
  expectTypeOf(object.downcast(PCIDeviceRef)).toEqualTypeOf<PCIDeviceRef | null>();
  expectTypeOf(device.downcast(SysBusDeviceRef)).toEqualTypeOf<SysBusDeviceRef | null>();
  expectTypeOf(object.downcast(Uart)).toEqualTypeOf<Uart | null>();
  expectTypeOf(sysBus.downcast(Uart)?.readCount).toEqualTypeOf<number | undefined>();
  expectTypeOf(device.downcast(Nic)).toEqualTypeOf<Nic | null>();
  // @ts-expect-error no device is a bus
  bus.upcast(DeviceRef);
  // @ts-expect-error not every device is a PCI device
  device.upcast(PCIDeviceRef);
  // @ts-expect-error a sysbus device is no PCI device
  sysBus.upcast(PCIDeviceRef);
  // @ts-expect-error a PCI device cannot be a sysbus device
  pci.downcast(SysBusDeviceRef);
  // @ts-expect-error it is a device already: that is an upcast
  pci.downcast(DeviceRef);
  // @ts-expect-error a clock cannot be a memory region
  (null as unknown as ClockRef).downcast(MemoryRegionRef);
  // @ts-expect-error a bus cannot be a device
  bus.downcast(DeviceRef);
  // @ts-expect-error a PCI device cannot be a UART on the system bus
  pci.downcast(Uart);
  // @ts-expect-error a sysbus device cannot be a PCI device of a script
  sysBus.downcast(Nic);
  // @ts-expect-error a handle of one kind is none of another
  const wrong: SysBusDeviceRef = pci;
  // @ts-expect-error what is shaped like a handle is none
  const forged: ObjectRef = { typeName: "x" };
  return [wrong, forged];
}

export function making(bus: BusRef, device: DeviceRef) {
  expectTypeOf(ObjectRef.new("container")).toEqualTypeOf<ObjectRef>();
  expectTypeOf(
    PCIDeviceRef.new("e1000", { mac: "52:54:00:12:34:56" }).realize(bus),
  ).toEqualTypeOf<PCIDeviceRef>();
  expectTypeOf(Uart.new({ line: "c0", depth: 4, base: 1n })).toEqualTypeOf<SysBusDeviceRef>();
  expectTypeOf(Nic.new()).toEqualTypeOf<PCIDeviceRef>();
  expectTypeOf(Gate.new()).toEqualTypeOf<DeviceRef>();
  expectTypeOf(device.addChild("uart", Uart.new())).toEqualTypeOf<SysBusDeviceRef>();
  expectTypeOf(device.clone()).toEqualTypeOf<DeviceRef>();
  expectTypeOf(Uart.new().weak()).toEqualTypeOf<WeakObject<SysBusDeviceRef>>();
  expectTypeOf(Uart.new().weak().get()).toEqualTypeOf<SysBusDeviceRef | null>();
  // @ts-expect-error no such property
  Uart.new({ speed: 1 });
  // @ts-expect-error 64 bits are a bigint
  Uart.new({ base: 1 });
  // @ts-expect-error a chardev is named by its ID
  Uart.new({ line: 1 });
  // @ts-expect-error it has no properties
  Gate.new({ a: 1 });
  // @ts-expect-error a function is no value
  ObjectRef.new("container", { a: () => 1 });
  // @ts-expect-error only devices are realized
  ObjectRef.new("container").realize();
  // @ts-expect-error a device is no bus
  Uart.new().realize(device);
  // @ts-expect-error a base class has no type of its own
  SysBusDevice.new();
}

export function finding(device: DeviceRef, error: QemuError) {
  expectTypeOf(ObjectRef.resolve("/machine")).toEqualTypeOf<ObjectRef | null>();
  expectTypeOf(ObjectRef.resolve("uart", { type: "uart" })).toEqualTypeOf<ObjectRef | null>();
  expectTypeOf(ObjectRef.resolve("uart", { type: SysBusDeviceRef })).toEqualTypeOf<SysBusDeviceRef | null>();
  expectTypeOf(ObjectRef.machine()).toEqualTypeOf<ObjectRef>();
  expectTypeOf(device.parent).toEqualTypeOf<ObjectRef | null>();
  expectTypeOf(device.child("clk")?.downcast(ClockRef)).toEqualTypeOf<ClockRef | null | undefined>();
  expectTypeOf(device.path).toEqualTypeOf<string | null>();
  expectTypeOf(device.get("x")).toEqualTypeOf<unknown>();
  device.set("x", [1, 2n, { a: new Uint8Array(1) }, device, null]);
  device.setLink("x", device);
  device.setLink("x", null);
  // @ts-expect-error undefined is no value
  device.set("x", undefined);
  // @ts-expect-error a link leads to an object
  device.setLink("x", "/machine");
  expectTypeOf(error.hint).toEqualTypeOf<string>();
}

/** A field called `object` would hide the device's own. */
// @ts-expect-error the name is taken
export class Taken extends SysBusDevice.with({ type: "taken", state: { object: u32 } }) {}

/** What the type checker must say to regions, trace events and what handlers are told. Checked by tsc, never run. */

import { expectTypeOf } from "bun:test";
import {
  type Access,
  type RamRegion,
  type Region,
  type RegisterArray,
  registers,
  SysBusDevice,
  struct,
  type TraceEvent,
  u8,
  u32,
} from "qemu-script";

class Every extends SysBusDevice.with({
  type: "every",
  traces: {
    every_event: (count: number, name: string) => `${name} ${count}`,
    every_other: () => "nothing to tell",
  },
  state: {
    value: u32,
    list: u32.array(4),
    bytes: u8.array(2),
    channels: struct({ load: u32, on: u8, name: u8.array(4) }).array(2),
  },
  regions: {
    regs: { size: 0x100 },
    window: {
      kind: "io",
      size: 0x10,
      read: "look",
      write: "put",
      handled: { min: 1, max: 8, unaligned: true },
    },
    all: { kind: "container", size: 0x1000 },
    ram: { kind: "ram", size: 0x100, inside: { region: "all", at: 0, priority: -1 }, enabled: false },
    rom: { kind: "rom", size: 0x100, name: "boot" },
    mirror: { kind: "alias", of: "ram", offset: 8 },
    placed: { size: 8, inside: { region: "all", at: 0x800 }, trace: { read: "every_read", text: () => "x" } },
    quiet: { size: 8, trace: false },
  },
}) {
  uses() {
    expectTypeOf(this.regions.regs).toEqualTypeOf<Region>();
    expectTypeOf(this.regions.all.enabled).toEqualTypeOf<boolean>();
    expectTypeOf(this.regions.ram.bytes).toEqualTypeOf<Uint8Array>();
    expectTypeOf(this.regions.rom).toExtend<RamRegion>();
    this.regions.ram.at = 4;
    this.regions.placed.at += 4;
    this.regions.mirror.enabled = false;
    this.regions.ram.write(0, Uint8Array.of(1));
    // @ts-expect-error the board places it
    this.regions.regs.at = 4;
    // @ts-expect-error no memory of its own
    this.regions.regs.bytes;
    // @ts-expect-error nor has a container
    this.regions.all.write(0, Uint8Array.of(1));
    // @ts-expect-error no such region
    this.regions.nowhere;
    // @ts-expect-error the memory stays
    this.regions.ram.bytes = new Uint8Array();
    // @ts-expect-error regions are as declared
    this.regions.ram = this.regions.rom;
  }

  traces() {
    expectTypeOf(this.trace.every_event).toEqualTypeOf<TraceEvent<[count: number, name: string]>>();
    this.trace.every_event(3, "value");
    this.trace.every_other();
    expectTypeOf(this.trace.every_event.enabled).toEqualTypeOf<boolean>();
    // @ts-expect-error not declared
    this.trace.every_read("text");
    // @ts-expect-error what its text is made of
    this.trace.every_event("value", 3);
    // @ts-expect-error all of it
    this.trace.every_event(3);
    // @ts-expect-error which events there are is declared
    this.trace.more = () => {};
  }

  look(offset: number, access: Access) {
    expectTypeOf(access.size).toEqualTypeOf<number>();
    expectTypeOf(access.secure).toEqualTypeOf<boolean>();
    expectTypeOf(access.user).toEqualTypeOf<boolean>();
    expectTypeOf(access.requester).toEqualTypeOf<number>();
    // @ts-expect-error an access is what it is
    access.size = 4;
    // @ts-expect-error no such reason
    access.fail("busy");
    return offset > 4 ? access.fail("decode") : 0n;
  }
  put() {}

  readOne(access: Access) {
    return access.fail("error");
  }
  writeOne(_value: number, _access: Access) {}
  readMany(index: number, access: Access) {
    return index + access.size;
  }
  writeMany(_index: number, _value: number, _access: Access) {}
  manyChanged(_index: number) {}
  wordy(_index: string) {
    return 0;
  }
  async later(_index: number) {}
}

// The host gives them; a field cannot have their names.
// @ts-expect-error taken
SysBusDevice.with({ type: "x", state: { regions: u32 } });
// @ts-expect-error taken
SysBusDevice.with({ type: "x", state: { trace: u32 } });

expectTypeOf<RegisterArray<Every>["field"]>().toEqualTypeOf<
  "list" | "bytes" | "channels.load" | "channels.on" | undefined
>();

registers(
  Every,
  "regs",
  {
    ONE: { at: 0x00, read: "readOne", write: "writeOne" },
    BITS: {
      at: 0x04,
      field: "value",
      bits: { A: 0, B: [3, 1], C: { at: [7, 4], mode: "unhandled", doc: "see" } },
    },
    MANY: {
      at: 0x10,
      count: 4,
      stride: 8,
      field: "list",
      changed: "manyChanged",
      written: "put",
      wasRead: "put",
    },
    METHODS: { at: 0x40, count: 2, read: "readMany", write: "writeMany" },
    STRUCTS: { at: 0x50, count: 2, field: "channels.load" },
    GAP: { at: 0x60, count: 8, mode: "reserved" },
  },
  { gaps: "allowed" },
);
registers(Every, "window", {});
// @ts-expect-error memory has no registers
registers(Every, "ram", {});
// @ts-expect-error nor has a container
registers(Every, "all", {});
// @ts-expect-error nor has an alias
registers(Every, "mirror", {});
// @ts-expect-error misspelt
registers(Every, "quiet", {}, { gap: "error" });
// @ts-expect-error allowed or an error
registers(Every, "placed", {}, { gaps: "warn" });

registers(Every, "regs", {
  // @ts-expect-error many registers have many values
  A: { at: 0, count: 4, field: "value" },
  // @ts-expect-error one register has one
  B: { at: 0, field: "list" },
  // @ts-expect-error no number
  C: { at: 0, count: 2, field: "channels.name" },
  // @ts-expect-error not a field of the struct
  D: { at: 0, count: 2, field: "channels.nowhere" },
  // @ts-expect-error the index is a number
  E: { at: 0, count: 2, read: "wordy" },
  // @ts-expect-error and comes with many only
  F: { at: 0, read: "readMany" },
  // @ts-expect-error only reads and writes may wait
  G: { at: 0, count: 4, field: "list", changed: "later" },
  // @ts-expect-error constants are many by themselves
  H: { at: 0, count: 2, values: [1, 2] },
  // @ts-expect-error a stride is for many
  I: { at: 0, stride: 8, field: "value" },
  // @ts-expect-error a pair of bits
  J: { at: 0, field: "value", bits: { X: [3, 2, 1] } },
  // @ts-expect-error no such mode
  K: { at: 0, field: "value", bits: { X: { at: 0, mode: "w2c" } } },
});

// @ts-expect-error no such kind
SysBusDevice.with({ type: "x", regions: { a: { kind: "flash", size: 8 } } });
// @ts-expect-error memory has a size
SysBusDevice.with({ type: "x", regions: { a: { kind: "ram" } } });
// @ts-expect-error and no handlers
SysBusDevice.with({ type: "x", regions: { a: { kind: "ram", size: 8, read: "look" } } });
// @ts-expect-error nor has a container
SysBusDevice.with({ type: "x", regions: { a: { kind: "container", size: 8, endian: "big" } } });
// @ts-expect-error an alias is of something
SysBusDevice.with({ type: "x", regions: { a: { kind: "alias", size: 8 } } });
// @ts-expect-error that is there
SysBusDevice.with({ type: "x", regions: { a: { kind: "alias", of: "b" } } });
// @ts-expect-error and is not itself
SysBusDevice.with({ type: "x", regions: { a: { kind: "alias", of: "a" } } });
// @ts-expect-error only an alias is of something
SysBusDevice.with({ type: "x", regions: { a: { size: 8, of: "b" }, b: { size: 8 } } });
// @ts-expect-error a region is inside another one
SysBusDevice.with({ type: "x", regions: { a: { size: 8, inside: { region: "a", at: 0 } } } });
SysBusDevice.with({
  type: "x",
  // @ts-expect-error that is there
  regions: { a: { size: 8, inside: { region: "nowhere", at: 0 } } },
});
SysBusDevice.with({
  type: "x",
  // @ts-expect-error somewhere
  regions: { all: { kind: "container", size: 8 }, a: { size: 8, inside: { region: "all" } } },
});
// @ts-expect-error yes or no
SysBusDevice.with({ type: "x", regions: { a: { size: 8, enabled: 1 } } });
// @ts-expect-error a name
SysBusDevice.with({ type: "x", regions: { a: { size: 8, read: () => 1 } } });
// @ts-expect-error some, or none
SysBusDevice.with({ type: "x", regions: { a: { size: 8, trace: true } } });
// @ts-expect-error events have texts
SysBusDevice.with({ type: "x", traces: { x_event: "text" } });
// @ts-expect-error which functions make
SysBusDevice.with({ type: "x", traces: { x_event: (count: number) => count } });

/** A child's region can be in its parent's. */
export class Child extends Every.with({
  type: "child",
  regions: { more: { kind: "ram", size: 8, inside: { region: "all", at: 0x900 } } },
  traces: { child_event: () => "x" },
}) {
  both() {
    this.regions.more.write(0, this.regions.ram.bytes);
    this.trace.child_event();
    this.trace.every_event(1, "x");
  }
}

/** What the type checker must say to a table of registers. Checked by tsc, never run; types.test.ts sees to that. */

import { expectTypeOf } from "bun:test";
import { bool, type Register, registers, SysBusDevice, u8, u32, u64, unused } from "qemu-script";

class Probe extends SysBusDevice.with({
  type: "probe",
  regions: { regs: { size: 0x40 }, other: { size: 8 } },
  irqs: ["out"],
  state: {
    gap: unused(4),
    value: u32,
    narrow: u8(1),
    flag: bool,
    long: u64,
    list: u32.array(4),
  },
}) {
  plain = 3;

  get doubled() {
    return this.value * 2;
  }
  get label() {
    return "";
  }

  readIt() {
    return 1;
  }
  async readLater() {
    return 1;
  }
  readText() {
    return "1";
  }
  readNothing() {}
  readWithArgument(_offset: number) {
    return 1;
  }

  writeIt(_value: number) {}
  writeWithout() {}
  async writeLater(_value: number) {}
  writeText(_value: string) {}
  writeTwo(_offset: number, _value: number) {}
  writeAndReturn(value: number) {
    return value;
  }

  act() {}
  async actLater() {}
  actOn(_what: number) {}

  protected hidden() {
    return 1;
  }

  static shared() {
    return 1;
  }
}

// What can be named, all at once: nothing is missing, and nothing else is there.
expectTypeOf<Register<Probe>["field"]>().toEqualTypeOf<
  "value" | "narrow" | "plain" | "doubled" | undefined
>();
expectTypeOf<Register<Probe>["read"]>().toEqualTypeOf<"readIt" | "readLater" | undefined>();
expectTypeOf<Register<Probe>["write"]>().toEqualTypeOf<
  "writeIt" | "writeWithout" | "writeLater" | "readNothing" | "act" | "actLater" | "actOn" | undefined
>();
expectTypeOf<Register<Probe>["changed"]>().toEqualTypeOf<
  "readIt" | "readText" | "readNothing" | "writeWithout" | "act" | undefined
>();

registers(Probe, "regs", {
  FIELD: { at: 0x00, doc: "a field", field: "value" },
  MODE: { at: 0x04, field: "narrow", mode: "w1c", mask: 0xf, changed: "act" },
  GETTER: { at: 0x08, field: "doubled", mode: "ro" },
  METHODS: { at: 0x0c, read: "readIt", write: "writeIt" },
  LATER: { at: 0x10, read: "readLater", write: "writeLater" },
  BOTH: { at: 0x14, field: "value", write: "writeWithout", writeOnly: true },
  NOTHING: { at: 0x18, ignoresWrites: true },
  ID: { at: 0x20, values: [1, 2, 3] },
});
registers(Probe, "other", {});

/** In the class itself, where tables usually are. */
export class Within extends SysBusDevice.with({
  type: "within",
  regions: { regs: { size: 8 } },
  state: { value: u32 },
}) {
  static {
    registers(Within, "regs", {
      FIELD: { at: 0, field: "value", write: "set" },
      // @ts-expect-error no such field
      WRONG: { at: 4, field: "valeu" },
    });
    // @ts-expect-error no such region
    registers(Within, "rges", {});
  }
  set(value: number) {
    this.value = value;
  }
}

/** What a class inherits, it can name. */
export class Child extends Probe {
  static {
    registers(Child, "regs", {
      OLD: { at: 0, field: "value", changed: "act" },
      NEW: { at: 4, read: "readNew" },
    });
  }
  readNew() {
    return 1;
  }
}

// @ts-expect-error no such region
registers(Probe, "nowhere", {});
class Regionless extends SysBusDevice.with({ type: "regionless" }) {}
// @ts-expect-error it has no regions at all
registers(Regionless, "regs", {});
// @ts-expect-error no device
registers(Date, "regs", {});

registers(Probe, "regs", {
  // @ts-expect-error a register has an offset
  A: { field: "value" },
  // @ts-expect-error which is a number
  B: { at: "0x10", field: "value" },
  // @ts-expect-error misspelt
  C: { at: 0, feild: "value" },
  // @ts-expect-error no such field
  D: { at: 0, field: "nowhere" },
  // @ts-expect-error a boolean is no register
  E: { at: 0, field: "flag" },
  // @ts-expect-error nor are 64 bits
  F: { at: 0, field: "long" },
  // @ts-expect-error nor is an array
  G: { at: 0, field: "list" },
  // @ts-expect-error nor is space in the migration stream
  H: { at: 0, field: "gap" },
  // @ts-expect-error nor is text
  I: { at: 0, field: "label" },
  // @ts-expect-error nor is a method
  J: { at: 0, field: "readIt" },
  // @ts-expect-error nor is what the host gives
  K: { at: 0, field: "config" },
});

registers(Probe, "regs", {
  // @ts-expect-error no such method
  A: { at: 0, read: "nowhere" },
  // @ts-expect-error a field is no method
  B: { at: 0, read: "value" },
  // @ts-expect-error nor is a getter
  C: { at: 0, read: "doubled" },
  // @ts-expect-error a register reads as a number
  D: { at: 0, read: "readText" },
  // @ts-expect-error which there has to be
  E: { at: 0, read: "readNothing" },
  // @ts-expect-error a read is told nothing
  F: { at: 0, read: "readWithArgument" },
  // @ts-expect-error not public
  G: { at: 0, read: "hidden" },
  // @ts-expect-error of the class, not of a device
  H: { at: 0, read: "shared" },
  // @ts-expect-error a name, not the method
  I: { at: 0, read: Probe.prototype.readIt },
});

registers(Probe, "regs", {
  // @ts-expect-error no such method
  A: { at: 0, write: "nowhere" },
  // @ts-expect-error the guest writes numbers
  B: { at: 0, write: "writeText" },
  // @ts-expect-error and one at a time
  C: { at: 0, write: "writeTwo" },
  // @ts-expect-error what would become of the value?
  D: { at: 0, write: "writeAndReturn" },
  // @ts-expect-error a field is no method
  E: { at: 0, write: "value" },
});

registers(Probe, "regs", {
  // @ts-expect-error no such method
  A: { at: 0, field: "value", changed: "nowhere" },
  // @ts-expect-error it is told nothing
  B: { at: 0, field: "value", changed: "actOn" },
  // @ts-expect-error a field is no method
  C: { at: 0, field: "value", changed: "value" },
  // @ts-expect-error only reads and writes may wait
  D: { at: 0, field: "value", changed: "actLater" },
});

registers(Probe, "regs", {
  // @ts-expect-error no such mode
  A: { at: 0, field: "value", mode: "w2c" },
  // @ts-expect-error a mask is a number
  B: { at: 0, field: "value", mask: "0xff" },
  // @ts-expect-error so are values
  C: { at: 0, values: ["a"] },
  // @ts-expect-error more than one, or one in a list
  D: { at: 0, values: 3 },
  // @ts-expect-error yes or no
  E: { at: 0, field: "value", ignoresWrites: 1 },
  // @ts-expect-error yes or no
  F: { at: 0, field: "value", writeOnly: "yes" },
  // @ts-expect-error in words
  G: { at: 0, field: "value", doc: 7 },
});

import { beforeEach, describe, expect, test } from "bun:test";
import {
  type Access,
  DeclarationError,
  type DeviceClass,
  registers,
  SysBusDevice,
  struct,
  u8,
  u32,
} from "qemu-script";
import { type Bank, compile } from "../../../host/device/bank.ts";
import { type AnyRegister, type Register, tableOf } from "../../../host/device/registers.ts";
import { type Call, fakeLibrary } from "../fake-library.ts";
import { makeDevice } from "./instance.ts";

/** No handler here looks at it. */
const ACCESS = {} as Access;

let log: Call[];
beforeEach(() => {
  log = fakeLibrary({ script_log_enabled: () => 1 });
});
const logged = () => log.filter(({ name }) => name === "script_log").map(({ args }) => args[1]);

class Probe extends SysBusDevice.with({
  type: "probe",
  regions: { regs: { name: "probe regs", size: 0x40 }, small: { size: 6 } },
  state: {
    value: u32(0xf0f0f0f0),
    other: u32,
    narrow: u8(0x5a),
    fifo: u32.array(2),
    pair: struct({ a: u32 }),
  },
}) {
  readonly done: string[] = [];

  get doubled() {
    return (this.value * 2) >>> 0;
  }

  get negative() {
    return -1;
  }

  readIt() {
    this.done.push("read");
    return 0x1234;
  }

  writeIt(value: number) {
    this.done.push(`write ${value}`);
  }

  noteChange() {
    this.done.push(`changed ${this.value}`);
  }

  keepIt(value: number) {
    this.value = value;
  }

  async writeLater(value: number) {
    await Promise.resolve();
    this.value = value;
  }

  async readLater() {
    await Promise.resolve();
    return this.value;
  }
}

type Table = Readonly<Record<string, Register<Probe>>>;

/** Any table at all: what is under test is what the host says to one that no type checker saw. */
function bankOf(table: unknown, region = "regs", cls: DeviceClass = Probe as DeviceClass): Bank {
  return compile(cls, region, table as Readonly<Record<string, AnyRegister>>);
}

/** A device with one register, at 4, and what the guest can do with it. */
function one(register: Omit<Register<Probe>, "at">) {
  const bank = bankOf({ REG: { at: 4, ...register } } satisfies Table);
  const device = makeDevice(Probe);
  return {
    device,
    readable: bank.readers[1] !== undefined,
    writable: bank.writers[1] !== undefined,
    read: () => bank.readers[1]!.call(device, ACCESS),
    write: (value: number) => {
      bank.writers[1]!.call(device, value, ACCESS);
      return device.value;
    },
  };
}

describe("a register over a field", () => {
  test("reads and writes it", () => {
    const reg = one({ field: "value" });
    expect(reg.read()).toBe(0xf0f0f0f0);
    expect(reg.write(0x89abcdef)).toBe(0x89abcdef);
    expect(reg.read()).toBe(0x89abcdef);
    expect(reg.device.other).toBe(0);
  });

  test("keeps as many bits as the field has", () => {
    const reg = one({ field: "narrow" });
    reg.write(0x1ff);
    expect([reg.device.narrow, reg.read()]).toEqual([0xff, 0xff]);
  });

  test("reads a getter", () => {
    const reg = one({ field: "doubled", mode: "ro" });
    expect([reg.read(), reg.writable]).toEqual([0xe1e1e1e0, false]);
  });

  test("calls `changed` after a write of another value, and not for a read", () => {
    const reg = one({ field: "value", changed: "noteChange" });
    reg.read();
    reg.write(7);
    reg.write(7);
    expect(reg.device.done).toEqual(["changed 7"]);
  });
});

describe("mode", () => {
  test("rw: all bits", () => {
    expect(one({ field: "value", mode: "rw" }).write(0xffffffff)).toBe(0xffffffff);
  });

  test("ro: a write is a bad one", () => {
    const reg = one({ field: "value", mode: "ro" });
    expect([reg.read(), reg.writable]).toEqual([0xf0f0f0f0, false]);
  });

  test("wo: a read is a bad one", () => {
    const reg = one({ field: "value", mode: "wo" });
    expect([reg.readable, reg.write(3)]).toEqual([false, 3]);
  });

  test("w1c: 1 clears, 0 leaves alone", () => {
    const reg = one({ field: "value", mode: "w1c" });
    expect(reg.write(0x800000f0)).toBe(0x70f0f000);
    expect(reg.write(0)).toBe(0x70f0f000);
    expect(reg.read()).toBe(0x70f0f000);
  });

  test("w1s: 1 sets, 0 leaves alone", () => {
    const reg = one({ field: "value", mode: "w1s" });
    expect(reg.write(0x0f000001)).toBe(0xfff0f0f1);
    expect(reg.write(0)).toBe(0xfff0f0f1);
  });

  test("w0c: 0 clears, 1 leaves alone", () => {
    const reg = one({ field: "value", mode: "w0c" });
    expect(reg.write(0xffffffff)).toBe(0xf0f0f0f0);
    expect(reg.write(0x7fffff0f)).toBe(0x70f0f000);
  });

  test("wc: a write clears, whatever is written", () => {
    for (const value of [0, 5, 0xffffffff]) {
      expect(one({ field: "value", mode: "wc" }).write(value)).toBe(0);
    }
    expect(one({ field: "value", mode: "wc" }).read()).toBe(0xf0f0f0f0);
  });

  test("rc: reading clears", () => {
    const reg = one({ field: "value", mode: "rc" });
    expect([reg.read(), reg.read(), reg.device.value]).toEqual([0xf0f0f0f0, 0, 0]);
    expect(reg.writable).toBe(false);
  });

  test.each([
    ["rw", 0xffffffff],
    ["wo", 0xffffffff],
    ["w1c", 0x70f0f0f0],
    ["w1s", 0x0000000f],
    ["w0c", 0x7fffffff],
    ["wc", 0x00000001],
  ] as const)("%s calls `changed`", (mode, value) => {
    const reg = one({ field: "value", mode, changed: "noteChange" });
    const result = reg.write(value);
    expect(reg.device.done).toEqual([`changed ${result}`]);
  });
});

describe("a mask is the bits that a write changes", () => {
  test.each([
    ["rw", 0x0000ffff, 0x12345678, 0xf0f05678],
    ["rw", 0xffff0000, 0x12345678, 0x1234f0f0],
    ["wo", 0x0000ffff, 0x12345678, 0xf0f05678],
  ] as const)("%s, mask %p", (mode, mask, written, stored) => {
    expect(one({ field: "value", mode, mask }).write(written)).toBe(stored);
  });

  test.each([
    ["w1c", 0x0000ffff, 0xffffffff, 0xf0f00000],
    ["w1c", 0xff000000, 0xffffffff, 0x00f0f0f0],
    ["w1s", 0x0000ffff, 0xffffffff, 0xf0f0ffff],
    ["w1s", 0xff000000, 0xffffffff, 0xfff0f0f0],
    ["w0c", 0x0000ffff, 0x00000000, 0xf0f00000],
    ["w0c", 0xff000000, 0x00000000, 0x00f0f0f0],
    ["wc", 0x0000ffff, 0x00000001, 0xf0f00000],
    ["wc", 0xff000000, 0x00000001, 0x00f0f0f0],
  ] as const)("%s, mask %p", (mode, mask, written, stored) => {
    expect(one({ field: "value", mode, mask }).write(written)).toBe(stored);
  });
});

describe("methods", () => {
  test("take the place of reads and writes", () => {
    const reg = one({ read: "readIt", write: "writeIt" });
    expect(reg.read()).toBe(0x1234);
    reg.write(5);
    expect(reg.device.done).toEqual(["read", "write 5"]);
  });

  test("win over the field on their side, which keeps the other", () => {
    const reg = one({ field: "value", write: "writeIt" });
    expect(reg.read()).toBe(0xf0f0f0f0);
    expect(reg.write(5)).toBe(0xf0f0f0f0);
    const other = one({ field: "value", read: "readIt" });
    expect([other.read(), other.write(5)]).toEqual([0x1234, 5]);
  });

  test("that write are followed by `changed` if they changed the field", () => {
    const reg = one({ field: "value", write: "writeIt", changed: "noteChange" });
    reg.write(5);
    expect(reg.device.done).toEqual(["write 5"]);
    const other = one({ field: "value", write: "keepIt", changed: "noteChange" });
    other.write(5);
    other.write(5);
    expect(other.device.done).toEqual(["changed 5"]);
  });

  test("that write later are followed by `changed` then", async () => {
    const bank = bankOf({ REG: { at: 0, field: "value", write: "writeLater", changed: "noteChange" } });
    const device = makeDevice(Probe);
    const written = bank.writers[0]!.call(device, 5, ACCESS);
    expect(device.done).toEqual([]);
    await written;
    expect(device.done).toEqual(["changed 5"]);
  });

  test("may be asynchronous", async () => {
    expect(await one({ read: "readLater" }).read()).toBe(0xf0f0f0f0);
  });

  test("alone leave the other side bad", () => {
    expect(one({ read: "readIt" }).writable).toBe(false);
    expect(one({ write: "writeIt" }).readable).toBe(false);
  });

  test("of a class that overrides them are the overriding ones", () => {
    class Child extends Probe {
      override readIt() {
        return super.readIt() + 1;
      }
    }
    const bank = bankOf({ REG: { at: 0, read: "readIt" } }, "regs", Child as DeviceClass);
    const child = makeDevice(Child);
    expect(bank.readers[0]!.call(child, ACCESS)).toBe(0x1235);
    expect(child.done).toEqual(["read"]);
  });
});

test("writeOnly makes reads bad", () => {
  const reg = one({ field: "value", mode: "w1c", writeOnly: true });
  expect([reg.readable, reg.write(0xf0)]).toEqual([false, 0xf0f0f000]);
});

test("ignoresWrites makes writes good, and nothing else", () => {
  const reg = one({ field: "value", ignoresWrites: true });
  expect([reg.writable, reg.write(1), reg.read()]).toEqual([true, 0xf0f0f0f0, 0xf0f0f0f0]);
  const alone = one({ ignoresWrites: true });
  expect([alone.readable, alone.writable]).toEqual([false, true]);
});

test("values are one constant register each", () => {
  const bank = bankOf({ ID: { at: 8, values: [0x11, 0xffffffff, -1] } });
  const device = makeDevice(Probe);
  expect(bank.readers.map((read) => read?.call(device, ACCESS))).toEqual(
    Array.from({ length: bank.readers.length }, (_, word) => [0x11, 0xffffffff, 0xffffffff][word - 2]),
  );
  expect(bank.writers.every((write) => write === undefined)).toBe(true);
});

describe("reading is plain, so that nothing can have changed after it,", () => {
  const plain = (register: Omit<Register<Probe>, "at">) =>
    bankOf({ REG: { at: 4, ...register } } satisfies Table).plain[1];

  test("of a field, and of constants", () => {
    expect(plain({ field: "value" })).toBe(true);
    expect(plain({ field: "narrow", mode: "w1c" })).toBe(true);
    expect(plain({ field: "value", write: "writeIt", changed: "noteChange" })).toBe(true);
    expect(plain({ values: [1] })).toBe(true);
  });

  test("not by a method, nor where reading clears", () => {
    expect(plain({ read: "readIt" })).toBe(false);
    expect(plain({ field: "value", read: "readIt" })).toBe(false);
    expect(plain({ field: "value", mode: "rc" })).toBe(false);
  });

  test("of a getter, too: it only computes", () => {
    expect(plain({ field: "doubled", mode: "ro" })).toBe(true);
  });
});

describe("bad accesses", () => {
  const bank = () => bankOf({ REG: { at: 4, field: "value" } });

  test("have no reader and no writer", () => {
    const { readers, writers } = bank();
    expect(readers.map((read) => read !== undefined).indexOf(true)).toBe(1);
    expect(readers.filter((read) => read !== undefined).length).toBe(1);
    expect(writers.filter((write) => write !== undefined).length).toBe(1);
  });

  test("read 0 and are logged as guest errors, with the region's name and the offset", () => {
    expect(bank().readOther({}, 0x3e, ACCESS)).toBe(0);
    expect(bank().writeOther({}, 0x10, 1, ACCESS)).toBeUndefined();
    expect(logged()).toEqual(["probe regs_read: Bad offset 0x3e", "probe regs_write: Bad offset 0x10"]);
  });

  test("of a region without a name carry its key", () => {
    bankOf({ REG: { at: 0, field: "value" } }, "small").readOther({}, 4, ACCESS);
    expect(logged()).toEqual(["small_read: Bad offset 0x4"]);
  });
});

describe("refused when a script is loaded", () => {
  const refuses = (table: unknown, message: string, region = "regs") => {
    expect(() => bankOf(table, region)).toThrow(new DeclarationError(message));
  };

  test.each([1, 2, 3, 5, 0.5])("an offset of %p", (at) => {
    refuses(
      { REG: { at, field: "value" } },
      `probe: register REG of regs: offset 0x${at.toString(16)} is not a multiple of 4`,
    );
  });

  test.each([0x40, 0x44, 0x1000])("offset %p, outside the region", (at) => {
    const offset = `0x${at.toString(16)}`;
    refuses(
      { REG: { at, field: "value" } },
      `probe: register REG of regs: offset ${offset} is outside the region, which has 0x40 bytes`,
    );
  });

  test("an offset so far that the table would be huge", () => {
    class Large extends SysBusDevice.with({ type: "large", regions: { regs: { size: 2 ** 32 } } }) {}
    const at = 2 ** 26;
    expect(() => bankOf({ REG: { at, ignoresWrites: true } }, "regs", Large as DeviceClass)).toThrow(
      new DeclarationError(
        "large: register REG of regs: offset 0x4000000 is too far from the start: 0x4000000 bytes of registers at most",
      ),
    );
  });

  test("an offset before the region", () => {
    refuses(
      { REG: { at: -4, field: "value" } },
      "probe: register REG of regs: offset 0x-4 is outside the region, which has 0x40 bytes",
    );
  });

  test("a register that only begins in the region", () => {
    refuses(
      { REG: { at: 4, field: "value" } },
      "probe: register REG of small: offset 0x4 is outside the region, which has 0x6 bytes",
      "small",
    );
  });

  test("values that go on beyond the region", () => {
    expect(() => bankOf({ ID: { at: 0x38, values: [1, 2] } })).not.toThrow();
    refuses(
      { ID: { at: 0x38, values: [1, 2, 3] } },
      "probe: register ID of regs: offset 0x40 is outside the region, which has 0x40 bytes",
    );
  });

  test("two registers at one offset", () => {
    refuses(
      { ONE: { at: 8, field: "value" }, TWO: { at: 8, field: "other" } },
      "probe: register TWO of regs: offset 0x8 is taken by ONE",
    );
  });

  test("values over another register", () => {
    refuses(
      { REG: { at: 8, field: "value" }, ID: { at: 0, values: [1, 2, 3] } },
      "probe: register ID of regs: offset 0x8 is taken by REG",
    );
  });

  test.each(["read", "write", "changed"])("%s that names no method", (part) => {
    refuses(
      { REG: { at: 0, field: "value", [part]: "nowhere" } },
      `probe: register REG of regs: ${part}: Probe has no method nowhere()`,
    );
  });

  test.each(["read", "write", "changed"])("%s that names a field or a getter", (part) => {
    for (const name of ["value", "doubled", "fifo"]) {
      refuses(
        { REG: { at: 0, field: "value", [part]: name } },
        `probe: register REG of regs: ${part}: Probe has no method ${name}()`,
      );
    }
  });

  test("a field that is not there", () => {
    refuses({ REG: { at: 0, field: "nowhere" } }, "probe: register REG of regs: field: Probe has no nowhere");
  });

  // The guest's writes would be lost, without a word.
  test.each(["rw", "wo", "w1c", "w1s", "w0c", "wc", undefined])("a getter in mode %p", (mode) => {
    refuses(
      { REG: { at: 0, field: "doubled", mode } },
      `probe: register REG of regs: field: Probe's doubled cannot be written: give it mode "ro" or a write method`,
    );
  });

  test("a getter in mode rc: reading could not clear it", () => {
    expect(() => bankOf({ REG: { at: 0, field: "doubled", mode: "rc" } })).toThrow(DeclarationError);
  });

  test("a struct as a field", () => {
    refuses(
      { REG: { at: 0, field: "pair", mode: "ro" } },
      "probe: register REG of regs: field: Probe's pair is a struct",
    );
  });

  test("an array as a field", () => {
    refuses(
      { REG: { at: 0, field: "fifo", mode: "ro" } },
      "probe: register REG of regs: field: Probe's fifo is an array",
    );
  });

  test("a method as a field", () => {
    refuses(
      { REG: { at: 0, field: "readIt", mode: "ro" } },
      "probe: register REG of regs: field: Probe has no readIt",
    );
  });

  test.each<[string, Register<Probe>]>([
    ["ignoresWrites", { at: 0, field: "value", ignoresWrites: true }],
    ["mode ro", { at: 0, field: "value", mode: "ro" }],
    ["values", { at: 0, values: [1] }],
  ])("`changed` where it would never be called: %s", (_, register) => {
    refuses(
      { REG: { ...register, changed: "noteChange" } },
      "probe: register REG of regs: changed is never called: nothing can be written",
    );
  });

  test.each<[string, Register<Probe>]>([
    ["write", { at: 0, field: "value", write: "writeIt" }],
    ["ignoresWrites", { at: 0, field: "value", ignoresWrites: true }],
    ["mode ro", { at: 0, field: "value", mode: "ro" }],
    ["mode rc", { at: 0, field: "value", mode: "rc" }],
    ["no field", { at: 0, read: "readIt" }],
  ])("a mask where no write is stored: %s", (_, register) => {
    refuses(
      { REG: { ...register, mask: 1 } },
      "probe: register REG of regs: mask has no effect: no write is stored",
    );
  });

  test("a mode where methods do all", () => {
    refuses(
      { REG: { at: 0, read: "readIt", write: "writeIt", mode: "w1c" } },
      "probe: register REG of regs: mode has no effect: methods read and write it",
    );
  });

  test("a register that nothing is said about", () => {
    const message =
      "probe: register REG of regs: nothing says what it does: give it field, read, write, values or ignoresWrites";
    refuses({ REG: { at: 0 } }, message);
    refuses({ REG: { at: 0, doc: "What is it?", changed: "noteChange", mask: 1 } }, message);
  });
});

describe("the table of a class", () => {
  const table = { REG: { at: 0, field: "value" } } as const;
  class Declared extends Probe {
    static {
      registers(Declared, "regs", table);
    }
  }

  test("is found by region", () => {
    expect<unknown>(tableOf(Declared, "regs")?.table).toBe(table);
    expect(tableOf(Declared, "small")).toBeUndefined();
    expect(tableOf(Probe, "regs")).toBeUndefined();
  });

  test("is inherited", () => {
    class Child extends Declared {}
    expect<unknown>(tableOf(Child, "regs")?.table).toBe(table);
  });

  test("goes on in a class that extends it, whose registers replace those of the same name, for itself", () => {
    const other = { REG: { at: 4, field: "other" }, MORE: { at: 8, field: "other" } } as const;
    class Child extends Declared {
      static {
        registers(Child, "regs", other);
      }
    }
    expect<unknown>(tableOf(Child, "regs")?.table).toEqual({ ...table, ...other });
    expect<unknown>(tableOf(Declared, "regs")?.table).toBe(table);
  });

  test("cannot be declared twice", () => {
    class Twice extends Probe {}
    registers(Twice, "regs", table);
    expect(() => registers(Twice, "regs", table)).toThrow(
      new DeclarationError("probe: the registers of region regs are declared twice"),
    );
  });

  test("cannot be declared for a region that is not there", () => {
    expect(() => Reflect.apply(registers, undefined, [Probe, "nowhere", table])).toThrow(
      new DeclarationError("probe: there is no region nowhere"),
    );
  });
});

test("a large region takes no more than its registers need", () => {
  class Large extends SysBusDevice.with({
    type: "large",
    regions: { regs: { size: 2 ** 26 } },
    state: { value: u32 },
  }) {}
  const bank = bankOf({ REG: { at: 0x10, field: "value" } }, "regs", Large as DeviceClass);
  expect(bank.readers.length).toBeLessThan(100);
  expect(bank.readers[2 ** 20]).toBeUndefined();
});

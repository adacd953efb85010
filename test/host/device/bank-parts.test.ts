/** Registers with named bits, registers by the dozen, and what is called around a read or a write. */

import { beforeEach, describe, expect, test } from "bun:test";
import {
  type Access,
  DeclarationError,
  type DeviceClass,
  SysBusDevice,
  struct,
  timer,
  u8,
  u32,
} from "qemu-script";
import { type Bank, compile } from "../../../host/device/bank.ts";
import type { Register, RegisterArray, TableOptions } from "../../../host/device/registers.ts";
import { type Call, fakeLibrary } from "../fake-library.ts";
import { makeDevice } from "./instance.ts";

let log: Call[];
beforeEach(() => {
  log = fakeLibrary({ script_log_enabled: () => 1 });
});
// include/qemu/log.h
const MASKS = new Map([
  [0x400, "unimp"],
  [0x800, "guest error"],
]);
const logged = () =>
  log
    .filter(({ name }) => name === "script_log")
    .map(({ args }) => `${MASKS.get(args[0] as number)}: ${args[1]}`);

/** No handler here asks it anything. */
const ACCESS = {} as Access;

class Probe extends SysBusDevice.with({
  type: "probe",
  regions: { regs: { name: "probe", size: 0x40 }, small: { size: 8 } },
  state: {
    value: u32(0xf0f0f0f0),
    list: u32.array(4),
    bytes: u8.array(2),
    channels: struct({ load: u32(7), name: u8.array(4), done: timer({ clock: "virtual" }) }).array(3),
    fifo: struct({ head: u32 }),
  },
}) {
  readonly done: unknown[] = [];

  get doubled() {
    return this.value * 2;
  }
  readIt(...args: unknown[]) {
    this.done.push("read", ...args);
    return 0x1234;
  }
  writeIt(...args: unknown[]) {
    this.done.push("write", ...args);
  }
  async readLater() {
    await Promise.resolve();
    this.done.push("read");
    return 1;
  }
  async fail() {
    await Promise.resolve();
    throw new Error("not today");
  }
  async writeLater(value: number) {
    await Promise.resolve();
    this.value = value;
  }
  wasRead(...args: unknown[]) {
    this.done.push("was read", ...args);
  }
  written(...args: unknown[]) {
    this.done.push("written", ...args);
  }
  changed(...args: unknown[]) {
    this.done.push("changed", ...args);
  }
  timerExpired() {}
}

const bankOf = (table: unknown, region = "regs", options?: TableOptions): Bank =>
  Reflect.apply(compile, undefined, [Probe as unknown as DeviceClass, region, table, options]);

/** A device with one register, at 0. */
function one(register: Omit<Register<Probe>, "at">) {
  const bank = bankOf({ REG: { at: 0, ...register } });
  const device = makeDevice(Probe);
  return {
    device,
    read: () => bank.readers[0]!.call(device, ACCESS),
    write: (value: number) => {
      bank.writers[0]!.call(device, value, ACCESS);
      return device.value;
    },
    fields: (value: number) => bank.fields(0, value),
    plain: bank.plain[0],
  };
}

/** Many registers, from 0x10 on. */
function many(register: Omit<RegisterArray<Probe>, "at">) {
  const bank = bankOf({ MANY: { at: 0x10, ...register } });
  const device = makeDevice(Probe);
  return {
    bank,
    device,
    read: (offset: number) => bank.readers[offset / 4]?.call(device, ACCESS),
    write: (offset: number, value: number) => bank.writers[offset / 4]!.call(device, value, ACCESS),
  };
}

const refuses = (table: unknown, message: string, region = "regs", options?: TableOptions) => {
  expect(() => bankOf(table, region, options)).toThrow(new DeclarationError(`probe: ${message}`));
};

describe("named bits", () => {
  const bits = { BRK: 0, FEN: 4, WLEN: [6, 5], TOP: [31, 24] } as const;

  test("are told by their names, those of one bit if set, the others with their value", () => {
    const reg = one({ field: "value", bits });
    expect(reg.fields(0x70)).toBe("FEN WLEN=3");
    expect(reg.fields(0xff000041)).toBe("BRK WLEN=2 TOP=255");
    expect([reg.fields(0), reg.fields(0x0e)]).toEqual(["", ""]);
  });

  test("all 32 of them", () => {
    expect(one({ field: "value", bits: { ALL: [31, 0] } }).fields(0xfedcba98)).toBe(`ALL=${0xfedcba98}`);
  });

  test("change nothing by themselves", () => {
    const reg = one({ field: "value", bits });
    expect([reg.write(0xffffffff), reg.read(), reg.plain]).toEqual([0xffffffff, 0xffffffff, true]);
    expect(logged()).toEqual([]);
  });

  test("can each have a mode of their own", () => {
    const reg = one({
      field: "value",
      bits: {
        RW: [3, 0],
        RO: { at: [7, 4], mode: "ro" },
        W1C: { at: [11, 8], mode: "w1c" },
        W1S: { at: [15, 12], mode: "w1s" },
        W0C: { at: [19, 16], mode: "w0c" },
        WC: { at: [23, 20], mode: "wc" },
      },
    });
    // f0f0f0f0: rw gets 5, ro stays f, 0 & ~5, f | 5, 0 & 5, f goes, the rest is like the register.
    expect(reg.write(0xabc55555)).toBe(0xab00f0f5);
    reg.device.value = 0xffffffff;
    expect(reg.write(0x00055550)).toBe(0x0005faf0);
  });

  test("cleared by reading, and hidden from it", () => {
    const reg = one({
      field: "value",
      bits: { EVENTS: { at: [31, 28], mode: "rc" }, KEY: { at: [23, 20], mode: "wo" } },
    });
    expect([reg.read(), reg.read(), reg.device.value]).toEqual([0xf000f0f0, 0x0000f0f0, 0x00f0f0f0]);
    expect(reg.write(0xffffffff)).toBe(0x0fffffff);
    expect(reg.plain).toBe(false);
  });

  test("reserved or not implemented are not stored, and the guest's setting them is logged by name", () => {
    const reg = one({
      field: "value",
      bits: {
        ON: 0,
        ZERO: { at: [3, 1], mode: "reserved" },
        MUST: { at: 7, mode: "reserved" },
        DMA: { at: [9, 8], mode: "unhandled" },
      },
    });
    expect(reg.write(0xffffffff)).toBe(0xfffffcf1);
    expect(reg.write(1)).toBe(0x81);
    reg.write(0x104);
    expect(logged()).toEqual([
      "guest error: probe_write: REG: reserved bits ZERO MUST",
      "unimp: probe_write: REG: bits that are not implemented: DMA",
      "guest error: probe_write: REG: reserved bits ZERO",
      "unimp: probe_write: REG: bits that are not implemented: DMA",
    ]);
  });

  test("are watched too where a method writes", () => {
    const reg = one({ write: "writeIt", bits: { NO: { at: 3, mode: "reserved" } } });
    reg.write(0xc);
    expect(reg.device.done).toEqual(["write", 0xc, ACCESS]);
    expect(logged()).toEqual(["guest error: probe_write: REG: reserved bits NO"]);
  });

  test.each<[string, object]>([
    ["bits: A is at [32, 32]: [highest, lowest] of 31 to 0", { A: 32 }],
    ["bits: A is at [-1, -1]: [highest, lowest] of 31 to 0", { A: -1 }],
    ["bits: A is at [1.5, 1.5]: [highest, lowest] of 31 to 0", { A: 1.5 }],
    ["bits: A is at [3, 5]: [highest, lowest] of 31 to 0", { A: [3, 5] }],
    ["bits: B and A overlap", { A: [5, 3], B: [6, 5] }],
    ["bits: A and B overlap", { A: 3, B: 3 }],
  ])("refused: %s", (message, wrong) => {
    refuses({ REG: { at: 0, field: "value", bits: wrong } }, `register REG of regs: ${message}`);
  });

  test.each<[string, Omit<Register<Probe>, "at">]>([
    [
      "bits: mode w1c of A has no effect: a method does it",
      { field: "value", write: "writeIt", bits: { A: { at: 0, mode: "w1c" } } },
    ],
    [
      "bits: mode rc of A has no effect: a method does it",
      { field: "value", read: "readIt", bits: { A: { at: 0, mode: "rc" } } },
    ],
    [
      "bits: mode w1s of A has no effect: there is no field",
      { ignoresWrites: true, bits: { A: { at: 0, mode: "w1s" } } },
    ],
  ])("refused: %s", (message, register) => {
    refuses({ REG: { at: 0, ...register } }, `register REG of regs: ${message}`);
  });
});

describe("a reserved register", () => {
  const bank = () =>
    bankOf({ GAP: { at: 4, mode: "reserved" }, HOLE: { at: 8, count: 2, mode: "reserved" } });

  test("reads 0, keeps nothing, and its use is logged by name", () => {
    const { readers, writers } = bank();
    const device = makeDevice(Probe);
    expect(readers[1]!.call(device, ACCESS)).toBe(0);
    expect(writers[3]!.call(device, 1, ACCESS)).toBeUndefined();
    expect(logged()).toEqual([
      "guest error: probe_read: GAP is reserved",
      "guest error: probe_write: HOLE[1] is reserved",
    ]);
  });

  test.each([
    "field",
    "read",
    "write",
    "changed",
    "written",
    "wasRead",
    "values",
    "mask",
    "bits",
    "writeOnly",
    "ignoresWrites",
  ])("has no %s", (key) => {
    refuses(
      { GAP: { at: 0, mode: "reserved", [key]: "readIt" } },
      `register GAP of regs: ${key}: a reserved register has nothing`,
    );
  });
});

describe("gaps", () => {
  test("are where accesses are bad, unless they are to be none", () => {
    const table = { LOW: { at: 0, field: "value" } };
    expect(() => bankOf(table, "small")).not.toThrow();
    refuses(table, "region small has no register at offset 0x4", "small", { gaps: "error" });
    const full = { ...table, HIGH: { at: 4, mode: "reserved" } };
    expect(() => bankOf(full, "small", { gaps: "error" })).not.toThrow();
  });
});

describe("many registers", () => {
  test("have an element each, a stride apart", () => {
    const { read, write, device, bank } = many({ count: 4, stride: 8, field: "list" });
    for (let i = 0; i < 4; i++) {
      write(0x10 + 8 * i, 0x100 + i);
    }
    expect([...device.list]).toEqual([0x100, 0x101, 0x102, 0x103]);
    expect([read(0x10), read(0x14), read(0x28)]).toEqual([0x100, undefined, 0x103]);
    expect([bank.labels[4], bank.labels[5], bank.labels[10]]).toEqual(["MANY[0]", undefined, "MANY[3]"]);
    expect(bank.plain[4]).toBe(true);
  });

  test("one after another if no stride is said", () => {
    const { write, device } = many({ count: 2, field: "bytes", mode: "w1s", mask: 0x7f });
    write(0x14, 0x1ff);
    expect([...device.bytes]).toEqual([0, 0x7f]);
  });

  test("over a field of each struct of an array", () => {
    const { read, write, device } = many({
      count: 3,
      stride: 0x10,
      field: "channels.load",
      changed: "changed",
    });
    write(0x20, 5);
    write(0x20, 5);
    expect(device.channels.map(({ load }) => load)).toEqual([7, 5, 7]);
    expect([read(0x20), read(0x30)]).toEqual([5, 7]);
    expect(device.done).toEqual(["changed", 1]);
  });

  test("have methods that are told the index first", () => {
    const { read, write, device } = many({
      count: 2,
      read: "readIt",
      write: "writeIt",
      wasRead: "wasRead",
      written: "written",
    });
    expect(read(0x14)).toBe(0x1234);
    write(0x10, 9);
    expect(device.done).toEqual(["read", 1, ACCESS, "was read", 1, "write", 0, 9, ACCESS, "written", 0]);
  });

  test.each<[string, object]>([
    ["a count of 0 makes no sense", { count: 0, field: "list" }],
    ["a count of 1.5 makes no sense", { count: 1.5, field: "list" }],
    ["a stride of 6 bytes is no multiple of 4", { count: 2, stride: 6, field: "list" }],
    ["a stride of 0 bytes is no multiple of 4", { count: 2, stride: 0, field: "list" }],
    ["field: Probe's list has 4 elements for 3 registers", { count: 3, field: "list" }],
    ["field: Probe's channels has 3 elements for 2 registers", { count: 2, field: "channels.load" }],
    ...[
      "value",
      "nowhere",
      "channels",
      "channels.nowhere",
      "channels.name",
      "channels.done",
      "list.load",
      "fifo",
      "doubled",
    ].map((field): [string, object] => [
      `field: Probe has no array ${field} of numbers in its state`,
      { count: 4, field },
    ]),
    ["offset 0x40 is outside the region, which has 0x40 bytes", { count: 4, stride: 0x10, field: "list" }],
  ])("refused: %s", (message, register) => {
    refuses({ MANY: { at: 0x10, ...register } }, `register MANY of regs: ${message}`);
  });

  test("are refused over each other", () => {
    refuses(
      { A: { at: 0, count: 4, stride: 8, field: "list" }, B: { at: 4, count: 4, stride: 4, field: "list" } },
      "register B of regs: offset 0x8 is taken by A",
    );
  });

  test("a single one has no struct as its field", () => {
    refuses(
      { A: { at: 0, field: "fifo", mode: "ro" } },
      "register A of regs: field: Probe's fifo is a struct",
    );
  });
});

describe("callbacks", () => {
  test("written comes after every write, changed after one that changes", () => {
    const reg = one({ field: "value", changed: "changed", written: "written" });
    reg.write(1);
    reg.write(1);
    expect(reg.device.done).toEqual(["changed", "written", "written"]);
  });

  test("wasRead comes after a read, whose value is from before", () => {
    const reg = one({ field: "value", wasRead: "wasRead" });
    expect([reg.read(), reg.device.done, reg.plain]).toEqual([0xf0f0f0f0, ["was read"], false]);
  });

  test("come when an asynchronous method is done", async () => {
    const reading = one({ read: "readLater", wasRead: "wasRead" });
    expect(await reading.read()).toBe(1);
    expect(reading.device.done).toEqual(["read", "was read"]);
    const bank = bankOf({
      REG: { at: 0, field: "value", write: "writeLater", changed: "changed", written: "written" },
    });
    const device = makeDevice(Probe);
    for (const value of [3, 3]) {
      await bank.writers[0]!.call(device, value, ACCESS);
    }
    expect(device.done).toEqual(["changed", "written", "written"]);
  });

  test("do not come when it fails", async () => {
    const bank = bankOf({
      REG: { at: 0, read: "fail", write: "fail", wasRead: "wasRead", written: "written" },
    });
    const device = makeDevice(Probe);
    expect(Promise.resolve(bank.readers[0]!.call(device, ACCESS))).rejects.toThrow("not today");
    expect(Promise.resolve(bank.writers[0]!.call(device, 1, ACCESS))).rejects.toThrow("not today");
    await Bun.sleep(0);
    expect(device.done).toEqual([]);
  });

  test.each<[string, object]>([
    ["changed is never called: nothing can be written", { field: "value", mode: "ro", changed: "changed" }],
    ["written is never called: nothing can be written", { field: "value", mode: "ro", written: "written" }],
    [
      "changed is never called: there is no field to change; use written",
      { write: "writeIt", changed: "changed" },
    ],
    ["wasRead is never called: nothing can be read", { field: "value", mode: "wo", wasRead: "wasRead" }],
    ["wasRead is never called: nothing can be read", { write: "writeIt", wasRead: "wasRead" }],
    ["wasRead: Probe has no method nowhere()", { field: "value", wasRead: "nowhere" }],
    ["written: Probe has no method value()", { field: "value", written: "value" }],
  ])("refused: %s", (message, register) => {
    refuses({ REG: { at: 0, ...register } }, `register REG of regs: ${message}`);
  });
});

/** A device's own access to guest memory. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { Poker } from "../lib/poker.ts";
import { device } from "../lib/program.ts";
import { endAll, HEADLESS, Qemu } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const PATH = device("dma");
const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];
/** The device tree is at the start of memory, and nothing here. */
const RAM = 0x4100_0000;
const RAM_END = 0x4400_0000;
/** There is nothing on virt. */
const NOWHERE = 0x0f00_0000;

/** As in the fixture. */
const LOW = 0x00;
const HIGH = 0x04;
const COUNT = 0x08;
const VALUE = 0x0c;
const VALUE_HIGH = 0x10;
const READ = 0x20;
const WRITE = 0x24;
const FILL = 0x28;
const LOAD = 0x2c;
const STORE = 0x30;
const MAP = 0x34;
const POKE = 0x38;
const PEEK = 0x3c;
const UNMAP = 0x40;
const THROUGH = 0x44;
const ID = 0x48;
const NOT_NOW = 0x4c;
const WRONG = 0x50;
const BIG = 0x100;

/** One of the devices of a machine, as a guest uses it. */
class Driver {
  readonly qemu: Qemu;
  readonly base: number;

  constructor(qemu: Qemu, index = 0) {
    this.qemu = qemu;
    // The platform bus gives each region a page.
    this.base = VIRT.platformBus + 0x1000 * index;
  }

  static async start(count = 1, args: readonly string[] = []): Promise<Driver> {
    const devices = Array.from({ length: count }, (_, i) => ["-device", `script,path=${PATH},id=d${i}`]);
    return new Driver(await Qemu.start({ args: [...MACHINE, ...devices.flat(), ...args], qtest: true }));
  }

  async set(register: number, value: number): Promise<void> {
    await this.qemu.qtest.writel(this.base + register, value);
  }

  get(register: number): Promise<number> {
    return this.qemu.qtest.readl(this.base + register);
  }

  async at(address: number | bigint, count = 0): Promise<void> {
    await this.set(LOW, Number(BigInt(address) & 0xffff_ffffn));
    await this.set(HIGH, Number(BigInt(address) >> 32n));
    await this.set(COUNT, count);
  }

  /** Starts something, and waits for what the device prints. */
  async do(register: number, value = 0): Promise<Record<string, unknown>> {
    await this.set(register, value);
    return this.printed();
  }

  async printed(): Promise<Record<string, unknown>> {
    return JSON.parse((await this.qemu.stderr.waitFor(/(\{.*\})\n/, SOON_MS))[1]!);
  }
}

describe("bytes", () => {
  test("are read from memory and written to it", async () => {
    const driver = await Driver.start();
    const { qtest } = driver.qemu;
    await qtest.writel(RAM + 0x100, 0x44332211);
    await qtest.writel(RAM + 0x104, 0x88776655);
    await driver.at(RAM + 0x101, 6);
    expect(await driver.do(READ)).toEqual({ what: "read", result: "ok", bytes: "223344556677" });
    expect(await driver.do(WRITE, 0xa0)).toEqual({ what: "write", result: "ok" });
    expect(await qtest.readl(RAM + 0x100)).toBe(0xa2a1a011);
    expect(await qtest.readl(RAM + 0x104)).toBe(0x88a5a4a3);
  });

  test("of several pages, over and over", async () => {
    const driver = await Driver.start();
    await driver.at(RAM + 0xff0, 0x2020);
    for (let first = 0; first < 20; first++) {
      expect(await driver.do(WRITE, first)).toEqual({ what: "write", result: "ok" });
      const { bytes } = await driver.do(READ);
      expect(bytes).toBe(Uint8Array.from({ length: 0x2020 }, (_, i) => first + i).toHex());
    }
  });

  test("of one value fill memory", async () => {
    const driver = await Driver.start();
    const { qtest } = driver.qemu;
    await driver.at(RAM + 0x203, 0x1002);
    expect(await driver.do(FILL, 0x15a)).toEqual({ what: "fill", result: "ok" });
    expect(await qtest.readl(RAM + 0x200)).toBe(0x5a00_0000);
    expect(await qtest.readl(RAM + 0x1000)).toBe(0x5a5a5a5a);
    expect(await qtest.readl(RAM + 0x1204)).toBe(0x5a);
  });

  test("none at all is fine", async () => {
    const driver = await Driver.start();
    await driver.at(NOWHERE, 0);
    expect(await driver.do(READ)).toEqual({ what: "read", result: "ok", bytes: "" });
    expect(await driver.do(WRITE)).toEqual({ what: "write", result: "ok" });
    expect(await driver.do(FILL)).toEqual({ what: "fill", result: "ok" });
  });

  test("from where there is nothing are an error for the script, not for the machine", async () => {
    const driver = await Driver.start();
    for (const address of [NOWHERE, 0xffff_ffff_ffff_fff0n, 2n ** 63n, 2n ** 53n]) {
      await driver.at(address, 32);
      expect(await driver.do(READ)).toMatchObject({ what: "read", result: "decode" });
      expect(await driver.do(WRITE)).toEqual({ what: "write", result: "decode" });
      expect(await driver.do(FILL)).toEqual({ what: "fill", result: "decode" });
      expect(await driver.do(LOAD, 4)).toEqual({ what: "load", result: "decode", value: "0" });
      expect(await driver.do(STORE, 4)).toEqual({ what: "store", result: "decode" });
    }
    await driver.at(RAM_END - 16, 32);
    expect(await driver.do(WRITE)).toEqual({ what: "write", result: "decode" });
  });

  test("beyond 4 GiB, with a number as address", async () => {
    const driver = await Driver.start(1, ["-m", "6144"]);
    const address = 0x1_4000_0000;
    await driver.qemu.qtest.writel(address + 4, 0xfeed);
    await driver.at(address, 8);
    expect(await driver.do(READ)).toMatchObject({ result: "ok", bytes: "00000000edfe0000" });
  });
});

const WIDTHS = [
  [1, "f8", "f8"],
  [2, "f7f8", "f8f7"],
  [4, "f5f6f7f8", "f8f7f6f5"],
  [8, "f1f2f3f4f5f6f7f8", "f8f7f6f5f4f3f2f1"],
] as const;

describe("values", () => {
  test.each(WIDTHS)("of %p bytes", async (size, value, reversed) => {
    const driver = await Driver.start();
    await driver.at(RAM + 0x301, size);
    await driver.set(VALUE, 0xf5f6f7f8);
    await driver.set(VALUE_HIGH, 0xf1f2f3f4);
    expect(await driver.do(STORE, size)).toEqual({ what: "store", result: "ok" });
    expect((await driver.do(READ))["bytes"]).toBe(reversed);
    expect(await driver.do(LOAD, size)).toEqual({ what: "load", result: "ok", value });
    if (size > 1) {
      expect(await driver.do(LOAD, BIG | size)).toEqual({ what: "load", result: "ok", value: reversed });
      expect(await driver.do(STORE, BIG | size)).toEqual({ what: "store", result: "ok" });
      expect((await driver.do(READ))["bytes"]).toBe(value);
    }
    // Only they were written.
    await driver.at(RAM + 0x300, 1);
    expect((await driver.do(READ))["bytes"]).toBe("00");
    await driver.at(RAM + 0x301 + size, 1);
    expect((await driver.do(READ))["bytes"]).toBe("00");
  });

  test("what is no address is the script's mistake", async () => {
    const driver = await Driver.start();
    expect(await driver.do(WRONG)).toEqual({
      what: "wrong",
      errors: [
        "RangeError: -1 is no address: beyond 2^53 it must be a bigint",
        "RangeError: 0.5 is no address: beyond 2^53 it must be a bigint",
        "RangeError: 9007199254740992 is no address: beyond 2^53 it must be a bigint",
        "RangeError: -1 bytes make no sense",
      ],
    });
  });
});

describe("a window", () => {
  test("is the memory itself", async () => {
    const driver = await Driver.start();
    const { qtest } = driver.qemu;
    await driver.at(RAM + 0x2000, 0x1800);
    expect(await driver.do(MAP, 1)).toEqual({ what: "map", result: "ok", length: 0x1800 });
    await driver.do(POKE, 0x77);
    expect(await qtest.readl(RAM + 0x37fc)).toBe(0x77777777);
    await qtest.writel(RAM + 0x2004, 0x01020304);
    expect((await driver.do(PEEK))["bytes"]).toStartWith("777777770403020177");
    expect(await driver.do(UNMAP)).toEqual({ what: "unmap", result: "ok", left: 0 });
    expect(await driver.do(UNMAP)).toEqual({ what: "unmap", result: "ok", left: 0 });
    expect(await qtest.readl(RAM + 0x37fc)).toBe(0x77777777);
  });

  test("ends where the memory does", async () => {
    const driver = await Driver.start();
    await driver.at(RAM_END - 0x100, 0x1000);
    expect(await driver.do(MAP)).toEqual({ what: "map", result: "ok", length: 0x100 });
  });

  test("is a copy where there is no memory, as long as QEMU has room for it", async () => {
    const driver = await Driver.start(2);
    const other = new Driver(driver.qemu, 1);
    await other.set(VALUE, 0x12345678);
    await driver.at(other.base, 0x10);
    expect(await driver.do(MAP)).toEqual({ what: "map", result: "ok", length: 0x10 });
    expect((await driver.do(PEEK))["bytes"]).toEndWith("78563412");
    await other.at(driver.base, 0x1000);
    expect(await other.do(MAP)).toEqual({ what: "map", result: "ok", length: 0xff0 });
    await driver.do(UNMAP);
    await other.do(UNMAP);
    // It is written back at the end.
    await driver.at(other.base + VALUE, 4);
    expect(await driver.do(MAP, 1)).toEqual({ what: "map", result: "ok", length: 4 });
    await driver.do(POKE, 0x99);
    expect(await other.get(VALUE)).toBe(0x12345678);
    await driver.do(UNMAP);
    expect(await other.get(VALUE)).toBe(0x99999999);
  });

  test("cannot be had when there is no more room for copies", async () => {
    const driver = await Driver.start(2);
    const other = new Driver(driver.qemu, 1);
    await driver.at(NOWHERE, 0x2000);
    expect(await driver.do(MAP)).toEqual({ what: "map", result: "ok", length: 0x1000 });
    await other.at(NOWHERE, 4);
    expect(await other.do(MAP)).toEqual({ what: "map", result: "error" });
    await driver.do(UNMAP);
    expect(await other.do(MAP)).toEqual({ what: "map", result: "ok", length: 4 });
  });

  test("ends with the device, and says so when it is used", async () => {
    const driver = await Driver.start();
    await driver.at(RAM, 0x1000);
    await driver.do(MAP, 1);
    await driver.qemu.qmp.execute("qom-set", {
      path: "/machine/peripheral/d0",
      property: "realized",
      value: false,
    });
    expect(await driver.printed()).toEqual({
      what: "stale",
      errors: [
        "StaleError: a DMA window is gone and cannot be used any more",
        "StaleError: dma-ts is gone and cannot be used any more",
        "StaleError: dma-ts is gone and cannot be used any more",
      ],
      before: 0x1000,
      after: 0,
    });
    expect(await driver.qemu.quit()).toEqual({ status: 0, signal: null });
  });
});

describe("re-entrance", () => {
  test("a device that reaches itself gets an error, and the machine lives", async () => {
    const driver = await Driver.start();
    await driver.at(driver.base + ID);
    expect(await driver.do(LOAD, 4)).toEqual({ what: "load", result: "access", value: "0" });
    await driver.at(driver.base + VALUE);
    expect(await driver.do(STORE, 4)).toEqual({ what: "store", result: "access" });
    expect(await driver.get(ID)).toBe(0x1d1d1d1d);
    const complaints = driver.qemu.stderr.lines.filter((line) => line.includes("accesses itself"));
    expect(complaints.length).toBe(2);
  });

  test("from another scripted device's handler too", async () => {
    const driver = await Driver.start(2);
    const other = new Driver(driver.qemu, 1);
    await driver.at(other.base + THROUGH);
    await other.at(driver.base + ID);
    expect(await driver.get(THROUGH)).toBe(0);
    expect(driver.qemu.stderr.lines.filter((line) => line.includes("accesses itself")).length).toBe(1);
  });

  test("another scripted device is reached", async () => {
    const driver = await Driver.start(2);
    const other = new Driver(driver.qemu, 1);
    await driver.at(other.base + ID);
    expect(await driver.get(THROUGH)).toBe(0x1d1d1d1d);
    expect(await driver.do(LOAD, 4)).toEqual({ what: "load", result: "ok", value: "1d1d1d1d" });
    // Over two of its registers, one of which reads memory by the same way.
    await driver.qemu.qtest.writel(RAM + 0x10, 0xabcdef01);
    await other.at(RAM + 0x10);
    await driver.at(other.base + THROUGH);
    expect(await driver.do(LOAD, 8)).toEqual({ what: "load", result: "ok", value: "1d1d1d1dabcdef01" });
  });

  test("from nobody's handler a device may reach itself", async () => {
    const driver = await Driver.start();
    await driver.at(driver.base + ID, 4);
    expect(await driver.do(READ, 1)).toEqual({ what: "read", result: "ok", bytes: "1d1d1d1d" });
  });

  test("a register that answers later cannot be read so", async () => {
    const driver = await Driver.start(2);
    const other = new Driver(driver.qemu, 1);
    await driver.at(other.base + NOT_NOW);
    expect(await driver.do(LOAD, 4)).toEqual({ what: "load", result: "error", value: "0" });
  });
});

describe("with a guest that runs", () => {
  test("from its access, and from a timer while it does something else", async () => {
    const poker = await Poker.start(PATH);
    await poker.write(LOW, RAM);
    await poker.write(COUNT, 4);
    const printed = async () => JSON.parse((await poker.stderr.waitFor(/(\{.*\})\n/, SOON_MS))[1]!);
    await poker.write(WRITE, 0x10);
    expect(await printed()).toEqual({ what: "write", result: "ok" });
    expect(await poker.read(THROUGH)).toBe(0x13121110);
    for (let i = 0; i < 50; i++) {
      await poker.write(READ, 1);
      // A write from the timer lands between two of the guest's own accesses.
      expect(await printed()).toEqual({ what: "read", result: "ok", bytes: "10111213" });
    }
    await poker.write(LOW, VIRT.platformBus + ID);
    await poker.write(LOAD, 4);
    expect(await printed()).toMatchObject({ result: "access" });
    expect(await poker.read(ID)).toBe(0x1d1d1d1d);
  });
});

/** What handlers are told of an access, and what the guest is told of one that fails. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { bareMetal, guest } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { Poker } from "../lib/poker.ts";
import { endAll, Qemu, script } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

/** What QEMU and its scripts have printed, all of it, once the last line is there. */
async function said(qemu: Qemu, lines: readonly string[]): Promise<void> {
  await qemu.stderr.waitFor(`${lines.at(-1)}\n`, SOON_MS);
  expect(qemu.stderr.lines).toEqual([...lines]);
}

describe("an access that fails gives the guest an external abort:", () => {
  /** Syndrome of a data abort at the same level: synchronous external abort, and whether an answer came (EA). */
  const DECODE = "0000000096000010";
  const ANSWERED = "0000000096000210";

  const path = () =>
    script(`
      import { registers, SysBusDevice } from "qemu-script";
      export default class Failing extends SysBusDevice.with({
        type: "failing-ts",
        regions: { regs: { size: 0x100, valid: { min: 4, max: 4 } } },
      }) {
        static {
          registers(Failing, "regs", {
            FINE: { at: 0, read: "answer" },
            DECODE: { at: 4, read: "decode" },
            ERROR: { at: 8, write: "error" },
            ACCESS: { at: 12, read: "later" },
          });
        }
        answer(access) {
          return access.size + (access.secure || access.user || access.requester ? 0x100 : 0);
        }
        decode(access) {
          return access.fail("decode");
        }
        error(value, access) {
          access.fail("error");
        }
        async later(access) {
          await Bun.sleep(5);
          access.fail("access");
          return 1;
        }
      }`);

  const fault = async (access: Promise<unknown>) => {
    const error = await access.then(
      () => new Error("no fault"),
      (reason: Error) => reason,
    );
    expect(error.message).toStartWith("the guest took an exception");
    return error.message.match(/esr=0x([0-9a-f]+)/)?.[1];
  };

  test("decode", async () => {
    const poker = await Poker.start(path());
    expect(await poker.read(0)).toBe(4);
    expect(await fault(poker.read(4))).toBe(DECODE);
  });

  test("error, of a write", async () => {
    const poker = await Poker.start(path());
    expect((await fault(poker.write(8, 1)))?.slice(0, 14)).toBe(ANSWERED.slice(0, 14));
  });

  test("access, of a handler that answers later", async () => {
    const poker = await Poker.start(path());
    expect(await fault(poker.read(12))).toBe(ANSWERED);
  });

  test("a size that is not valid", async () => {
    const poker = await Poker.start(path());
    expect(await fault(poker.readByte(0))).toBe(DECODE);
  });
});

test("a handler of 8 bytes that throws leaves all of the region's error value", async () => {
  const path = script(`
    import { SysBusDevice } from "qemu-script";
    export default class Throwing extends SysBusDevice.with({
      type: "throwing-ts",
      regions: { all: { size: 16, read: "look", handled: { max: 8 }, errorValue: ${2 ** 40 + 5} } },
    }) {
      look(offset) {
        if (offset === 0) {
          throw new Error("at once");
        }
        return Promise.reject(new Error("later"));
      }
    }`);
  const poker = await Poker.start(path);
  for (const offset of [0, 8]) {
    expect(await poker.readDouble(offset)).toBe(2 ** 40 + 5);
  }
  expect(poker.stderr.lines.map((line) => line.match(/at once|later/)?.[0])).toEqual(["at once", "later"]);
});

describe("who accesses", () => {
  const path = () =>
    script(`
      import { registers, SysBusDevice } from "qemu-script";
      export default class Who extends SysBusDevice.with({ type: "who-ts", regions: { regs: { size: 8 } } }) {
        static {
          registers(Who, "regs", { WHO: { at: 0, read: "who" }, SAY: { at: 4, write: "say" } });
        }
        who({ secure, user }) {
          return (secure ? 1 : 0) | (user ? 2 : 0);
        }
        say(value) {
          console.log("who: " + value);
        }
      }`);
  const SECURE = 1;
  const USER = 2;

  test("is privileged or not", async () => {
    const args = [...bareMetal(guest("attrs")), "-device", `script,path=${path()}`];
    const qemu = await Qemu.start({ args, lines: ["console"] });
    await said(qemu, ["who: 0", `who: ${USER}`]);
  });

  test("is secure at EL3", async () => {
    const args = bareMetal(guest("attrs").replace(/bin$/, "elf")).map((word) =>
      word === "virt" ? "virt,secure=on" : word,
    );
    const qemu = await Qemu.start({
      args: [...args, "-device", `script,path=${path()}`],
      lines: ["console"],
    });
    await said(qemu, [`who: ${SECURE}`]);
  });
});

test("an access that a handler kept says nothing any more", async () => {
  const path = script(`
    import { registers, SysBusDevice } from "qemu-script";
    export default class Keeping extends SysBusDevice.with({ type: "keeping-ts", regions: { regs: { size: 8 } } }) {
      static {
        registers(Keeping, "regs", { KEEP: { at: 0, read: "keep" } });
      }
      keep(access) {
        setTimeout(() => {
          try {
            console.log("still " + access.size);
          } catch (error) {
            console.log(error.name + ": " + error.message);
          }
        }, 1);
        return access.size;
      }
    }`);
  const poker = await Poker.start(path);
  expect(await poker.read(0)).toBe(4);
  await poker.stderr.waitFor("\n", SOON_MS);
  expect(poker.stderr.lines).toEqual(["StaleError: the access is over: its handler has returned"]);
});

test("what comes in while an access waits, and what that causes, comes before the access", async () => {
  const path = script(`
    import { lines, SysBusDevice } from "qemu-script";
    export default class Chain extends SysBusDevice.with({
      type: "chain-ts",
      irqs: ["out", "second"],
      inputs: { pins: lines(2) },
      regions: { all: { size: 16, read: "look", handled: { max: 4 }, valid: { max: 8 } } },
    }) {
      seen = [];
      realize() {
        this.irqs.out.connect(this.inputs.pins.input(0));
        this.irqs.second.connect(this.inputs.pins.input(1));
      }
      look(offset) {
        this.seen.push("look " + offset);
        if (offset === 0) {
          this.irqs.out.raise();
        } else {
          console.log(this.seen.join(", "));
        }
        return 0;
      }
      gpioChanged(name, line) {
        this.seen.push("pin " + line);
        if (line === 0) {
          this.irqs.second.raise();
        }
      }
    }`);
  const poker = await Poker.start(path);
  await poker.readDouble(0);
  await poker.stderr.waitFor("\n", SOON_MS);
  expect(poker.stderr.lines).toEqual(["look 0, pin 0, pin 1, look 4"]);
});

test.each([
  ["undefined", 0],
  ["null", 0],
  ["'5'", 0],
  ["{}", 0],
  ["true", 0],
  ["NaN", 0],
  ["1.9", 1],
  ["-1", 0xffffffff],
  ["2 ** 32 + 3", 3],
  ["5n", 5],
  ["-1n", 0xffffffff],
  ["Promise.resolve(6)", 6],
  ["Promise.resolve(7n)", 7],
])("a handler that returns %s answers %d, and a write with it is done", async (returned, answer) => {
  const path = script(`
    import { registers, SysBusDevice, u32 } from "qemu-script";
    export default class Odd extends SysBusDevice.with({
      type: "odd-ts",
      state: { writes: u32(0) },
      regions: { regs: { size: 8 } },
    }) {
      static {
        registers(Odd, "regs", {
          ODD: { at: 0, read: "odd", write: "oddly" },
          WRITES: { at: 4, field: "writes", mode: "ro" },
        });
      }
      odd() {
        return ${returned};
      }
      oddly() {
        this.writes++;
        return ${returned};
      }
    }`);
  const poker = await Poker.start(path);
  await poker.write(0, 3);
  expect([await poker.read(0), await poker.read(4)]).toEqual([answer, 1]);
  expect(poker.stderr.all).toBe("");
});

describe("a region without registers, on the first vCPU:", () => {
  const path = (handled: string, body: string) =>
    script(`
      import { SysBusDevice } from "qemu-script";
      export default class Raw extends SysBusDevice.with({
        type: "raw-ts",
        regions: {
          all: { size: 0x40, read: "look", write: "put", valid: { max: 8 }, handled: ${handled}, errorValue: 0x55 },
        },
      }) {
        ${body}
      }`);

  test("its methods get offset, size and value of each access", async () => {
    const poker = await Poker.start(
      path(
        "{ min: 1, max: 4 }",
        `look(offset, access) { return offset * 16 + access.size; }
         put(offset, value, access) { console.log([offset, value, access.size].join(" ")); }`,
      ),
    );
    expect(await poker.read(0x30)).toBe(0x304);
    expect(await poker.readByte(0x21)).toBe(0x11);
    expect(await poker.readDouble(0x08)).toBe(0xc4 * 2 ** 32 + 0x84);
    await poker.write(0x3c, 0xffffffff);
    await said(poker.qemu, ["60 4294967295 4"]);
  });

  test("those of 8 bytes get bigints, and answer with them", async () => {
    const poker = await Poker.start(
      path(
        "{ max: 8 }",
        `look(offset, access) { return offset === 8 ? 2 ** 40 + access.size : 0x1_0000_0005n; }
         put(offset, value) { console.log(typeof value + " " + value); }`,
      ),
    );
    expect(await poker.readDouble(0)).toBe(0x1_0000_0005);
    expect(await poker.readDouble(8)).toBe(2 ** 40 + 8);
    await poker.write(0, 7);
    await said(poker.qemu, ["bigint 7"]);
  });

  test("one that throws answers with the error value, one that waits is waited for", async () => {
    const poker = await Poker.start(
      path(
        "{ max: 4 }",
        `async wait() { await Bun.sleep(5); return 9; }
         look(offset) {
           if (offset === 0) { throw new Error("no such thing"); }
           return offset === 4 ? this.wait() : 1;
         }
         put() { throw new Error("read only"); }`,
      ),
    );
    expect(await poker.read(0)).toBe(0x55);
    expect([await poker.read(4), await poker.read(8)]).toEqual([9, 1]);
    await poker.write(8, 1);
    expect(poker.stderr.lines.map((line) => line.match(/no such thing|read only/)?.[0])).toEqual([
      "no such thing",
      "read only",
    ]);
  });
});

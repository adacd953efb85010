/** GPIO and interrupt lines of scripted devices, driven and followed from outside. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { VIRT } from "../lib/guest-code.ts";
import { TEST_MS } from "../lib/limit.ts";
import { Poker } from "../lib/poker.ts";
import { device } from "../lib/program.ts";
import { endAll, HEADLESS, Qemu } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const WIRES = device("wires");
const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];

/** Registers of the device; devices of the platform bus have a page each. */
const PINS = 0x00;
const LEDS = 0x04;
const LED = 0x08;
const PULSE = 0x0c;
const IRQ = 0x10;
const BARE = 0x14;
const CHANGES = 0x18;
const CONNECT = 0x1c;
const CONNECT_IRQ = 0x20;
const WRONG = 0x24;
const DRIVE_IRQS = 0x28;
const FIND = 0x2c;
const at = (index: number, register: number) => VIRT.platformBus + 0x1000 * index + register;
const path = (label: string) => `/machine/peripheral/${label}`;
const wire = (from: number, to: number, index: number) => from | (to << 8) | (index << 16);

const wires = (...labels: string[]) =>
  labels.flatMap((label) => ["-device", `script,path=${WIRES},label=${label},id=${label}`]);
const start = (...labels: string[]) => Qemu.start({ args: [...MACHINE, ...wires(...labels)], qtest: true });

/** What the devices told in all, once all that was asked for is done; QEMU ends. */
async function told(qemu: Qemu): Promise<string[]> {
  await qemu.qtest.readl(at(0, PINS));
  expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  return qemu.stderr.lines;
}

describe("inputs", () => {
  test("reach the device in order, each time they are driven, whatever the level was", async () => {
    const qemu = await start("a");
    const { qtest } = qemu;
    await qtest.setIrqIn(path("a"), "pins", 3, 1);
    await qtest.setIrqIn(path("a"), "pins", 3, 1);
    await qtest.setIrqIn(path("a"), "so-many", 39, 1);
    await qtest.setIrqIn(path("a"), "pins", 0, 1);
    await qtest.setIrqIn(path("a"), "pins", 3, 0);
    expect(await told(qemu)).toEqual([
      "a: pins 3 true",
      "a: pins 3 true",
      "a: many 39 true",
      "a: pins 0 true",
      "a: pins 3 false",
    ]);
  });

  test("without a name, and with a method of their own", async () => {
    const qemu = await start("a");
    await qemu.qtest.setIrqIn(path("a"), undefined, 1, 1);
    expect(await qemu.qtest.readl(at(0, BARE))).toBe(2);
    await qemu.qtest.setIrqIn(path("a"), undefined, 0, 1);
    await qemu.qtest.setIrqIn(path("a"), undefined, 1, 0);
    expect(await qemu.qtest.readl(at(0, BARE))).toBe(1);
    expect(await told(qemu)).toEqual([
      "a: bareChanged 1 true",
      "a: bareChanged 0 true",
      "a: bareChanged 1 false",
    ]);
  });

  test("are high for any level but 0", async () => {
    const { qtest } = await start("a");
    await qtest.setIrqIn(path("a"), "pins", 0, 7);
    await qtest.setIrqIn(path("a"), "pins", 1, -1);
    await qtest.setIrqIn(path("a"), "pins", 2, 256);
    expect(await qtest.readl(at(0, PINS))).toBe(7);
  });

  test("count before the access that follows", async () => {
    const { qtest } = await start("a");
    for (let line = 0; line < 8; line++) {
      await qtest.setIrqIn(path("a"), "pins", line, 1);
      expect(await qtest.readl(at(0, PINS))).toBe(2 ** (line + 1) - 1);
    }
    expect(await qtest.readl(at(0, CHANGES))).toBe(8);
  });

  test("are each device's own", async () => {
    const { qtest } = await start("a", "b");
    await qtest.setIrqIn(path("b"), "pins", 2, 1);
    const levels = [await qtest.readl(at(0, PINS)), await qtest.readl(at(1, PINS))];
    expect(levels.toSorted()).toEqual([0, 4]);
  });
});

describe("outputs", () => {
  const levels = (qemu: Qemu, count: number) =>
    Array.from({ length: count }, (_, line) => qemu.qtest.irq(line));

  test("with a name, set one by one and all at once, and read back", async () => {
    const qemu = await start("a");
    const { qtest } = qemu;
    await qtest.interceptOut(path("a"), "leds");
    await qtest.writel(at(0, LED), 0x102);
    expect(levels(qemu, 4)).toEqual([false, false, true, false]);
    expect(await qtest.readl(at(0, LED))).toBe(4);
    await qtest.writel(at(0, LEDS), 0xfffffff9);
    expect(levels(qemu, 4)).toEqual([true, false, false, true]);
    expect(await qtest.readl(at(0, LED))).toBe(9);
    expect(await qtest.readl(at(0, LEDS))).toBe(9);
    await qtest.writel(at(0, LED), 0x003);
    expect(levels(qemu, 4)).toEqual([true, false, false, false]);
  });

  test("without a name", async () => {
    const qemu = await start("a");
    await qemu.qtest.interceptOut(path("a"), "");
    await qemu.qtest.writel(at(0, BARE), 5);
    expect(levels(qemu, 3)).toEqual([true, false, true]);
    await qemu.qtest.writel(at(0, BARE), 2);
    expect(levels(qemu, 3)).toEqual([false, true, false]);
  });

  test("to the interrupt controller, and read back", async () => {
    const qemu = await start("a");
    const { qtest } = qemu;
    await qtest.interceptOut(path("a"));
    expect(await qtest.readl(at(0, IRQ))).toBe(0);
    await qtest.writel(at(0, IRQ), 1);
    expect([qtest.irq(0), await qtest.readl(at(0, IRQ))]).toEqual([true, 1]);
    await qtest.writel(at(0, DRIVE_IRQS), 2);
    expect([qtest.irq(0), qtest.irq(1), await qtest.readl(at(0, IRQ))]).toEqual([false, true, 0]);
    expect(await told(qemu)).toEqual(["a: levels false true"]);
  });
});

describe("a line between two devices", () => {
  /** The places of devices in the order in which the script knows them: that of their pages is QEMU's. */
  async function order(qemu: Qemu): Promise<number[]> {
    await qemu.qtest.setIrqIn(path("a"), "pins", 7, 1);
    const first = (await qemu.qtest.readl(at(0, PINS))) === 0x80 ? 0 : 1;
    await qemu.qtest.setIrqIn(path("a"), "pins", 7, 0);
    return [first, 1 - first];
  }
  const since = (lines: string[]) => lines.slice(2);

  test("connected by the script", async () => {
    const qemu = await start("a", "b");
    const { qtest } = qemu;
    const [a] = await order(qemu);
    await qtest.writel(at(a!, CONNECT), wire(1, 5, 1));
    await qtest.writel(at(a!, LED), 0x101);
    expect(await qtest.readl(at(1 - a!, PINS))).toBe(1 << 5);
    await qtest.writel(at(a!, LED), 0x001);
    expect(since(await told(qemu))).toEqual(["b: pins 5 true", "b: pins 5 false"]);
  });

  test("carries the level it has when it is connected, and both edges of a pulse", async () => {
    const qemu = await start("a", "b");
    const [a] = await order(qemu);
    await qemu.qtest.writel(at(a!, LED), 0x102);
    await qemu.qtest.writel(at(a!, CONNECT), wire(2, 0, 1));
    await qemu.qtest.writel(at(a!, CONNECT), wire(3, 1, 1));
    await qemu.qtest.writel(at(a!, PULSE), 3);
    expect(since(await told(qemu))).toEqual(["b: pins 0 true", "b: pins 1 true", "b: pins 1 false"]);
  });

  test("can lead elsewhere later", async () => {
    const qemu = await start("a", "b");
    const [a] = await order(qemu);
    await qemu.qtest.writel(at(a!, CONNECT), wire(0, 0, 1));
    await qemu.qtest.writel(at(a!, CONNECT), wire(0, 4, 1));
    await qemu.qtest.writel(at(a!, LED), 0x100);
    expect(since(await told(qemu))).toEqual(["b: pins 4 true"]);
  });

  test("may be an interrupt line", async () => {
    const qemu = await start("a", "b");
    const [a] = await order(qemu);
    await qemu.qtest.writel(at(a!, IRQ), 1);
    await qemu.qtest.writel(at(a!, CONNECT_IRQ), wire(0, 6, 1));
    await qemu.qtest.writel(at(a!, IRQ), 0);
    expect(since(await told(qemu))).toEqual(["b: pins 6 true", "b: pins 6 false"]);
  });

  test("to inputs of an object that the script finds, if they are there", async () => {
    const qemu = await start("a", "b");
    const [a] = await order(qemu);
    await qemu.qtest.writel(at(a!, FIND), 0);
    await qemu.qtest.writel(at(a!, LED), 0x100);
    await qemu.qtest.writel(at(a!, FIND), 1);
    await qemu.qtest.writel(at(a!, FIND), 2);
    await qemu.qtest.writel(at(a!, FIND), 3);
    await qemu.qtest.writel(at(a!, FIND), 4);
    await qemu.qtest.writel(at(a!, LED), 0x000);
    expect(since(await told(qemu))).toEqual([
      "b: bareChanged 1 true",
      "b: many 39 true",
      "a: QemuError: wires-ts has no input nothing 0",
      "a: QemuError: wires-ts has no input pins 8",
      "a: QemuError: wires-ts has no unnamed input 2",
      "b: many 39 false",
    ]);
  });

  test("connected as boards do, by QOM's links", async () => {
    const qemu = await start("a", "b");
    const [a] = await order(qemu);
    for (const [output, input] of [
      ["leds[3]", "so-many[17]"],
      ["unnamed-gpio-out[1]", "unnamed-gpio-in[1]"],
    ]) {
      const value = `${path("b")}/${input}`;
      await qemu.qmp.execute("qom-set", { path: path("a"), property: output, value });
    }
    await qemu.qtest.writel(at(a!, LEDS), 0xf);
    await qemu.qtest.writel(at(a!, BARE), 2);
    expect(since(await told(qemu))).toEqual(["b: many 17 true", "b: bareChanged 1 true"]);
  });
});

test("wrong lines are refused, one by one", async () => {
  const qemu = await start("a");
  await qemu.qtest.writel(at(0, WRONG), 0);
  expect(await told(qemu)).toEqual([
    "a: level(8): RangeError: there is no line 8: there are 8",
    "a: level(-1): RangeError: there is no line -1: there are 8",
    "a: level(0.5): RangeError: there is no line 0.5: there are 8",
    "a: input(8): RangeError: there is no line 8: there are 8",
    "a: levels of 40: RangeError: 40 lines do not fit into a number of 32 bits",
    "a: set(4): RangeError: there is no line 4: there are 4",
    "a: raise(4): RangeError: there is no line 4: there are 4",
    "a: lower(4): RangeError: there is no line 4: there are 4",
    "a: pulse(4): RangeError: there is no line 4: there are 4",
    "a: drive 33: RangeError: 33 lines do not fit into a number of 32 bits",
    "a: levels of 33: RangeError: 33 lines do not fit into a number of 32 bits",
    "a: connect(4): RangeError: there is no line 4: there are 4",
  ]);
});

describe("with a guest", () => {
  test.each(["tcg,thread=multi", "tcg,thread=single"])(
    "what a write drives arrives before the next access, %s",
    async (accel) => {
      const more = wires("b");
      const poker = await Poker.start(WIRES, { properties: ",label=a,id=a", accel, args: more });
      // Whichever page is whose: each leads to the other.
      await poker.write(CONNECT, wire(0, 0, 1));
      await poker.write(0x1000 + CONNECT, wire(0, 0, 0));
      for (let i = 0; i < 50; i++) {
        const level = i & 1;
        await poker.write(LED, level << 8);
        const seen = [await poker.read(PINS), await poker.read(0x1000 + PINS)];
        expect(seen).toContain(level);
        expect(seen[0]! | seen[1]!).toBe(level);
      }
      expect(await poker.qemu.quit()).toEqual({ status: 0, signal: null });
      expect(poker.stderr.all).not.toContain("error");
    },
  );
});

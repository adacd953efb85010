/** Scripted devices on a machine without a vCPU: the bus is driven from QEMU's main loop. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { device, NAME, PL011 } from "../lib/program.ts";
import { endAll, HEADLESS, Qemu } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const BASE = VIRT.platformBus;
const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];

/** Offsets and values as in the PL011's manual, not as in the code. */
const DR = 0x000;
const FR = 0x018;
const IBRD = 0x024;
const LCR_H = 0x02c;
const CR = 0x030;
const IMSC = 0x038;
const RIS = 0x03c;
const MIS = 0x040;
const ICR = 0x044;

const INT_RX = 1 << 4;
const INT_TX = 1 << 5;

const startUart = (args: readonly string[] = []) =>
  Qemu.start({
    args: [...MACHINE, "-device", `script,path=${PL011},chardev=uart,id=u0`, ...args],
    lines: ["uart"],
    qtest: true,
  });

describe("a scripted PL011", () => {
  test.each([
    ["RSR", 0x004, 0],
    ["FR", 0x018, 0x90],
    ["ILPR", 0x020, 0],
    ["IBRD", 0x024, 0],
    ["FBRD", 0x028, 0],
    ["LCR_H", 0x02c, 0],
    ["CR", 0x030, 0x300],
    ["IFLS", 0x034, 0x12],
    ["IMSC", 0x038, 0],
    ["RIS", 0x03c, 0],
    ["MIS", 0x040, 0],
    ["DMACR", 0x048, 0],
  ])("%s has its reset value", async (_, offset, value) => {
    const { qtest } = await startUart();
    expect(await qtest.readl(BASE + offset)).toBe(value);
  });

  test("identifies itself", async () => {
    const { qtest } = await startUart();
    const id = [];
    for (let offset = 0xfe0; offset < 0x1000; offset += 4) {
      id.push(await qtest.readl(BASE + offset));
    }
    expect(id).toEqual([0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
  });

  test("sends, and drives its transmit and combined lines", async () => {
    const qemu = await startUart();
    const { qtest } = qemu;
    await qtest.interceptOut("/machine/peripheral/u0");
    await qtest.writel(BASE + CR, 0x301);
    await qtest.writel(BASE + DR, "A".charCodeAt(0));
    await qemu.line("uart").text.waitFor("A", SOON_MS);
    expect([0, 1, 2, 3, 4, 5].map((line) => qtest.irq(line))).toEqual(new Array(6).fill(false));
    await qtest.writel(BASE + IMSC, INT_TX);
    expect([0, 1, 2, 3, 4, 5].map((line) => qtest.irq(line))).toEqual([
      true,
      false,
      true,
      false,
      false,
      false,
    ]);
    expect(await qtest.readl(BASE + MIS)).toBe(INT_TX);
    await qtest.writel(BASE + ICR, INT_TX);
    expect([qtest.irq(0), qtest.irq(2)]).toEqual([false, false]);
    expect(await qtest.readl(BASE + RIS)).toBe(0);
  });

  test("receives, and drives its receive and combined lines", async () => {
    const qemu = await startUart();
    const { qtest } = qemu;
    await qtest.interceptOut("/machine/peripheral/u0");
    await qtest.writel(BASE + LCR_H, 1 << 4);
    await qtest.writel(BASE + IMSC, INT_RX);
    await qemu.line("uart").write("xyz");
    await qtest.waitForIrq(0, true);
    await qtest.waitForIrq(1, true);
    let text = "";
    while (text.length < 3) {
      if (!((await qtest.readl(BASE + FR)) & 0x10)) {
        text += String.fromCharCode((await qtest.readl(BASE + DR)) & 0xff);
      }
    }
    expect(text).toBe("xyz");
    expect([qtest.irq(0), qtest.irq(1)]).toEqual([false, false]);
    expect(await qtest.readl(BASE + FR)).toBe(0x90);
  });

  test("takes accesses of every size", async () => {
    const { qtest } = await startUart();
    await qtest.writew(BASE + CR, 0x301);
    expect(await qtest.readb(BASE + CR)).toBe(1);
    expect(await qtest.readw(BASE + CR)).toBe(0x301);
    await qtest.writeq(BASE + IBRD - 4, 0x1234_0000_0000n);
    expect(await qtest.readl(BASE + IBRD)).toBe(0x1234);
    expect(await qtest.readq(BASE + IBRD - 4)).toBe(0x1234_0000_0000n);
    expect(await qtest.readb(BASE + IBRD + 1)).toBe(0x34);
  });

  test("is known to QOM", async () => {
    const { qmp } = await startUart();
    const path = "/machine/peripheral/u0";
    expect(await qmp.execute<string>("qom-get", { path, property: "type" })).toBe("pl011-ts");
    expect(await qmp.execute<boolean>("qom-get", { path, property: "realized" })).toBe(true);
    expect(await qmp.execute<string>("qom-get", { path, property: "chardev" })).toBe("uart");
    expect(await qmp.human("info mtree")).toMatch(/000000000c000000-000000000c000fff .*pl011/);
    expect(await qmp.human("info qtree")).toContain('dev: pl011-ts, id "u0"');
    const abstract = { implements: "script-device", abstract: true };
    const types = await qmp.execute<{ name: string }[]>("qom-list-types", abstract);
    expect(types.map(({ name }) => name)).toContain("pl011-ts");
  });

  test("logs what the guest does wrong", async () => {
    const qemu = await startUart(["-d", "guest_errors,unimp"]);
    await qemu.qtest.readl(BASE + 0x100);
    await qemu.qtest.writel(BASE + 0x100, 0);
    await qemu.qtest.writel(BASE + 0x048, 1);
    await qemu.qtest.writel(BASE + DR, 0);
    await qemu.stderr.waitFor("PL011 data written to disabled UART\n", SOON_MS);
    expect(qemu.stderr.lines).toEqual([
      "pl011_read: Bad offset 0x100",
      "pl011_write: Bad offset 0x100",
      "pl011: DMA not implemented",
      "PL011 data written to disabled UART",
    ]);
  });
});

const LIVES = device("lives");
const lives = (label: string, rest = "") => ["-device", `script,path=${LIVES},label=${label}${rest}`];

describe("several devices of one type", () => {
  const start = () =>
    Qemu.start({ args: [...MACHINE, ...lives("one", ",id=a"), ...lives("two", ",id=b")], qtest: true });

  test("have state of their own", async () => {
    const { qtest } = await start();
    // The platform bus gives each region a page.
    const bases = [BASE, BASE + 0x1000];
    for (const [index, base] of bases.entries()) {
      await qtest.writel(base, index + 1);
      await qtest.writel(base + 0x14, 100 * index);
    }
    for (const [index, base] of bases.entries()) {
      expect(await qtest.readl(base)).toBe(index + 1);
      expect(await qtest.readl(base + 0x14)).toBe(400 * index + 6);
    }
  });

  test("have properties of their own", async () => {
    const qemu = await start();
    await qemu.stderr.waitFor(/(one|two): reset 1\n/, SOON_MS);
    await qemu.stderr.waitFor(/(one|two): reset 1\n/, SOON_MS);
    expect(qemu.stderr.lines.slice(0, 2)).toEqual(["one: realized", "two: realized"]);
    expect(qemu.stderr.lines.toSorted()).toEqual([
      "one: realized",
      "one: reset 1",
      "two: realized",
      "two: reset 1",
    ]);
  });
});

describe("fields of every kind", () => {
  test("hold what they can hold, and no more", async () => {
    const { qtest } = await Qemu.start({ args: [...MACHINE, ...lives("x")], qtest: true });
    expect(await qtest.readl(BASE + 0x08)).toBe(0x12);
    expect(await qtest.readl(BASE + 0x0c)).toBe(0x3456);
    expect(await qtest.readl(BASE + 0x10)).toBe(0x5566_7788);
    for (const [offset, value] of [
      [0x00, 0xffff_ffff],
      [0x08, 0xff],
      [0x0c, 0xffff],
      [0x10, 0xffff_ffff],
    ] as const) {
      await qtest.writel(BASE + offset, 0xffff_ffff);
      expect(await qtest.readl(BASE + offset)).toBe(value);
    }
  });
});

describe("objects that do not last", () => {
  test("a device that refuses to be realized, beside one that lives", async () => {
    const args = [...MACHINE, ...lives("one"), ...lives("two", ",refuse=1")];
    const { status, signal, stderr } = await Qemu.run(args);
    expect({ status, signal }).toEqual({ status: 1, signal: null });
    const [first, second, third, ...rest] = stderr.trimEnd().split("\n");
    expect([first, second]).toEqual(["one: realized", "two: realized"]);
    expect(third).toStartWith(`${NAME}: -device script,path=${LIVES},label=two,refuse=1: ${LIVES}:`);
    expect(third).toEndWith(": two does not want to be");
    expect(rest).toEqual([]);
  });

  test("are made and dropped without a script being asked", async () => {
    const qemu = await Qemu.start({ args: [...MACHINE, ...lives("x", ",id=a")], qtest: true });
    for (let i = 0; i < 200; i++) {
      // Makes an object to ask it, and drops it.
      await qemu.qmp.execute("device-list-properties", { typename: "lives-ts" });
    }
    expect(await qemu.qtest.readl(BASE + 0x04)).toBe(7);
    expect(qemu.stderr.lines).toEqual(["x: realized", "x: reset 1"]);
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });
});

/** CPU time used in a while with nothing to do, in ms. */
async function idleCost(qemu: Qemu): Promise<number> {
  const before = await qemu.cpuTime();
  await Bun.sleep(2000);
  return (await qemu.cpuTime()) - before;
}

test("an idle machine without vCPUs uses no CPU", async () => {
  const qemu = await startUart();
  // The kernel counts in steps of 10 ms.
  expect(await idleCost(qemu)).toBeLessThanOrEqual(20);
});

describe("-M none with a script", () => {
  test("answers QMP and quits", async () => {
    const args = ["-M", "none", ...HEADLESS, "-script", `path=${PL011}`];
    const qemu = await Qemu.start({ args });
    expect(await qemu.qmp.execute("query-status")).toMatchObject({ status: "running" });
    const properties = await qemu.qmp.execute<{ name: string; type: string }[]>("device-list-properties", {
      typename: "pl011-ts",
    });
    expect(properties).toContainEqual(expect.objectContaining({ name: "migrate-clk", type: "bool" }));
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
    expect(qemu.messages()).toBe("--- stdout ---\n\n--- stderr ---\n");
  });

  test("keeps Bun's event loop going", async () => {
    const args = ["-M", "none", ...HEADLESS, "-script", `path=${device("alive")}`];
    const qemu = await Qemu.start({ args });
    for (let i = 0; i < 3; i++) {
      await qemu.stderr.waitFor("tick\n", SOON_MS);
    }
    await qemu.qmp.execute("stop");
    await qemu.stderr.waitFor("tick\n", SOON_MS);
    await qemu.stderr.waitFor("tick\n", SOON_MS);
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });

  test("uses no CPU when nothing happens", async () => {
    const qemu = await Qemu.start({ args: ["-M", "none", ...HEADLESS, "-script", `path=${PL011}`] });
    expect(await idleCost(qemu)).toBeLessThanOrEqual(20);
  });
});

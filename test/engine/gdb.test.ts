/** A debugger attached to a guest with scripted devices. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Gdb } from "../lib/gdb.ts";
import { addressOf, bareMetal, guest, VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { Poker } from "../lib/poker.ts";
import { device } from "../lib/program.ts";
import { endAll, Qemu } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const LIVES = device("lives");
const CLOCKWORK = device("clockwork");

/** Offsets in the fixture "lives". */
const KEPT = 0x00;
const WAIT = 0x20;

/** The instructions of the guest "poker" that read and write the device. */
const POKER = guest("poker", { BUSY: 0 });
const load = addressOf("do_read", POKER);
const store = addressOf("do_write", POKER);

/** virt starts here: the few instructions that QEMU puts before a kernel. */
const BOOT = 0x4000_0000;

const startPoker = async (
  path: string,
  args: readonly string[] = [],
  accel = "tcg,thread=multi",
  smp = 1,
) => {
  const poker = await Poker.start(path, {
    args: ["-gdb", "chardev:gdb", ...args],
    lines: ["gdb"],
    accel,
    smp,
  });
  return { poker, gdb: new Gdb(poker.qemu.line("gdb")) };
};

describe.each(["tcg,thread=multi", "tcg,thread=single"])("%s:", (accel) => {
  test("attaches before the guest runs, steps, and continues", async () => {
    const { poker, gdb } = await startPoker(LIVES, ["-S"], accel);
    expect(await gdb.ask("?")).toStartWith("T05");
    expect(await gdb.pc()).toBe(BOOT);
    for (const pc of [BOOT + 4, BOOT + 8, BOOT + 12]) {
      expect(await gdb.ask("s")).toStartWith("T05");
      expect(await gdb.pc()).toBe(pc);
    }
    expect(poker.qemu.line("console").text.all).toBe("");
    // No step is lost, whatever else wants the vCPU meanwhile.
    for (let i = 0; i < 200; i++) {
      const before = await gdb.pc();
      expect(await gdb.ask("s")).toStartWith("T05");
      expect(await gdb.pc()).not.toBe(before);
    }
    await gdb.send("c");
    await poker.ready();
    await poker.write(KEPT, 3);
    expect(await poker.read(KEPT)).toBe(3);
  });

  test("interrupts a running guest, which goes on afterwards", async () => {
    const { poker, gdb } = await startPoker(LIVES, ["-S"], accel);
    await gdb.ask("?");
    await gdb.send("c");
    await poker.ready();
    for (let i = 0; i < 5; i++) {
      expect(await gdb.interrupt()).toStartWith("T02");
      const pc = await gdb.pc();
      expect(pc).toBeGreaterThanOrEqual(0x4008_0000);
      expect(await poker.qemu.qmp.execute("query-status")).toMatchObject({ status: "paused" });
      await gdb.ask("s");
      await gdb.send("c");
      await poker.write(KEPT, i);
      expect(await poker.read(KEPT)).toBe(i);
    }
  });

  test("stops at a breakpoint, and steps over an access of the device", async () => {
    const { poker, gdb } = await startPoker(LIVES, ["-S"], accel);
    await gdb.ask("?");
    await gdb.send("c");
    await poker.ready();
    await gdb.interrupt();
    for (const at of [load, store]) {
      expect(await gdb.ask(`Z0,${at.toString(16)},4`)).toBe("OK");
    }
    await gdb.send("c");
    await poker.askWrite(KEPT, 0x77);
    expect(await gdb.next("breakpoint")).toStartWith("T05");
    expect(await gdb.pc()).toBe(store);
    expect(await gdb.readWord(VIRT.platformBus + KEPT)).toBe(0);
    expect(await gdb.ask("s")).toStartWith("T05");
    expect(await gdb.pc()).toBe(store + 4);
    expect(await gdb.readWord(VIRT.platformBus + KEPT)).toBe(0x77);
    await gdb.send("c");
    await poker.answer();
    await poker.askRead(KEPT);
    expect(await gdb.next("breakpoint")).toStartWith("T05");
    expect(await gdb.pc()).toBe(load);
    await gdb.ask("s");
    await gdb.send("c");
    expect(await poker.answer()).toMatchObject({ value: 0x77 });
  });

  test("steps over an access with an asynchronous handler", async () => {
    const PARK = 0x08;
    const { poker, gdb } = await startPoker(CLOCKWORK, ["-S"], accel);
    await gdb.ask("?");
    await gdb.send("c");
    await poker.ready();
    await gdb.interrupt();
    expect(await gdb.ask(`Z0,${load.toString(16)},4`)).toBe("OK");
    await gdb.send("c");
    await poker.askRead(PARK);
    expect(await gdb.next("breakpoint")).toStartWith("T05");
    expect(await gdb.ask("s")).toStartWith("T05");
    expect(await gdb.pc()).toBe(load + 4);
    await gdb.send("c");
    expect(await poker.answer()).toMatchObject({ value: 0x600d });
  });

  test("interrupts a guest that waits for an asynchronous handler", async () => {
    const { poker, gdb } = await startPoker(LIVES, ["-S"], accel);
    await gdb.ask("?");
    await gdb.send("c");
    await poker.ready();
    await poker.askRead(WAIT);
    await poker.stderr.waitFor("lives: waits\n", SOON_MS);
    expect(await gdb.interrupt()).toStartWith("T02");
    await gdb.pc();
    await gdb.send("c");
    expect(await poker.answer()).toMatchObject({ value: 0 });
  });
});

test("sees two vCPUs, and steps one", async () => {
  const args = [...bareMetal(guest("count"), { smp: 2 }), "-device", `script,path=${LIVES}`];
  const qemu = await Qemu.start({ args: [...args, "-S", "-gdb", "chardev:gdb"], lines: ["console", "gdb"] });
  const gdb = new Gdb(qemu.line("gdb"));
  await gdb.ask("?");
  expect(await gdb.ask("qfThreadInfo")).toMatch(/^m0*1/);
  expect(await gdb.ask("vCont;s:1")).toStartWith("T05");
  expect(await gdb.pc()).toBe(BOOT + 4);
  await gdb.send("c");
  await qemu.line("console").text.waitFor("counting\n", SOON_MS);
  expect(await gdb.interrupt()).toStartWith("T02");
  expect(await gdb.ask("D")).toBe("OK");
  expect(await qemu.qmp.execute("query-status")).toMatchObject({ status: "running" });
  expect(await qemu.quit()).toEqual({ status: 0, signal: null });
});

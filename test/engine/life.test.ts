/** The life of a machine with scripted devices: stopped, continued, reset, saved, loaded, ended. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { bareMetal, guest } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { Poker } from "../lib/poker.ts";
import { device, PL011 } from "../lib/program.ts";
import { endAll, folder, Qemu } from "../lib/qemu.ts";
import { load, makeImage, save, withImage } from "../lib/snapshots.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const LIVES = device("lives");

/** Registers of the fixture. */
const KEPT = 0x00;
const COUNTER = 0x04;
const SMALL = 0x08;
const HALF = 0x0c;
const WIDE = 0x10;
const TABLE = 0x14;
const RESETS = 0x18;
const SCRATCH = 0x1c;
const WAIT = 0x20;
const LONG = 0x24;
const SHORT = 0x28;

/** The guest's counter, as the monitor sees it. */
async function counter({ qmp }: Qemu): Promise<bigint> {
  return BigInt((await qmp.human("xp /1gx 0x43000000")).split(":")[1]!.trim());
}

describe("running and stopping", () => {
  test("-S, then cont", async () => {
    const poker = await Poker.start(LIVES, { args: ["-S"] });
    const { qmp } = poker.qemu;
    expect(await qmp.execute("query-status")).toMatchObject({ status: "prelaunch", running: false });
    expect(poker.qemu.line("console").text.all).toBe("");
    await qmp.execute("cont");
    await poker.ready();
    expect(await poker.read(COUNTER)).toBe(7);
  });

  test("stop stops the guest, cont continues it, many times", async () => {
    const args = [...bareMetal(guest("count")), "-device", `script,path=${LIVES}`];
    const qemu = await Qemu.start({ args, lines: ["console"] });
    await qemu.line("console").text.waitFor("counting", SOON_MS);
    for (let i = 0; i < 20; i++) {
      await qemu.qmp.execute("stop");
      const stopped = await counter(qemu);
      expect(await qemu.qmp.execute("query-status")).toMatchObject({ status: "paused" });
      expect(await counter(qemu)).toBe(stopped);
      await qemu.qmp.execute("cont");
      await qemu.qmp.execute("stop");
      expect(await counter(qemu)).toBeGreaterThanOrEqual(stopped);
      await qemu.qmp.execute("cont");
    }
    const before = await counter(qemu);
    // On a loaded machine its thread may have to wait for a turn.
    const end = Date.now() + SOON_MS;
    while ((await counter(qemu)) === before && Date.now() < end) {
      await qemu.qmp.execute("query-status");
    }
    expect(await counter(qemu)).toBeGreaterThan(before);
  });

  test("what is asked while it is stopped is answered after cont", async () => {
    const poker = await Poker.start(LIVES);
    await poker.qemu.qmp.execute("stop");
    await poker.askWrite(KEPT, 5);
    await poker.qemu.qmp.execute("query-status");
    expect(poker.qemu.line("console").text.rest).toBe("");
    await poker.qemu.qmp.execute("cont");
    await poker.answer();
    expect(await poker.read(KEPT)).toBe(5);
  });

  test("the monitor reads the device while it is stopped", async () => {
    const poker = await Poker.start(LIVES);
    await poker.write(KEPT, 0x1234);
    await poker.qemu.qmp.execute("stop");
    expect(await poker.qemu.qmp.human("xp /1wx 0x0c000000")).toContain("0x00001234");
    await poker.qemu.qmp.execute("cont");
    expect(await poker.qemu.qmp.human("xp /1wx 0x0c000000")).toContain("0x00001234");
    expect(await poker.read(KEPT)).toBe(0x1234);
  });
});

describe("reset", () => {
  const expectReset = async (poker: Poker, times: number) => {
    await poker.ready();
    await poker.stderr.waitFor(`lives: reset ${times}\n`, SOON_MS);
    expect(await poker.read(RESETS)).toBe(times);
    expect(await poker.read(KEPT)).toBe(0xbeef);
    expect(await poker.read(COUNTER)).toBe(7);
    expect(await poker.read(SMALL)).toBe(0x12);
    expect(await poker.read(WIDE)).toBe(0x5566_7788);
  };

  const change = async (poker: Poker) => {
    await poker.write(KEPT, 0xbeef);
    await poker.write(COUNTER, 8);
    await poker.write(SMALL, 1);
    await poker.write(WIDE, 0);
  };

  test("by the monitor, again and again", async () => {
    const poker = await Poker.start(LIVES);
    expect(await poker.read(RESETS)).toBe(1);
    for (let times = 2; times < 7; times++) {
      await change(poker);
      await poker.qemu.qmp.execute("system_reset");
      await expectReset(poker, times);
    }
  });

  test("by the guest", async () => {
    const poker = await Poker.start(LIVES);
    await change(poker);
    await poker.reset();
    await expectReset(poker, 2);
  });

  test("of a stopped machine", async () => {
    const poker = await Poker.start(LIVES);
    await change(poker);
    await poker.qemu.qmp.execute("stop");
    await poker.qemu.qmp.execute("system_reset");
    expect(await poker.qemu.qmp.execute("query-status")).toMatchObject({ running: false });
    await poker.qemu.qmp.execute("cont");
    await expectReset(poker, 2);
  });

  test("by the guest with -no-reboot ends the program", async () => {
    const poker = await Poker.start(LIVES, { args: ["-no-reboot"] });
    await poker.reset();
    expect(await poker.qemu.waitForExit(SOON_MS)).toEqual({ status: 0, signal: null });
  });
});

describe("saved state", () => {
  const SAVED = [
    [KEPT, 0xdead_beef],
    [COUNTER, 0x1234_5678],
    [SMALL, 0xab],
    [HALF, 0xcdef],
    [WIDE, 0x8765_4321],
  ] as const;

  const change = async (poker: Poker) => {
    for (const [offset, value] of SAVED) {
      await poker.write(offset, value);
    }
    await poker.write(TABLE, 1000);
  };

  const clear = async (poker: Poker) => {
    for (const [offset] of SAVED) {
      await poker.write(offset, 0);
    }
    await poker.write(TABLE, 0);
  };

  const expectSaved = async (poker: Poker) => {
    for (const [offset, value] of SAVED) {
      expect(await poker.read(offset)).toBe(value);
    }
    expect(await poker.read(TABLE)).toBe(4006);
  };

  test("comes back with loadvm, from a running machine", async () => {
    const poker = await Poker.start(LIVES);
    await makeImage(poker.qemu, folder());
    await change(poker);
    await poker.write(SCRATCH, 1);
    await save(poker.qemu, "one");
    await expectSaved(poker);
    await clear(poker);
    expect(await poker.read(KEPT)).toBe(0);
    await load(poker.qemu, "one");
    await poker.qemu.qmp.execute("cont");
    await poker.stderr.waitFor(`lives: loaded version 1, kept ${0xdead_beef}\n`, SOON_MS);
    await expectSaved(poker);
    // Not declared, so not saved, and not lost either: loading makes no new object.
    expect(await poker.read(SCRATCH)).toBe(1);
  });

  test("several times over", async () => {
    const poker = await Poker.start(LIVES);
    await makeImage(poker.qemu, folder());
    for (let i = 0; i < 5; i++) {
      await poker.write(KEPT, i);
      await save(poker.qemu, `number-${i}`);
    }
    for (let i = 4; i >= 0; i--) {
      await load(poker.qemu, `number-${i}`);
      await poker.qemu.qmp.execute("cont");
      expect(await poker.read(KEPT)).toBe(i);
    }
  });

  test("from a stopped machine, in another process", async () => {
    const at = folder();
    const poker = await Poker.start(LIVES);
    const image = await makeImage(poker.qemu, at);
    await change(poker);
    await poker.qemu.qmp.execute("stop");
    await save(poker.qemu, "stopped");
    expect(await poker.qemu.quit()).toEqual({ status: 0, signal: null });
    const other = await Poker.start(LIVES, { args: [...withImage(image), "-S"] });
    await load(other.qemu, "stopped");
    await other.qemu.qmp.execute("cont");
    await expectSaved(other);
  });

  test("in a file of migration, in another process", async () => {
    const at = folder();
    const uri = `file:${join(at, "stream")}`;
    const poker = await Poker.start(LIVES);
    const { qmp } = poker.qemu;
    await change(poker);
    await qmp.execute("migrate-set-capabilities", { capabilities: [{ capability: "events", state: true }] });
    await qmp.execute("migrate", { uri });
    while ((await qmp.waitForEvent("MIGRATION")).data?.["status"] !== "completed") {
      // setup, active, device
    }
    expect(await poker.qemu.quit()).toEqual({ status: 0, signal: null });
    const other = await Poker.start(LIVES, { args: ["-incoming", uri] });
    await other.stderr.waitFor(`lives: loaded version 1, kept ${0xdead_beef}\n`, SOON_MS);
    await expectSaved(other);
  });

  test("with the bytes that wait in the PL011's FIFO", async () => {
    const poker = await Poker.start(PL011, { properties: ",chardev=uart", lines: ["uart"] });
    await makeImage(poker.qemu, folder());
    const [DR, FR, LCR_H] = [0x00, 0x18, 0x2c];
    const RXFE = 1 << 4;
    const RXFF = 1 << 6;
    const drain = async () => {
      let text = "";
      while (((await poker.read(FR)) & RXFE) === 0) {
        text += String.fromCharCode(await poker.read(DR));
      }
      return text;
    };
    await poker.write(LCR_H, 1 << 4);
    await poker.qemu.line("uart").write("sixteen letters.");
    while (((await poker.read(FR)) & RXFF) === 0) {
      // The main loop brings them.
    }
    await save(poker.qemu, "full");
    expect(await drain()).toBe("sixteen letters.");
    await load(poker.qemu, "full");
    await poker.qemu.qmp.execute("cont");
    expect(await poker.read(FR)).toBe(0x80 | RXFF);
    expect(await drain()).toBe("sixteen letters.");
    expect(await poker.read(FR)).toBe(0x90);
  });

  test("is never half of what a timer writes", async () => {
    const poker = await Poker.start(device("pair"));
    await makeImage(poker.qemu, folder());
    for (let i = 0; i < 30; i++) {
      await save(poker.qemu, `pair-${i}`);
      // The machine is stopped for that; the timer goes on, but neither save nor load comes in between.
      await load(poker.qemu, `pair-${i}`);
      await poker.qemu.qmp.execute("cont");
      expect(await poker.read(8)).toBe(0);
    }
    expect(await poker.read(0)).toBeGreaterThan(30);
  });

  test("is sent while the guest changes its memory: throttled, guest and scripts go on", async () => {
    const args = [...bareMetal(guest("dirty")), "-device", `script,path=${device("alive")}`];
    const qemu = await Qemu.start({ args, lines: ["console"] });
    const { qmp } = qemu;
    await qemu.line("console").text.waitFor("dirtying\n", SOON_MS);
    const capabilities = ["events", "auto-converge"].map((capability) => ({ capability, state: true }));
    await qmp.execute("migrate-set-capabilities", { capabilities });
    await qmp.execute("migrate-set-parameters", {
      "max-bandwidth": 4 * 1024 * 1024,
      "cpu-throttle-initial": 95,
      "throttle-trigger-threshold": 1,
    });
    await qmp.execute("migrate", { uri: `file:${join(folder(), "stream")}` });
    let throttle = 0;
    while (throttle === 0) {
      await qmp.waitForEvent("MIGRATION_PASS", 3 * SOON_MS);
      const info = await qmp.execute<{ "cpu-throttle-percentage"?: number }>("query-migrate");
      throttle = info["cpu-throttle-percentage"] ?? 0;
    }
    // The vCPU sleeps most of the time now, on the thread that runs the scripts.
    for (let i = 0; i < 3; i++) {
      const before = await counter(qemu);
      await qemu.stderr.waitFor("tick\n", SOON_MS);
      const until = performance.now() + SOON_MS;
      while ((await counter(qemu)) === before) {
        expect(performance.now()).toBeLessThan(until);
      }
    }
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });

  test("that a script refuses is an error of the load, and the machine stays", async () => {
    const poker = await Poker.start(device("picky"));
    await makeImage(poker.qemu, folder());
    await poker.write(0, 13);
    await save(poker.qemu, "bad");
    await poker.write(0, 1);
    expect(load(poker.qemu, "bad")).rejects.toThrow();
    await poker.stderr.waitFor(/picky\.ts:\d+:\d+: 13 brings bad luck\n/, SOON_MS);
    expect(await poker.qemu.qmp.execute("query-status")).toMatchObject({ running: false });
    expect(await poker.qemu.quit()).toEqual({ status: 0, signal: null });
  });
});

/** What the machine may take to do what an asynchronous handler delays. */
const PATIENCE_MS = 2000;

describe("while a vCPU waits for an asynchronous handler", () => {
  const park = async (offset = WAIT, what = "waits\n") => {
    const poker = await Poker.start(LIVES);
    await poker.askRead(offset);
    await poker.stderr.waitFor(`lives: ${what}`, SOON_MS);
    return poker;
  };

  /** What it takes, in ms. */
  const timed = async (action: () => Promise<unknown>) => {
    const began = performance.now();
    await action();
    return performance.now() - began;
  };

  test("quit ends the program", async () => {
    const poker = await park();
    const took = await timed(async () => {
      expect(await poker.qemu.quit()).toEqual({ status: 0, signal: null });
    });
    expect(took).toBeLessThan(PATIENCE_MS);
  });

  test.each(["SIGTERM", "SIGINT"] as const)("%s ends the program", async (signal) => {
    const poker = await park();
    const took = await timed(async () => {
      poker.qemu.signal(signal);
      expect(await poker.qemu.waitForExit(SOON_MS)).toEqual({ status: 0, signal: null });
    });
    expect(took).toBeLessThan(PATIENCE_MS);
  });

  test("stop stops, and after cont the guest has read 0", async () => {
    const poker = await park();
    const took = await timed(() => poker.qemu.qmp.execute("stop"));
    expect(took).toBeLessThan(PATIENCE_MS);
    expect(await poker.qemu.qmp.execute("query-status")).toMatchObject({ status: "paused" });
    await poker.qemu.qmp.execute("cont");
    expect(await poker.answer()).toMatchObject({ value: 0 });
    await poker.write(KEPT, 3);
    expect(await poker.read(KEPT)).toBe(3);
  });

  test("a write is cut short as well", async () => {
    const poker = await Poker.start(LIVES);
    await poker.askWrite(WAIT, 9);
    await poker.stderr.waitFor("lives: waits to write\n", SOON_MS);
    expect(await timed(() => poker.qemu.qmp.execute("stop"))).toBeLessThan(PATIENCE_MS);
    await poker.qemu.qmp.execute("cont");
    await poker.answer();
    expect(await poker.read(KEPT)).toBe(0);
  });

  test("one that is nearly done may end in time for a stop", async () => {
    const poker = await park(SHORT, "waits a little\n");
    await poker.qemu.qmp.execute("stop");
    await poker.qemu.qmp.execute("cont");
    expect(await poker.answer()).toMatchObject({ value: 0x600d });
  });

  test("the answer that comes after the stop goes nowhere", async () => {
    const poker = await park(LONG, "waits long\n");
    await poker.qemu.qmp.execute("stop");
    await poker.qemu.qmp.execute("cont");
    expect(await poker.answer()).toMatchObject({ value: 0 });
    // The next access waits in the same frame when the first handler ends.
    await poker.askRead(LONG);
    await poker.stderr.waitFor("lives: waits long\n", SOON_MS);
    await poker.stderr.waitFor("lives: waited long\n", SOON_MS);
    await poker.stderr.waitFor("lives: waited long\n", SOON_MS);
    const { value, ms } = await poker.answer();
    expect(value).toBe(0x600d);
    expect(ms).toBeGreaterThan(3900);
    await poker.write(KEPT, 4);
    expect(await poker.read(KEPT)).toBe(4);
  });

  test("system_reset resets", async () => {
    const poker = await park();
    const took = await timed(async () => {
      await poker.qemu.qmp.execute("system_reset");
      await poker.ready();
    });
    expect(took).toBeLessThan(PATIENCE_MS);
    expect(await poker.read(RESETS)).toBe(2);
  });

  test("a snapshot is saved, and loaded", async () => {
    const poker = await Poker.start(LIVES);
    await makeImage(poker.qemu, folder());
    await poker.write(KEPT, 6);
    await poker.askRead(WAIT);
    await poker.stderr.waitFor("lives: waits\n", SOON_MS);
    expect(await timed(() => save(poker.qemu, "parked"))).toBeLessThan(PATIENCE_MS);
    expect(await poker.answer()).toMatchObject({ value: 0 });
    await poker.write(KEPT, 0);
    await poker.askRead(WAIT);
    await poker.stderr.waitFor("lives: waits\n", SOON_MS);
    expect(await timed(() => load(poker.qemu, "parked"))).toBeLessThan(PATIENCE_MS);
    await poker.qemu.qmp.execute("cont");
    expect(await poker.answer()).toMatchObject({ value: 0 });
    expect(await poker.read(KEPT)).toBe(6);
  });

  test("one that never answers does not keep the monitor from the device's other registers", async () => {
    const poker = await park();
    await poker.qemu.qmp.human("xp /1wx 0x0c000004", 5000).catch(() => {});
    expect(await poker.qemu.qmp.execute("query-status", {}, 5000)).toMatchObject({ status: "running" });
  });

  test("the monitor waits for one that answers soon", async () => {
    const poker = await park(SHORT, "waits a little\n");
    expect(await poker.qemu.qmp.human("xp /1wx 0x0c000004")).toContain("0x00000007");
    expect(await poker.answer()).toMatchObject({ value: 0x600d });
  });
});

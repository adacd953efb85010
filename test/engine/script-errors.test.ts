/** What scripts do wrong while the guest runs: none of it ends the guest, stops the monitor, or goes unseen. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { bareMetal, guest } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { Poker } from "../lib/poker.ts";
import { device, NAME } from "../lib/program.ts";
import { endAll, HEADLESS, Qemu } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const FAULTY = device("faulty");
const LINES = readFileSync(FAULTY, "utf8").split("\n");

/** `file:line` of the place that the fixture marks with `// @name`. */
function site(name: string): string {
  const index = LINES.findIndex((line) => line.endsWith(`// @${name}`));
  expect(index).toBeGreaterThanOrEqual(0);
  return `${FAULTY}:${index + 1}`;
}

/** Lines about the place, without their column. */
function reports(poker: Poker, name: string): string[] {
  const start = `${NAME}: ${site(name)}:`;
  return poker.stderr.lines
    .filter((line) => line.startsWith(start))
    .map((line) => line.replace(/^[^ ]*: [^ ]*:\d+:\d+: /, ""));
}

/** The guest still runs, and so does the script. */
async function expectAlive(poker: Poker): Promise<void> {
  await poker.write(0x00, 0xcafe);
  expect(await poker.read(0x00)).toBe(0xcafe);
  expect(await poker.qemu.qmp.execute("query-status")).toMatchObject({ status: "running" });
}

describe("a throw is reported once, with its place, and reads give 0:", () => {
  test.each([
    ["in a read", 0x04, "read", "cannot be read (read of faulty-ts at 0x4)"],
    [
      "by the runtime",
      0x08,
      "type error",
      "TypeError: undefined is not an object (evaluating 'nowhere.missing') (read of faulty-ts at 0x8)",
    ],
    ["in an async read", 0x10, "rejects", "rejected at once (read of faulty-ts at 0x10)"],
    ["in an async read, later", 0x14, "rejects later", "rejected later (read of faulty-ts at 0x14)"],
    [
      "when the stack is full",
      0x28,
      "recurses",
      "RangeError: Maximum call stack size exceeded. (read of faulty-ts at 0x28)",
    ],
  ])("%s", async (_, offset, name, message) => {
    const poker = await Poker.start(FAULTY);
    for (let i = 0; i < 3; i++) {
      expect(await poker.read(offset)).toBe(0);
    }
    await expectAlive(poker);
    expect(reports(poker, name)).toEqual([message]);
  });

  test.each([
    ["in a write", 0x04, "write", "cannot be written with 7 (write of faulty-ts at 0x4)"],
    ["in an async write", 0x14, "write rejects later", "write rejected later (write of faulty-ts at 0x14)"],
  ])("%s", async (_, offset, name, message) => {
    const poker = await Poker.start(FAULTY);
    await poker.write(offset, 7);
    await poker.write(offset, 7);
    await expectAlive(poker);
    expect(reports(poker, name)).toEqual([message]);
  });

  test.each([
    ["in a timer", 0x18, "timer", "thrown in a timer"],
    ["in a rejected promise", 0x20, "promise", "nobody handles this"],
    ["in a microtask", 0x24, "microtask", "thrown in a microtask"],
  ])("%s", async (_, offset, name, message) => {
    const poker = await Poker.start(FAULTY);
    await poker.write(offset, 1);
    await poker.stderr.waitFor(message, SOON_MS);
    await poker.write(offset, 1);
    // Timers run in order: when this one has, so has the other.
    await poker.write(0x1c, 1);
    await poker.stderr.waitFor("the interval is over", SOON_MS);
    await expectAlive(poker);
    expect(reports(poker, name)).toHaveLength(1);
    expect(reports(poker, name)[0]).toStartWith(message);
  });

  test("in an interval, whose messages differ", async () => {
    const poker = await Poker.start(FAULTY);
    await poker.write(0x1c, 1);
    await poker.stderr.waitFor("the interval is over", SOON_MS);
    await expectAlive(poker);
    expect(reports(poker, "interval")).toHaveLength(1);
  });

  test("of no Error", async () => {
    const poker = await Poker.start(FAULTY);
    expect(await poker.read(0x0c)).toBe(0);
    expect(await poker.read(0x0c)).toBe(0);
    expect(poker.stderr.lines.filter((line) => line.includes("just text"))).toHaveLength(1);
    await expectAlive(poker);
  });
});

describe("a throw in what QEMU calls is reported once, and the machine goes on:", () => {
  const start = (where: string) =>
    Poker.start(device("thrower"), { properties: `,where=${where},chardev=line`, lines: ["line"] });

  const expectReports = (poker: Poker, where: string) => {
    const lines = poker.stderr.lines.filter((line) => line.includes(`thrown in ${where}`));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^${NAME}: ${device("thrower")}:\\d+:\\d+: thrown in ${where} `));
  };

  test("reset", async () => {
    const poker = await start("reset");
    for (let i = 0; i < 3; i++) {
      await poker.write(0, 9);
      await poker.qemu.qmp.execute("system_reset");
      await poker.ready();
      // Fields have their reset values before the script's own reset runs.
      expect(await poker.read(0)).toBe(3);
    }
    expectReports(poker, "reset");
  });

  test("receive", async () => {
    const poker = await start("receive");
    for (let sent = 1; sent <= 10; sent++) {
      await poker.qemu.line("line").write("x");
      while ((await poker.read(4)) < sent) {
        // The main loop brings it.
      }
    }
    expectReports(poker, "receive");
  });

  test("receiveBreak", async () => {
    const poker = await start("receiveBreak");
    for (let i = 0; i < 3; i++) {
      await poker.qemu.qmp.execute("chardev-send-break", { id: "line" });
      expect(await poker.read(0)).toBe(3);
    }
    expectReports(poker, "receiveBreak");
  });

  test("room", async () => {
    const poker = await start("room");
    expect(await poker.read(0)).toBe(3);
    expectReports(poker, "room");
  });

  test("read, of a region with an error value", async () => {
    const poker = await start("nothing");
    expect(await poker.read(8)).toBe(0xbad);
    expect(await poker.read(8)).toBe(0xbad);
    expectReports(poker, "read");
  });
});

describe("an asynchronous handler answers a vCPU only:", () => {
  test("the monitor gets an error value at once, and the handler's name is printed", async () => {
    const poker = await Poker.start(device("thrower"));
    await poker.qemu.qmp.human("xp /1wx 0x0c00000c", 5000).catch(() => {});
    expect(await poker.qemu.qmp.execute("query-status", {}, 5000)).toMatchObject({ status: "running" });
    await poker.stderr.waitFor(/^qemu-system-aarch64: .*(wait|0xc).*thrower|thrower.*(wait|0xc)/m, SOON_MS);
    expect(await poker.read(0)).toBe(3);
  });
});

test("what a script handles itself is reported to nobody", async () => {
  const poker = await Poker.start(FAULTY);
  expect(await poker.read(0x2c)).toBe(0x600d);
  expect(poker.stderr.all).toBe("");
});

test("a value that is none of a register's becomes one, and a bigint is one", async () => {
  const poker = await Poker.start(FAULTY);
  const expected = [0, 0, 0, 0xffff_ffff, 1, 0, 5, 7, 0, 0];
  for (const value of expected) {
    expect(await poker.read(0x30)).toBe(value);
  }
  await expectAlive(poker);
});

describe("process.exit", () => {
  test.each([
    ["in a handler", 0x40, 3],
    ["in a handler, with 0", 0x40, 0],
    ["in a timer", 0x44, 255],
  ])("%s is a request to shut down", async (_, offset, status) => {
    const poker = await Poker.start(FAULTY);
    await poker.askWrite(offset, status);
    const event = await poker.qemu.qmp.waitForEvent("SHUTDOWN");
    expect(event.data).toMatchObject({ guest: false });
    expect(await poker.qemu.waitForExit(SOON_MS)).toEqual({ status, signal: null });
    expect(poker.stderr.all).toBe("");
  });

  test("process.abort too, with status 1", async () => {
    const poker = await Poker.start(FAULTY);
    await poker.askWrite(0x58, 0);
    expect(await poker.qemu.waitForExit(SOON_MS)).toEqual({ status: 1, signal: null });
  });

  test("while the machine is stopped", async () => {
    const poker = await Poker.start(FAULTY);
    await poker.write(0x44, 4);
    // It may come before or after the machine has stopped; either way the process ends.
    await poker.qemu.qmp.execute("stop").catch(() => {});
    expect(await poker.qemu.waitForExit(SOON_MS)).toEqual({ status: 4, signal: null });
  });
});

describe("what scripts print goes to stderr", () => {
  const printed =
    /^log 1 { a: \[ 2 \] }\ninfo\nwarn\nerror\ndebug\n[\s\S]*through globalThis\n[\s\S]*printed\n/;

  test("and not to QMP", async () => {
    const poker = await Poker.start(FAULTY);
    await poker.write(0x48, 0);
    await poker.stderr.waitFor(printed, SOON_MS);
    await expectAlive(poker);
    expect(poker.qemu.stdout.all).toBe("");
    for (const line of poker.qemu.qmp.received) {
      expect(() => JSON.parse(line)).not.toThrow();
    }
  });

  test("nor to a serial line on stdout", async () => {
    const machine = bareMetal(guest("poker", { BUSY: 0 })).map((word) =>
      word === "chardev:console" ? "stdio" : word,
    );
    const qemu = await Qemu.start({ args: [...machine, "-device", `script,path=${FAULTY}`] });
    await qemu.stdout.waitFor("ready\n", SOON_MS);
    await qemu.type("w c000048 0\n");
    await qemu.stdout.waitFor(/^0{16} [0-9a-f]{16}\n/, SOON_MS);
    await qemu.stderr.waitFor(printed, SOON_MS);
    await qemu.type("o\n");
    expect(await qemu.waitForExit(SOON_MS)).toEqual({ status: 0, signal: null });
    expect(qemu.stdout.all).toMatch(/^ready\n0{16} [0-9a-f]{16}\n$/);
  });
});

describe("a handler that never returns", () => {
  const stuck = async (poker: Poker, offset: number) => {
    const began = performance.now();
    if (offset === 0x4c) {
      await poker.askRead(offset);
    } else {
      await poker.askWrite(offset, 1);
    }
    const [line] = await poker.stderr.waitFor(/^.*has not returned.*\n/, SOON_MS);
    return { line, after: performance.now() - began };
  };

  test("is named after about a second; the monitor goes on, and quit ends the program", async () => {
    const poker = await Poker.start(FAULTY);
    const { line, after } = await stuck(poker, 0x4c);
    expect(line).toMatch(new RegExp(`^${NAME}: .*read.*0x4c.*faulty-ts.*1 s`));
    expect(after).toBeGreaterThan(900);
    expect(after).toBeLessThan(4000);
    expect(await poker.qemu.qmp.execute("query-status")).toMatchObject({ status: "running" });
    expect(await poker.qemu.quit()).toEqual({ status: 1, signal: null });
  });

  test("is named once", async () => {
    const poker = await Poker.start(FAULTY);
    await stuck(poker, 0x4c);
    // Long enough for a second message, by the clock of the process that would print it.
    const before = await poker.qemu.cpuTime();
    while ((await poker.qemu.cpuTime()) < before + 1500) {
      await Bun.sleep(100);
    }
    expect(poker.stderr.lines).toHaveLength(1);
  });

  test.each(["SIGTERM", "SIGINT"] as const)("does not keep %s from ending the program", async (signal) => {
    const poker = await Poker.start(FAULTY);
    await stuck(poker, 0x4c);
    poker.qemu.signal(signal);
    expect(await poker.qemu.waitForExit(SOON_MS)).toEqual({ status: 1, signal: null });
  });

  test("in a timer", async () => {
    const poker = await Poker.start(FAULTY);
    const { line } = await stuck(poker, 0x50);
    expect(line).toMatch(new RegExp(`^${NAME}: .*(timer|promise).*1 s`));
    expect(await poker.qemu.qmp.execute("query-status")).toMatchObject({ status: "running" });
    expect(await poker.qemu.quit()).toEqual({ status: 1, signal: null });
  });

  test("an async handler that waits for good is no such thing", async () => {
    const poker = await Poker.start(FAULTY);
    await poker.askRead(0x54);
    // Three times as long as the watchdog takes for one that does not return.
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 3000);
    await promise;
    expect(poker.stderr.all).toBe("");
    expect(await poker.qemu.quit()).toEqual({ status: 0, signal: null });
  });
});

describe("when QEMU itself fails", () => {
  test("an assertion of QEMU's is not taken for a crash of the script engine", async () => {
    const qemu = await Qemu.start({
      args: ["-M", "none", ...HEADLESS, "-accel", "qtest", "-script", `path=${FAULTY}`],
      qtest: true,
    });
    // qtest.c asserts that this command has an argument.
    await qemu.line("qtest").write("irq_intercept_in\n");
    expect(await qemu.waitForExit(SOON_MS)).toEqual({ status: null, signal: "SIGABRT" });
    expect(qemu.stderr.all).toMatch(/^\*\*\nERROR:.*: assertion failed: \(words\[1\]\)\n$/);
  });

  test("SIGABRT from outside, too", async () => {
    const poker = await Poker.start(FAULTY);
    poker.qemu.signal("SIGABRT");
    expect(await poker.qemu.waitForExit(SOON_MS)).toEqual({ status: null, signal: "SIGABRT" });
    expect(poker.stderr.all).toBe("");
  });
});

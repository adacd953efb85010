/**
 * Several vCPUs and scripted devices: every access is served once, in order, and alone; nobody waits for good.
 * SOAK=MINUTES runs the last tests for so long.
 */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { bareMetal, guest } from "../lib/guest-code.ts";
import { SOON_MS } from "../lib/limit.ts";
import { DEVICE_IRQ, Poker } from "../lib/poker.ts";
import { device, PL011 } from "../lib/program.ts";
import { endAll, Qemu, script } from "../lib/qemu.ts";

const SOAK_MS = Number(process.env["SOAK"] ?? 0) * 60_000;

setDefaultTimeout(180_000 + SOAK_MS);
afterEach(endAll);

const COUNTING = device("counting");
const CLOCKWORK = device("clockwork");

interface Accelerator {
  readonly name: string;
  readonly accel: string;
  readonly args: readonly string[];
}

const ACCELERATORS: readonly Accelerator[] = [
  { name: "multi-threaded", accel: "tcg,thread=multi", args: [] },
  { name: "round-robin", accel: "tcg,thread=single", args: [] },
  { name: "-icount", accel: "tcg", args: ["-icount", "shift=auto"] },
];

const MATRIX = ACCELERATORS.flatMap((accelerator) => [2, 4].map((cpus) => ({ ...accelerator, cpus })));

/** How long a guest that makes no progress is waited for. */
const STALL_MS = 60_000;

/** Runs a guest to its end. @returns what it reported, by name */
async function run(
  name: string,
  symbols: Record<string, number> & { readonly CPUS: number },
  { accel, args }: Accelerator,
  path = COUNTING,
): Promise<Record<string, bigint>> {
  const machine = bareMetal(guest(name, symbols), { smp: symbols.CPUS, accel });
  const qemu = await Qemu.start({
    args: [...machine, ...args, "-device", `script,path=${path}`],
    lines: ["console"],
    withoutQmp: true,
  });
  const exit = await qemu.waitForExit(STALL_MS);
  const text = qemu.line("console").text.all;
  expect({ ...exit, stderr: qemu.stderr.all, text: text.slice(-5) }).toEqual({
    status: 0,
    signal: null,
    stderr: "",
    text: "done\n",
  });
  return Object.fromEntries([...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, hex]) => [key, BigInt(hex!)]));
}

async function hammer(accelerator: Accelerator, cpus: number, loops: number, slowEvery = 0) {
  const symbols = { CPUS: cpus, LOOPS: loops, SLOW_EVERY: slowEvery };
  const { total, next, violations, sum, errors } = await run("hammer", symbols, accelerator);
  const n = BigInt(cpus * loops);
  expect({ total, next, violations, sum, errors }).toEqual({
    total: n,
    // The first CPU's own read, at the end, was given n.
    next: n,
    violations: 0n,
    sum: (n * (n - 1n)) / 2n,
    errors: 0n,
  });
}

/** Offsets in the fixture. */
const KEPT = 0x08;
const SLOW_KEPT = 0x10;

async function exclusive(accelerator: Accelerator, cpus: number, rounds: number, offset: number) {
  const symbols = { CPUS: cpus, ROUNDS: rounds, OFFSET: offset };
  const { kept, total, violations, pairs } = await run("exclusive", symbols, accelerator);
  const n = BigInt(cpus * rounds);
  expect({ kept, total, violations, pairs }).toEqual({ kept: n, total: 2n * n, violations: 0n, pairs: n });
}

describe.each(MATRIX)("$cpus vCPUs, $name:", ({ cpus, ...accelerator }) => {
  test("all use one device at full speed, and every access counts once", async () => {
    await hammer(accelerator, cpus, 20_000);
  });

  test("some accesses wait in an asynchronous handler: the others queue behind it", async () => {
    await hammer(accelerator, cpus, 1_000, 16);
  });

  test("broadcast TLB invalidations and atomics on the device", async () => {
    await exclusive(accelerator, cpus, 2_000, KEPT);
  });

  test("atomics on a register with asynchronous handlers", async () => {
    await exclusive(accelerator, cpus, 50, SLOW_KEPT);
  });
});

describe.each(ACCELERATORS)("a busy second vCPU, $name:", ({ accel, args }) => {
  const start = () =>
    Poker.start(CLOCKWORK, { accel, args, busy: "alone", properties: ",chardev=line", lines: ["line"] });
  const MEASURE = 0x14;
  const ALARM = 0x10;
  const PARK = 0x08;

  test("intervals fire in time while the first sleeps", async () => {
    const poker = await start();
    let lateness: { p50: number } | undefined;
    for (let tries = 0; tries < 3 && !(lateness && lateness.p50 < 10); tries++) {
      await poker.write(MEASURE, 100);
      await poker.askSleep(2500);
      const [line] = await poker.stderr.waitFor(/\{"what":"late".*\}/, 4 * SOON_MS);
      lateness = JSON.parse(line);
      await poker.answer(4 * SOON_MS);
    }
    expect(lateness!.p50).toBeLessThan(10);
  });

  test("an interrupt from a timer wakes the first", async () => {
    const poker = await start();
    const late: number[] = [];
    for (let i = 0; i < 20; i++) {
      await poker.write(ALARM, 20);
      const began = performance.now();
      const { value } = await poker.sleep(5000);
      late.push(performance.now() - began - 20);
      expect(value).toBe(DEVICE_IRQ);
      await poker.write(ALARM, 0);
    }
    // Round-robin TCG gives each vCPU its turn: two turns, and room for a loaded machine.
    expect(late.toSorted((a, b) => a - b)[10]).toBeLessThan(50);
  });

  test("input reaches the device, and its echo the other end", async () => {
    const poker = await start();
    const line = poker.qemu.line("line");
    await poker.askSleep(60_000);
    for (let i = 0; i < 20; i++) {
      await line.write(`message ${i}\n`);
      await line.text.waitFor(`message ${i}\n`, SOON_MS);
    }
  });

  test("asynchronous handlers answer", async () => {
    const poker = await start();
    for (let i = 0; i < 5; i++) {
      expect((await poker.timedRead(PARK)).value).toBe(0x600d);
    }
  });

  test("the machine stops, continues, resets and quits", async () => {
    const poker = await start();
    const { qmp } = poker.qemu;
    for (let i = 0; i < 10; i++) {
      await qmp.execute("stop");
      await qmp.execute("cont");
      expect((await poker.timedRead(PARK)).value).toBe(0x600d);
    }
    await qmp.execute("system_reset");
    await poker.ready();
    await poker.askRead(PARK);
    expect(await poker.qemu.quit()).toEqual({ status: 0, signal: null });
  });
});

test("types are registered while four vCPUs use a device", async () => {
  // Longer than the registering takes.
  const LOOPS = 200_000;
  const symbols = { CPUS: 4, LOOPS, SLOW_EVERY: 0 };
  const machine = bareMetal(guest("hammer", symbols), { smp: 4 });
  const qemu = await Qemu.start({
    args: [...machine, "-device", `script,path=${COUNTING}`],
    lines: ["console"],
  });
  const text = await Bun.file(COUNTING).text();
  const { qmp } = qemu;
  for (let i = 0; i < 20; i++) {
    const path = script(text.replace("counting-ts", `counting${i}-ts`));
    // The bus takes no hot-plugged device; the type is registered all the same.
    await qmp.execute("device_add", { driver: "script", path }).catch(() => {});
    await qmp.execute("device-list-properties", { typename: `counting${i}-ts` });
  }
  await qemu.line("console").text.waitFor(/total=0x(.*)\n/, STALL_MS);
  expect(await qemu.waitForExit(SOON_MS)).toEqual({ status: 0, signal: null });
  const report = qemu.line("console").text.all;
  expect(report).toContain(`total=0x${(4 * LOOPS).toString(16).padStart(16, "0")}\n`);
  expect(report).toContain(`errors=0x${"0".repeat(16)}\n`);
});

test("the second vCPU waits in an asynchronous handler: the machine stops and quits all the same", async () => {
  const PARK_FOR_GOOD = 0x0c;
  const symbols = { READER: 1, READS: 1, OFFSET: PARK_FOR_GOOD };
  const args = [...bareMetal(guest("two", symbols), { smp: 2 }), "-device", `script,path=${CLOCKWORK}`];
  const qemu = await Qemu.start({ args, lines: ["console"] });
  await qemu.stderr.waitFor("waiting\n", SOON_MS);
  const began = performance.now();
  await qemu.qmp.execute("stop");
  expect(performance.now() - began).toBeLessThan(2000);
  await qemu.qmp.execute("cont");
  // The read gave 0, and the guest went on to its end.
  expect(await qemu.waitForExit(SOON_MS)).toEqual({ status: 0, signal: null });
  expect(qemu.line("console").text.all).toContain("value=0x0000000000000000\n");
});

describe.each(ACCELERATORS)("a second vCPU behind one that waits for good, $name:", ({ accel, args }) => {
  const WAIT = 0x0c;
  const KEPT = 0x04;

  const park = async () => {
    const poker = await Poker.start(CLOCKWORK, { accel, args, busy: "device" });
    await poker.askRead(WAIT);
    await poker.stderr.waitFor("waiting\n", SOON_MS);
    return poker;
  };

  test("stop, cont and reset", async () => {
    const poker = await park();
    const { qmp } = poker.qemu;
    for (let i = 0; i < 3; i++) {
      await qmp.execute("stop", {}, 3000);
      await qmp.execute("cont");
      expect(await poker.answer()).toMatchObject({ value: 0 });
      await poker.write(KEPT, i);
      expect(await poker.read(KEPT)).toBe(i);
      await poker.askRead(WAIT);
      await poker.stderr.waitFor("waiting\n", SOON_MS);
    }
    await qmp.execute("system_reset");
    await poker.ready();
    await poker.write(KEPT, 9);
    expect(await poker.read(KEPT)).toBe(9);
  });

  test("quit", async () => {
    const poker = await park();
    const began = performance.now();
    expect(await poker.qemu.quit()).toEqual({ status: 0, signal: null });
    expect(performance.now() - began).toBeLessThan(2500);
  });
});

describe(SOAK_MS ? `for ${SOAK_MS / 60_000} minutes` : "for a few seconds", () => {
  const soak = async (once: (round: number) => Promise<void>) => {
    const until = performance.now() + Math.max(SOAK_MS / 2, 3000);
    for (let round = 0; round === 0 || performance.now() < until; round++) {
      await once(round);
    }
  };

  test("all of it, in turn", async () => {
    await soak(async (round) => {
      const { cpus, ...accelerator } = MATRIX[round % MATRIX.length]!;
      await hammer(accelerator, cpus, 10_000, 500);
      await exclusive(accelerator, cpus, 1_000, KEPT);
    });
  });

  test("every vCPU writes to the console while TLBs are invalidated", async () => {
    await soak(async (round) => {
      const { cpus, accel, args } = MATRIX[round % MATRIX.length]!;
      const loops = 4_000;
      const machine = bareMetal(guest("chatter", { CPUS: cpus, LOOPS: loops }), { smp: cpus, accel });
      const uart = ["-device", `script,path=${PL011},chardev=line`];
      const qemu = await Qemu.start({
        args: [...machine, ...args, ...uart],
        lines: ["console", "line"],
        withoutQmp: true,
      });
      expect(await qemu.waitForExit(STALL_MS)).toEqual({ status: 0, signal: null });
      expect(qemu.line("console").text.all).toBe("done\n");
      const counts: Record<string, number> = {};
      for (const letter of qemu.line("line").text.all) {
        counts[letter] = (counts[letter] ?? 0) + 1;
      }
      expect(counts).toEqual(Object.fromEntries([..."ABCD"].slice(0, cpus).map((letter) => [letter, loops])));
    });
  });
});

test("a handler that is asked again and again, and returns each time, is not one that hangs", async () => {
  const path = script(`
    import { registers, SysBusDevice } from "qemu-script";
    let worst = 0;
    let last = performance.now();
    setInterval(() => {
      worst = Math.max(worst, performance.now() - last);
      last = performance.now();
    }, 5);
    export default class Slow extends SysBusDevice.with({ type: "slow-ts", regions: { regs: { size: 8 } } }) {
      reads = 0;
      static {
        registers(Slow, "regs", { SLOW: { at: 4, read: "slowly" } });
      }
      slowly() {
        const end = performance.now() + 4;
        while (performance.now() < end);
        if (++this.reads === 1000) {
          console.log("worst " + worst.toFixed());
        }
        return 0;
      }
    }`);
  const machine = bareMetal(guest("second", { OFFSET: 4 }), { smp: 2, accel: "tcg,thread=multi" });
  const qemu = await Qemu.start({ args: [...machine, "-device", `script,path=${path}`], lines: ["console"] });
  await qemu.stderr.waitFor("\n", STALL_MS);
  // No "has not returned for 1 s" before it.
  expect(qemu.stderr.lines).toEqual([expect.stringMatching(/^worst \d+$/)]);
});

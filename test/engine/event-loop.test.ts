/** Bun's event loop lives while a guest runs: timers, network, asynchronous handlers, interrupts from timers. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { bareMetal, guest } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { DEVICE_IRQ, Poker } from "../lib/poker.ts";
import { device, PL011 } from "../lib/program.ts";
import { endAll, Qemu } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const CLOCKWORK = device("clockwork");

/** Registers of the fixture. */
const TICKS = 0x00;
const KEPT = 0x04;
const PARK = 0x08;
const WAIT = 0x0c;
const ALARM = 0x10;
const MEASURE = 0x14;
const FETCH = 0x18;
const SERVE = 0x1c;

const ACCELERATORS = ["tcg,thread=multi", "tcg,thread=single"];

/** What the fixture measured. */
async function measured(qemu: Qemu, what: string): Promise<Record<string, number>> {
  const [line] = await qemu.stderr.waitFor(new RegExp(`\\{"what":"${what}".*\\}`), 3 * SOON_MS);
  return JSON.parse(line);
}

/** The best of some tries: a loaded machine makes everything late now and then, a wrong engine makes it late always. */
async function best<T>(tries: number, measure: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
  let value = await measure();
  for (let i = 1; i < tries && !good(value); i++) {
    value = await measure();
  }
  return value;
}

describe("an interval fires within 10 ms of its time", () => {
  const inTime = ({ p50, p90 }: Record<string, number>) => p50! < 10 && p90! < 10;

  const expectInTime = async (poker: Poker, between: () => Promise<unknown>) => {
    const lateness = await best(
      3,
      async () => {
        await poker.write(MEASURE, 100);
        await between();
        return await measured(poker.qemu, "late");
      },
      inTime,
    );
    expect(lateness["p50"]).toBeLessThan(10);
    expect(lateness["p90"]).toBeLessThan(10);
    expect(lateness["count"]).toBe(100);
  };

  test.each(ACCELERATORS)("while the guest is busy, %s", async (accel) => {
    const poker = await Poker.start(CLOCKWORK, { accel });
    await expectInTime(poker, async () => {});
  });

  test.each(ACCELERATORS)("while the guest sleeps, %s", async (accel) => {
    const poker = await Poker.start(CLOCKWORK, { accel });
    await expectInTime(poker, () => poker.sleep(2500));
  });

  test("while the guest is busy, with -icount", async () => {
    const poker = await Poker.start(CLOCKWORK, { args: ["-icount", "shift=auto"] });
    await expectInTime(poker, async () => {});
  });

  test("while the machine is stopped", async () => {
    const poker = await Poker.start(CLOCKWORK);
    await expectInTime(poker, () => poker.qemu.qmp.execute("stop"));
  });
});

test("timers go on at their pace while the guest is busy", async () => {
  const poker = await Poker.start(CLOCKWORK);
  const pace = await best(
    3,
    async () => {
      const before = await poker.read(TICKS);
      const began = performance.now();
      await poker.write(MEASURE, 50);
      await measured(poker.qemu, "late");
      const after = await poker.read(TICKS);
      return (after - before) / ((performance.now() - began) / 10);
    },
    (value) => value > 0.6,
  );
  expect(pace).toBeGreaterThan(0.6);
  expect(pace).toBeLessThan(1.1);
});

describe("the network", () => {
  test("a handler fetches from a server", async () => {
    using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("4711") });
    const poker = await Poker.start(CLOCKWORK, { properties: `,url=${server.url}` });
    expect(await poker.read(FETCH)).toBe(200);
    expect(await poker.read(KEPT)).toBe(4711);
  });

  test("a server that is not there is an error of the script", async () => {
    using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
    const { url } = server;
    server.stop();
    const poker = await Poker.start(CLOCKWORK, { properties: `,url=${url}` });
    expect(await poker.read(FETCH)).toBe(0);
    await poker.write(KEPT, 1);
    expect(await poker.read(KEPT)).toBe(1);
  });

  test.each([
    ["is busy", false],
    ["sleeps", true],
  ])("a script's server answers while the guest %s", async (_, sleeps) => {
    const poker = await Poker.start(CLOCKWORK);
    await poker.write(SERVE, 1);
    const { port } = await measured(poker.qemu, "serving");
    if (sleeps) {
      await poker.askSleep(60_000);
    }
    const took: number[] = [];
    for (let i = 1; i <= 50; i++) {
      const began = performance.now();
      const response = await fetch(`http://127.0.0.1:${port}/`);
      expect(await response.text()).toBe(String(i));
      took.push(performance.now() - began);
    }
    // A few turns of the loop, each at most a tick of 4 ms away.
    expect(took.toSorted((a, b) => a - b)[25]).toBeLessThan(40);
  });
});

describe("an asynchronous handler", () => {
  test.each(ACCELERATORS)("delays the vCPU that asked by its 50 ms, %s", async (accel) => {
    const poker = await Poker.start(CLOCKWORK, { accel });
    const times = [];
    for (let i = 0; i < 10; i++) {
      const { value, ms } = await poker.timedRead(PARK);
      expect(value).toBe(0x600d);
      expect(ms).toBeGreaterThan(49);
      times.push(ms);
    }
    expect(times.toSorted((a, b) => a - b)[5]).toBeLessThan(80);
  });

  test("of a write, too", async () => {
    const poker = await Poker.start(CLOCKWORK);
    const { ms } = await poker.write(PARK, 99);
    expect(ms).toBeGreaterThan(49);
    expect(await poker.read(KEPT)).toBe(99);
  });

  test.each(ACCELERATORS)(
    "holds up neither monitor, nor timers, nor character devices, %s",
    async (accel) => {
      const poker = await Poker.start(CLOCKWORK, { accel, properties: ",chardev=line", lines: ["line"] });
      const { qmp } = poker.qemu;
      const line = poker.qemu.line("line");
      await poker.askRead(WAIT);
      await poker.stderr.waitFor("waiting\n", SOON_MS);
      for (let i = 0; i < 5; i++) {
        expect(await qmp.execute("query-status")).toMatchObject({ status: "running" });
        await line.write(`echo ${i}\n`);
        await line.text.waitFor(`echo ${i}\n`, SOON_MS);
      }
      // The state, and with it the ticks, as the monitor sees it through C alone.
      expect(poker.qemu.line("console").text.rest).toBe("");
      await line.write("g");
      const { value, ms } = await poker.answer();
      expect(value).toBe(0x600d);
      // The timer counted while the vCPU waited.
      expect(await poker.read(TICKS)).toBeGreaterThanOrEqual(Math.floor(ms / 20));
    },
  );

  test("thousands of them, one after another", async () => {
    const poker = await Poker.start(CLOCKWORK, { properties: ",chardev=line", lines: ["line"] });
    const line = poker.qemu.line("line");
    for (let i = 0; i < 200; i++) {
      await poker.askRead(WAIT);
      await poker.stderr.waitFor("waiting\n", SOON_MS);
      await line.write("g");
      expect(await poker.answer()).toMatchObject({ value: 0x600d });
    }
  });
});

describe("while one of two vCPUs waits for an asynchronous handler,", () => {
  const READS = 5;

  async function counts(accel: string, reader: number): Promise<{ perMs: number[]; ms: number[] }> {
    const image = guest("two", { READER: reader, READS, OFFSET: PARK });
    const args = [...bareMetal(image, { smp: 2, accel }), "-device", `script,path=${CLOCKWORK}`];
    const qemu = await Qemu.start({ args, lines: ["console"], withoutQmp: true });
    expect(await qemu.waitForExit(3 * SOON_MS)).toEqual({ status: 0, signal: null });
    const text = qemu.line("console").text.all;
    expect(text).toEndWith("done\n");
    const numbers = (name: string) =>
      [...text.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, hex]) => Number(hex));
    expect(numbers("value")).toEqual(new Array(READS).fill(0x600d));
    const ms = numbers("ticks").map((ticks) => ticks / 62_500);
    return { perMs: numbers("count").map((count, index) => count / ms[index]!), ms };
  }

  const middle = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

  test.each([0, 1])("the other goes on under multi-threaded TCG, alone (vCPU %d waits)", async (reader) => {
    const free = await counts("tcg,thread=multi", reader);
    expect(middle(free.ms)).toBeGreaterThan(49);
    expect(middle(free.ms)).toBeLessThan(120);
    // TCG does some 100 million instructions a second; a vCPU that hardly runs does not come near this.
    expect(middle(free.perMs)).toBeGreaterThan(10_000);
    // Under round-robin TCG both wait. Afterwards it may be the other one's turn, for a slice.
    const held = await counts("tcg,thread=single", reader);
    expect(middle(held.ms)).toBeGreaterThan(49);
    expect(middle(held.perMs)).toBeLessThan(middle(free.perMs) / 4);
  });
});

describe("an interrupt from a timer", () => {
  test.each(ACCELERATORS)("wakes a guest in WFI promptly, %s", async (accel) => {
    const poker = await Poker.start(CLOCKWORK, { accel });
    const late: number[] = [];
    for (let i = 0; i < 30; i++) {
      await poker.write(ALARM, 20);
      // Its own timer would wake it after a second.
      const { value, ms } = await poker.sleep(1000);
      expect(value).toBe(DEVICE_IRQ);
      await poker.write(ALARM, 0);
      late.push(ms - 20);
    }
    late.sort((a, b) => a - b);
    expect(late[15]).toBeLessThan(10);
    expect(late[27]).toBeLessThan(50);
  });
});

describe("an idle guest", () => {
  test.each([
    ["with a scripted PL011", PL011, 1],
    ["with a scripted PL011 and two vCPUs", PL011, 2],
    ["with a script whose timer fires 100 times a second", CLOCKWORK, 1],
  ])("%s costs next to nothing", async (_, path, smp) => {
    const args = [...bareMetal(guest("sleep"), { smp }), "-device", `script,path=${path}`];
    const qemu = await Qemu.start({ args, lines: ["console"] });
    await qemu.line("console").text.waitFor("sleeping\n", SOON_MS);
    const seconds = 3;
    const cost = await best(
      3,
      async () => {
        const before = await qemu.cpuTime();
        await Bun.sleep(1000 * seconds);
        return (await qemu.cpuTime()) - before;
      },
      (value) => value <= 30,
    );
    // 1 % of a core; what 300 timers cost on top.
    expect(cost).toBeLessThanOrEqual(path === CLOCKWORK ? 90 : 30);
  });
});

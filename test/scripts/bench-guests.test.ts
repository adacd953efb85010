/** The guests and devices of benches do what is said to be measured: on the real thing, but not for long. */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subject } from "../../scripts/bench/bench.ts";
import { transfer, transferTimes } from "../../scripts/bench/chardev.ts";
import { shares } from "../../scripts/bench/fair.ts";
import { assemble, guestArguments, parseLines } from "../../scripts/bench/guest-program.ts";
import { byFunction } from "../../scripts/bench/instructions.ts";
import { changes, EDU, LINE, UART } from "../../scripts/bench/irq.ts";
import { latencies } from "../../scripts/bench/latency.ts";
import { printed, said, timings, withGuest } from "../../scripts/bench/measured-guest.ts";
import { compileLibrary } from "../../scripts/bench/native.ts";
import { peers, perRead } from "../../scripts/bench/peers.ts";
import { PARTS, sharesOf, TRANSLATED_MB, typical } from "../../scripts/bench/steps.ts";
import { benchDevice, escapeComma, scriptDevice, subjectsOf } from "../../scripts/bench/subjects.ts";
import { SOON_MS, START_MS, TEST_MS } from "../lib/limit.ts";

setDefaultTimeout(TEST_MS);

const LIBRARY = subjectsOf(["library"])[0]!;
const SCRIPT = subjectsOf(["script"])[0]!;
const PLATFORM_BUS = 0x0c00_0000;

const withArgs = (subject: Subject, ...args: readonly string[]): Subject => ({
  ...subject,
  args: [...subject.args, ...args],
});

/** Runs with a log of QEMU's. @returns what `run` does, and the log */
async function logged<T>(
  subject: Subject,
  options: readonly string[],
  run: (subject: Subject) => Promise<T>,
): Promise<{ log: string; result: T }> {
  const directory = mkdtempSync(join(tmpdir(), "qemu-script-test-"));
  try {
    const log = join(directory, "log");
    const result = await run(withArgs(subject, ...options, "-D", log));
    return { log: readFileSync(log, "utf8"), result };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe("access:", () => {
  const KINDS = ["empty", "read_fr", "write_ilpr", "read_mis", "write_imsc"];
  const program = () => assemble("access", { CHUNK: 50, CALLS: 3, WARMUP: 10 });

  test("the guest reaches the device once for each access it counts", async () => {
    const trace = ["-trace", "pl011_read", "-trace", "pl011_write"];
    const { log, result } = await logged(LIBRARY, trace, async (subject) =>
      timings(subject, await program()),
    );
    const count = (pattern: RegExp): number => log.match(pattern)?.length ?? 0;
    expect([...result.keys()]).toEqual(KINDS);
    expect(count(/^pl011_read addr 0x018 /gm)).toBe(160);
    expect(count(/^pl011_write addr 0x020 /gm)).toBe(160);
    expect(count(/^pl011_read addr 0x040 /gm)).toBe(160);
    expect(count(/^pl011_write addr 0x038 /gm)).toBe(160);
  });

  test("it prints as many times on the scripted UART", async () => {
    const times = await timings(SCRIPT, await program());
    expect([...times].map(([name, calls]) => [name, calls.length])).toEqual(KINDS.map((name) => [name, 3]));
  });
});

describe("irq:", () => {
  const COUNTS = { CHUNK: 10, CALLS: 2, WARMUP: 5 };

  test.each([
    ["the PL011 in C", LIBRARY, [], UART],
    ["a scripted device", SCRIPT, benchDevice("line"), LINE],
    ["EDU in C", LIBRARY, ["-device", "edu,addr=1"], EDU],
    ["the scripted EDU", SCRIPT, scriptDevice("devices/edu.ts", ",addr=1"), EDU],
  ])(
    "the interrupt controller sees each change that %s makes, and no other",
    async (_, subject, args, at) => {
      const program = await assemble("irq", { ...at, ...COUNTS });
      const { log, result } = await logged(withArgs(subject, ...args), ["-trace", "gic_set_irq"], (traced) =>
        timings(traced, program),
      );
      const levels = [...log.matchAll(/gic_set_irq irq (\d+) level (\d)/g)].filter(
        ([, irq]) => Number(irq) === at.INTID,
      );
      const pairs = COUNTS.WARMUP + COUNTS.CALLS * COUNTS.CHUNK;
      expect(levels.map(([, , level]) => Number(level))).toEqual(
        Array.from({ length: 2 * pairs }, (__, i) => (i % 2 === 0 ? 1 : 0)),
      );
      expect(Object.keys(changes(result))).toEqual(["change", "store"]);
    },
  );

  test("a change costs what is above the write alone", () => {
    const times = new Map(Object.entries({ change: [700, 700], store: [300, 300] }));
    expect(changes(times)).toEqual({ change: 200, store: 150 });
  });
});

describe("chardev:", () => {
  const program = () => assemble("chardev", { CHUNK: 32, CALLS: 2, WARMUP: 16 });
  const size = 2 * (16 + 2 * 32);

  test.each([LIBRARY, SCRIPT])(
    "every byte gets through, both ways, and all are timed (%#)",
    async (subject) => {
      const times = await transfer(subject, await program(), size);
      const sample = transferTimes(times);
      expect(Object.keys(sample)).toHaveLength(4);
      expect(Math.min(...Object.values(sample))).toBeGreaterThan(0);
    },
  );

  test("a byte that did not come is noticed", async () => {
    const run = transfer(SCRIPT, await program(), size + 1);
    await expect(run).rejects.toThrow(`${size} came, 0 of them wrong`);
  });
});

test("timer: as many alarms as asked for, none of them early", async () => {
  const args = [
    ...guestArguments(SCRIPT, await assemble("spin")),
    ...benchDevice("alarm", ",count=5,warmup=2"),
  ];
  const [, list] = await withGuest(SCRIPT, args, (guest) =>
    said(guest, /^late (\[.*\])$/m, SOON_MS, "alarms"),
  );
  const late = JSON.parse(list!) as number[];
  expect(late).toHaveLength(5);
  expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
});

test("dma: C and TypeScript copy the same", async () => {
  const native = await compileLibrary("copy");
  for (const how of ["", `,native=${escapeComma(native)}`]) {
    const device = benchDevice("copier", `,turns=2${how}`);
    const args = [...guestArguments(SCRIPT, await assemble("idle", { HZ: 0 })), ...device];
    const [, json] = await withGuest(SCRIPT, args, (guest) =>
      said(guest, /^copied (\{.*\})$/m, SOON_MS, "copies"),
    );
    const times = JSON.parse(json!) as Record<string, number[]>;
    expect(Object.keys(times)).toEqual(["read4k", "write4k", "read1m", "write1m"]);
    for (const list of Object.values(times)) {
      expect(list).toHaveLength(2);
      expect(Math.min(...list)).toBeGreaterThan(0);
    }
  }
});

test.each([0, 1])("smp: the second vCPU times its reads, BUSY=%d", async (BUSY) => {
  const program = await assemble("smp", { BUSY, COUNT: 7, WARMUP: 3, OFFSET: 0x40 });
  const args = ["-smp", "2", "-accel", "tcg,thread=multi"];
  expect((await timings(withArgs(SCRIPT, ...args), program)).get("read")).toHaveLength(7);
});

test("fair: the device has seen what the vCPUs did", async () => {
  const program = await assemble("fair", { ADDRESS: PLATFORM_BUS, TOTAL: PLATFORM_BUS + 4, MS: 50 });
  const args = [...benchDevice("sum"), "-smp", "4", "-accel", "tcg,thread=multi"];
  const { lines, frequency } = parseLines(await printed(withArgs(SCRIPT, ...args), program));
  expect(lines.map(({ name }) => name)).toEqual(["cpu0", "cpu1", "cpu2", "cpu3", "total"]);
  expect(Math.min(...lines.map(({ count }) => count))).toBeGreaterThan(0);
  expect(shares({ lines, frequency }, 50)["lost"]).toBe(0);
  const missing = lines.map((line) => (line.name === "total" ? { ...line, count: line.count - 3 } : line));
  expect(shares({ lines: missing, frequency }, 50)["lost"]).toBe(3);
});

test("many: reads go to one device after the other", async () => {
  const program = await assemble("many", { DEVICES: 3, CHUNK: 30, CALLS: 2, WARMUP: 30 });
  const devices = Array.from({ length: 3 }, () => benchDevice("counter")).flat();
  const { log } = await logged(
    withArgs(SCRIPT, ...devices),
    ["-trace", "memory_region_ops_read"],
    (subject) => timings(subject, program),
  );
  for (const page of [0, 1, 2]) {
    const address = (PLATFORM_BUS + 0x1000 * page).toString(16);
    expect(log.match(new RegExp(`addr 0x${address} `, "g"))).toHaveLength(30);
  }
});

describe("latency:", () => {
  test("every read is in one of the lines", async () => {
    const program = await assemble("latency", { ADDRESS: PLATFORM_BUS, WARMUP: 100, MS: 50 });
    const { log, result } = await logged(
      withArgs(SCRIPT, ...benchDevice("careless")),
      ["-trace", "memory_region_ops_read"],
      (subject) => printed(subject, program),
    );
    const { lines } = parseLines(result);
    const reads = lines.reduce((sum, { count }) => sum + count, 0);
    expect(lines.every(({ name }) => name === "took")).toBe(true);
    expect(log.match(new RegExp(`addr 0x${PLATFORM_BUS.toString(16)} `, "g"))).toHaveLength(100 + reads);
  });

  test("quantiles are of accesses, not of lines", () => {
    const line = (count: number, ticks: number) => ({ name: "took", count, ticks });
    const lines = [line(1, 5000), line(989, 10), line(9, 20), line(1, 300)];
    expect(latencies({ lines, frequency: 1e6 }, 30_000)).toEqual({
      ...{ p50: 10, p99: 20, p999: 300, max: 5000 },
      long: 2,
    });
  });
});

describe("peers:", () => {
  test.each(["callback", "socketC", "socketBun"] as const)("%s answers", async (peer) => {
    await peers.prepare?.({ seconds: 1 });
    expect((await peers.runPeer?.(peer))?.["read"]).toBeGreaterThan(0);
  });

  test("the loop around a read does not count", () => {
    expect(perRead('{"empty":[2,2],"read":[12,12]}\n')).toBe(10);
  });
});

describe("instructions:", () => {
  const partsOf = async (OFFSET: number): Promise<Record<string, number>> => {
    const program = await assemble("repeat", { OFFSET, WRITE: 0 });
    const args = [...guestArguments(SCRIPT, program), "-accel", `tcg,tb-size=${TRANSLATED_MB}`];
    return await withGuest(SCRIPT, args, async (guest) => {
      await guest.waitFor("R", START_MS);
      const parts: Record<string, number> = {};
      for (const { part, count } of await sharesOf(guest, "memory_region_dispatch_read", 5))
        parts[part] = (parts[part] ?? 0) + count;
      return parts;
    });
  };

  test("a direct register is served without JavaScript, in the patch", async () => {
    const { translated, qemu, script, javascript, bun } = await partsOf(0x18);
    expect([translated, qemu, script].every((count) => count! > 0)).toBe(true);
    expect([javascript, bun]).toEqual([undefined, undefined]);
  });

  test("a getter is not", async () => {
    const { script, javascript = 0, bun = 0 } = await partsOf(0x40);
    expect(script).toBeGreaterThan(0);
    expect(javascript + bun).toBeGreaterThan(0);
  });

  test("functions are told if one side has many instructions in them", () => {
    const lines = byFunction(
      new Map([
        [
          "library",
          [
            { part: "qemu", name: "long", count: 90 },
            { part: "qemu", name: "short", count: 19 },
          ],
        ],
        [
          "script",
          [
            { part: "script", name: "own", count: 20 },
            { part: "qemu", name: "long", count: 91 },
            { part: "javascript", name: PARTS.javascript, count: 300 },
          ],
        ],
      ]),
    );
    expect(lines.slice(2)).toEqual([
      "| JavaScript, compiled |          |                  | 300        |",
      "| QEMU                 | long     | 90               | 91         |",
      "| the patch (script/)  | own      |                  | 20         |",
    ]);
  });

  test("of accesses of several lengths the most frequent counts", () => {
    expect([...typical(Float64Array.of(1, 2, 1, 2, 3, 1, 5, 6, 1), 1)]).toEqual([1, 2, 3]);
  });
});

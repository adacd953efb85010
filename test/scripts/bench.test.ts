import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { perAccess } from "../../scripts/bench/access.ts";
import type { Bench } from "../../scripts/bench/bench.ts";
import { parseTimings } from "../../scripts/bench/guest-program.ts";
import { PipeLine } from "../../scripts/bench/ping.ts";
import { cpuSecondsIn, peakMegabytesIn } from "../../scripts/bench/process-figures.ts";
import { table, targetTable, verdicts } from "../../scripts/bench/report.ts";
import { json, readRun } from "../../scripts/bench/results.ts";
import { runBench } from "../../scripts/bench/runner.ts";
import { quantile, shareAbove, summary, undisturbed } from "../../scripts/bench/statistics.ts";
import { subjectsOf } from "../../scripts/bench/subjects.ts";

describe("statistics", () => {
  test("median and extremes", () => {
    expect(summary([5, 1, 4])).toEqual({ median: 4, min: 1, max: 5, samples: [5, 1, 4] });
    expect(summary([4, 1, 2, 3]).median).toBe(2.5);
    expect(quantile([0, 10, 20], 0.75)).toBe(15);
  });

  test("the time of a call that nothing disturbed, and what the others have above it", () => {
    const calls = [30, 10, 10, 10, 10, 10, 10, 10, 10, 20, 40];
    const { time, above } = undisturbed(calls);
    expect(time).toBe(10);
    expect(above).toBeCloseTo(100 * (170 / 11 / 10 - 1));
    expect(undisturbed([7, 7])).toEqual({ time: 7, above: 0 });
  });

  test("how surely one set of samples is above another", () => {
    expect(shareAbove([1, 2, 3], [4, 5, 6])).toBe(1);
    expect(shareAbove([4, 5, 6], [1, 2, 3])).toBe(0);
    expect(shareAbove([1, 2], [1, 2])).toBe(0.5);
    expect(shareAbove([1, 3], [2, 4])).toBe(0.75);
  });
});

describe("what a guest prints", () => {
  const line = (name: string, count: number, ticks: number): string =>
    `${name} ${count.toString(16).padStart(16, "0")} ${ticks.toString(16).padStart(16, "0")}\r\n`;
  const head = `noise\r\n${line("frequency", 0, 62_500_000)}`;

  test("ticks become ns for each repetition", () => {
    const times = parseTimings(
      `${head}${line("empty", 10, 5)}${line("read", 100, 625)}${line("read", 100, 1250)}`,
    );
    expect(Object.fromEntries(times)).toEqual({ empty: [8], read: [100, 200] });
  });

  test("without the counter's frequency they mean nothing", () => {
    expect(() => parseTimings(line("read", 1, 1))).toThrow("frequency");
  });

  test("the loop around an access does not count", () => {
    const times = new Map(
      Object.entries({
        empty: [2, 2, 2],
        read_fr: [102],
        write_ilpr: [107],
        read_mis: [112],
        write_imsc: [122],
      }),
    );
    expect(perAccess(times)).toEqual({
      read_fr: 100,
      write_ilpr: 105,
      read_mis: 110,
      write_imsc: 120,
      above: 0,
    });
  });
});

test("figures of a process, whatever its name", () => {
  expect(cpuSecondsIn("17 (a b) c) R 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20")).toBe(3);
  expect(peakMegabytesIn("VmPeak:\t 9 kB\nVmHWM:\t   1000 kB\n")).toBe(1.024);
});

describe("a run", () => {
  const values = { stock: [10, 30], library: [20, 20], script: [21, 25] };
  const nothing = { seconds: 1 };
  const bench = (turns: string[]): Bench => {
    const left = structuredClone(values);
    return {
      name: "sample",
      about: "a sample",
      baseline: "library",
      figures: {
        time: { title: "time", unit: "ms", digits: 1 },
        extra: { title: "extra", unit: "s", digits: 0 },
      },
      targets: [
        { figure: "time", side: "script", against: "library", compare: "ratio", atMost: 1.15 },
        { figure: "time", side: "script", against: "stock", compare: "difference", atMost: 2 },
        { figure: "extra", side: "script", against: "stock", compare: "difference", atMost: 2 },
      ],
      run: async ({ side }) => {
        turns.push(side);
        const time = left[side].shift() ?? NaN;
        return side === "script" ? { time, extra: 7 } : { time };
      },
      notes: () => "more",
    };
  };
  const setting = { date: "now", commit: "c", cpu: "x", cores: 2, kernel: "k", rounds: 2 };
  const sides = ["stock", "library", "script"] as const;

  test("does more rounds of what varies much, and no more than its own limit", async () => {
    for (const [more, rounds] of [
      [{ repeats: 3 }, 6],
      [{ repeats: 3, rounds: 1 }, 1],
      [{ rounds: 1 }, 1],
    ] as const) {
      const lines: string[] = [];
      const run = async () => ({ time: 1 });
      await runBench({ ...bench([]), ...more, run }, subjectsOf(sides), 2, nothing, (line) =>
        lines.push(line),
      );
      expect(lines).toHaveLength(rounds * sides.length);
    }
  });

  test("takes turns, and compares medians", async () => {
    const turns: string[] = [];
    const lines: string[] = [];
    const result = await runBench(bench(turns), subjectsOf(sides), 2, nothing, (line) => lines.push(line));
    expect(turns).toEqual(["stock", "library", "script", "script", "library", "stock"]);
    expect(lines[2]).toBe("sample 1/2 TypeScript: time 21.0 ms, extra 7 s");
    expect(verdicts(result).map(({ measured, met }) => [measured, met])).toEqual([
      [1.15, true],
      [3, false],
    ]);
    expect(table(result)).toBe(
      [
        "A sample.",
        "",
        "| sample   | stock QEMU                 | C in the library    | TypeScript                 |",
        "| -------- | -------------------------- | ------------------- | -------------------------- |",
        "| time, ms | 20.0 (10.0 to 30.0) ×1.000 | 20.0 (20.0 to 20.0) | 23.0 (21.0 to 25.0) ×1.150 |",
        "| extra, s |                            |                     | 7 (7 to 7)                 |",
        "",
        `Load of the machine: ${result.load[0].toFixed(1)} to ${result.load[1].toFixed(1)}.`,
        "",
        "more",
        "",
        "- time: TypeScript against C in the library 1.150 times (minima 1.050), at most 1.15: met",
        "- time: TypeScript against stock QEMU +3.00 ms (minima +11.00), at most +2: MISSED",
      ].join("\n"),
    );
  });

  test("tells of all targets of several benches in one table", async () => {
    const result = await runBench(bench([]), subjectsOf(sides), 2, nothing, () => {});
    const [head, , ...rows] = targetTable([result, result])!.split("\n");
    expect(head).toStartWith("| bench  | target ");
    expect(rows).toHaveLength(4);
    expect(rows[0]).toBe(
      "| sample | time: TypeScript against C in the library | 1.150 times (minima 1.050) | 1.15    | met    |",
    );
    expect(targetTable([{ ...result, bench: { ...result.bench, targets: [] } }])).toBeUndefined();
  });

  test("is written to a file, and read again", async () => {
    const folder = mkdtempSync(join(tmpdir(), "qemu-script-test-"));
    try {
      const result = await runBench(bench([]), subjectsOf(sides), 2, nothing, () => {});
      const text = json({ setting, results: [result] });
      const written = JSON.parse(text);
      expect(written.setting).toEqual(setting);
      expect(written.benches.sample.sides.script.time).toEqual({
        median: 23,
        min: 21,
        max: 25,
        samples: [21, 25],
      });
      expect(written.targets[1]).toMatchObject({ bench: "sample", figure: "time", measured: 3, met: false });
      const file = join(folder, "results.json");
      writeFileSync(file, text);
      const again = readRun(file);
      expect(again.setting).toEqual(setting);
      expect(again.results.map(table)).toEqual([table(result)]);
      writeFileSync(file, "{}");
      expect(() => readRun(file)).toThrow("is no file of results");
      writeFileSync(file, "[");
      expect(() => readRun(file)).toThrow(file);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("peers take part, in rows if there are many; sides and rounds that a bench has no use for do not", async () => {
    const turns: string[] = [];
    const { targets: _, notes: __, ...rest } = bench(turns);
    const withPeers: Bench = {
      ...rest,
      ...{ targets: [], sides: ["library", "script"], rounds: 1 },
      peers: async () => ["callback", "socketC"],
      runPeer: async (peer) => {
        turns.push(peer);
        return { time: 40 };
      },
    };
    const result = await runBench(withPeers, subjectsOf(sides), 7, nothing, () => {});
    expect(turns).toEqual(["library", "script", "callback", "socketC"]);
    expect(table(result)).toStartWith(
      [
        "A sample.",
        "",
        "| sample                       | time, ms    | extra, s |",
        "| ---------------------------- | ----------- | -------- |",
        "| C in the library             | 20.0        |          |",
        "| TypeScript                   | 21.0 ×1.050 | 7        |",
        "| JSCallback alone             | 40.0 ×2.000 |          |",
        "| process in C behind a socket | 40.0 ×2.000 |          |",
      ].join("\n"),
    );
  });

  test("a side that is not there is left out", async () => {
    const result = await runBench(bench([]), subjectsOf(["library", "script"]), 1, nothing, () => {});
    expect([...result.sides.keys()]).toEqual(["library", "script"]);
    expect(verdicts(result)).toHaveLength(1);
  });

  test("a figure that could not be measured is an error", async () => {
    const run = runBench(bench([]), subjectsOf(["stock"]), 3, nothing, () => {});
    await expect(run).rejects.toThrow("gave no time");
  });
});

test("bytes go through the pipes that QEMU would open", async () => {
  let path: string;
  {
    using line = await PipeLine.make();
    path = line.path;
    expect(line.take(1)).toBeUndefined();
    await Bun.write(`${path}.out`, "xy");
    expect([line.take(), line.take()]).toEqual(["x".charCodeAt(0), "y".charCodeAt(0)]);
  }
  expect(existsSync(`${path}.in`)).toBe(false);
});

import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { perAccess } from "../../scripts/bench/access.ts";
import type { Bench, Subject } from "../../scripts/bench/bench.ts";
import { assemble, parseTimings } from "../../scripts/bench/guest-program.ts";
import { timings } from "../../scripts/bench/measured-guest.ts";
import { PipeLine } from "../../scripts/bench/ping.ts";
import { cpuSecondsIn, peakMegabytesIn } from "../../scripts/bench/process-figures.ts";
import { json, table, verdicts } from "../../scripts/bench/report.ts";
import { runBench } from "../../scripts/bench/runner.ts";
import { quantile, summary, undisturbed } from "../../scripts/bench/statistics.ts";
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
      Object.entries({ empty: [2, 2, 2], read_fr: [102], read_mis: [112], write_imsc: [122] }),
    );
    expect(perAccess(times)).toEqual({ read_fr: 100, read_mis: 110, write_imsc: 120, above: 0 });
  });
});

test("figures of a process, whatever its name", () => {
  expect(cpuSecondsIn("17 (a b) c) R 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20")).toBe(3);
  expect(peakMegabytesIn("VmPeak:\t 9 kB\nVmHWM:\t   1000 kB\n")).toBe(1.024);
});

describe("a run", () => {
  const values = { stock: [10, 30], library: [20, 20], script: [21, 25] };
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
    };
  };
  const setting = { date: "now", commit: "c", cpu: "x", cores: 2, kernel: "k", rounds: 2 };

  test("takes turns, and compares medians", async () => {
    const turns: string[] = [];
    const lines: string[] = [];
    const result = await runBench(bench(turns), subjectsOf(["stock", "library", "script"]), 2, (line) =>
      lines.push(line),
    );
    expect(turns).toEqual(["stock", "library", "script", "script", "library", "stock"]);
    expect(lines[2]).toBe("sample 1/2 TypeScript: time 21.0 ms, extra 7 s");
    expect(verdicts(result).map(({ measured, met }) => [measured, met])).toEqual([
      [1.15, true],
      [3, false],
    ]);
    expect(table(result)).toBe(
      [
        "a sample",
        "",
        "| sample   | stock QEMU                 | C in the library    | TypeScript                 |",
        "| -------- | -------------------------- | ------------------- | -------------------------- |",
        "| time, ms | 20.0 (10.0 to 30.0) ×1.000 | 20.0 (20.0 to 20.0) | 23.0 (21.0 to 25.0) ×1.150 |",
        "| extra, s |                            |                     | 7 (7 to 7)                 |",
        "",
        "- time: TypeScript against C in the library 1.150 times (minima 1.050), at most 1.15: met",
        "- time: TypeScript against stock QEMU +3.00 ms (minima +11.00), at most +2: MISSED",
      ].join("\n"),
    );
    const written = JSON.parse(json(setting, [result]));
    expect(written.setting).toEqual(setting);
    expect(written.benches.sample.sides.script.time).toEqual({
      median: 23,
      min: 21,
      max: 25,
      samples: [21, 25],
    });
    expect(written.targets[1]).toMatchObject({ bench: "sample", figure: "time", measured: 3, met: false });
  });

  test("a side that is not there is left out", async () => {
    const result = await runBench(bench([]), subjectsOf(["library", "script"]), 1, () => {});
    expect([...result.sides.keys()]).toEqual(["library", "script"]);
    expect(verdicts(result)).toHaveLength(1);
  });

  test("a figure that could not be measured is an error", async () => {
    await expect(runBench(bench([]), subjectsOf(["stock"]), 3, () => {})).rejects.toThrow("gave no time");
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

describe("the guest of the bench `access`", () => {
  const trace = ["-trace", "pl011_read", "-trace", "pl011_write"];

  async function traced(subject: Subject, program: string): Promise<{ log: string; names: string[] }> {
    const directory = mkdtempSync(join(tmpdir(), "qemu-script-test-"));
    try {
      const log = join(directory, "log");
      const args = [...subject.args, ...trace, "-D", log];
      const times = await timings({ ...subject, args }, program);
      return { log: readFileSync(log, "utf8"), names: [...times.keys()] };
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  test("reaches the device once for each access it counts", async () => {
    const program = await assemble("access", { CHUNK: 50, CALLS: 3, WARMUP: 10 });
    const { log, names } = await traced(subjectsOf(["library"])[0]!, program);
    const count = (pattern: RegExp): number => log.match(pattern)?.length ?? 0;
    expect(names).toEqual(["empty", "read_fr", "read_mis", "write_imsc"]);
    expect(count(/^pl011_read addr 0x018 /gm)).toBe(160);
    expect(count(/^pl011_read addr 0x040 /gm)).toBe(160);
    expect(count(/^pl011_write addr 0x038 /gm)).toBe(160);
  });

  test("prints as many times on the scripted UART", async () => {
    const program = await assemble("access", { CHUNK: 50, CALLS: 3, WARMUP: 10 });
    const times = await timings(subjectsOf(["script"])[0]!, program);
    expect([...times].map(([name, calls]) => [name, calls.length])).toEqual([
      ["empty", 3],
      ["read_fr", 3],
      ["read_mis", 3],
      ["write_imsc", 3],
    ]);
  });
});

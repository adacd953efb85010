/** What is done with results of benches: compared, drawn; and the command line that says so. */

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { access } from "../../scripts/bench/access.ts";
import type { Column, Figure } from "../../scripts/bench/bench.ts";
import { changes, comparison } from "../../scripts/bench/compare.ts";
import { mappingsIn } from "../../scripts/bench/memory-map.ts";
import { help, parse } from "../../scripts/bench/options.ts";
import { updated } from "../../scripts/bench/page.ts";
import { peers } from "../../scripts/bench/peers.ts";
import { picture } from "../../scripts/bench/picture.ts";
import type { Run } from "../../scripts/bench/results.ts";
import { summary } from "../../scripts/bench/statistics.ts";

const NS = { title: "a read", unit: "ns", digits: 1 } as const;

/** A run of one bench with one figure. */
function runOf(
  sides: Partial<Record<Column, readonly number[]>>,
  { commit = "c0ffee", name = "sample", figure = NS as Figure } = {},
): Run {
  return {
    setting: { date: "2026-11-27T12:34:56Z", commit, cpu: "a CPU", cores: 2, kernel: "k", rounds: 5 },
    results: [
      {
        bench: { name, about: "a sample", baseline: "library", figures: { read: figure }, targets: [] },
        sides: new Map(
          Object.entries(sides).map(([side, values]) => [
            side as Column,
            new Map([["read", summary(values)]]),
          ]),
        ),
        load: [0, 0],
        notes: undefined,
      },
    ],
  };
}

describe("two runs are compared:", () => {
  const STOCK = [100, 101, 99, 100, 102];
  const verdictsOf = (old: Run, now: Run) =>
    Object.fromEntries(changes(old, now).map(({ side, verdict }) => [side, verdict]));

  test("what differs in nearly all pairs of rounds is no noise", () => {
    const old = runOf({
      stock: STOCK,
      library: [110, 111, 109, 112, 110],
      script: [150, 151, 149, 150, 152],
    });
    const now = runOf({
      stock: STOCK,
      library: [111, 110, 110, 109, 112],
      script: [130, 131, 129, 130, 132],
    });
    expect(verdictsOf(old, now)).toEqual({ stock: "reference", library: "noise", script: "better" });
    expect(verdictsOf(now, old)).toEqual({ stock: "reference", library: "noise", script: "worse" });
  });

  test("of some figures more is better", () => {
    const figure = { ...NS, moreIsBetter: true } as const;
    const old = runOf({ script: [150, 151, 149, 150, 152] }, { figure });
    const now = runOf({ script: [130, 131, 129, 130, 132] }, { figure });
    expect(verdictsOf(old, now)).toEqual({ script: "worse" });
    expect(verdictsOf(now, old)).toEqual({ script: "better" });
  });

  test("a machine that is slower as a whole changes nothing", () => {
    const script = [150, 151.5, 148.5, 150, 153];
    const old = runOf({ stock: STOCK, script });
    const slower = (values: readonly number[]) => values.map((value, i) => value * (1.5 + i / 10));
    const now = runOf({ stock: slower(STOCK), script: slower(script) });
    const [stock, other] = changes(old, now);
    expect(stock).toMatchObject({ side: "stock", verdict: "reference", old: 100 });
    expect(other).toMatchObject({ side: "script", verdict: "noise", old: 150 });
    expect(other!.ratio).toBeCloseTo(1);
  });

  test("few rounds say nothing, and other benches are left out", () => {
    const old = runOf({ stock: [100, 100], script: [150, 150] });
    const now = runOf({ stock: [100, 100], script: [130, 130] });
    expect(verdictsOf(old, now)).toEqual({ stock: "reference", script: "too few rounds" });
    expect(comparison(old, now)).toContain("?: nothing can be said from fewer than 5 rounds");
    expect(comparison(old, runOf({ stock: STOCK }, { name: "other" }))).toBe(
      "The two have no figure in common.",
    );
  });

  test("as a table", () => {
    const old = runOf({ stock: STOCK, script: [150, 151, 149, 150, 152] }, { commit: "aaa" });
    const now = runOf({ stock: STOCK, script: [180, 181, 179, 180, 182] }, { commit: "bbb" });
    expect(comparison(old, now).split("\n").slice(0, 6)).toEqual([
      "Old: aaa, 2026-11-27T12:34, a CPU. New: bbb, 2026-11-27T12:34, a CPU.",
      "",
      "| bench  | figure     |            | old   | new   | new/old |             |",
      "| ------ | ---------- | ---------- | ----- | ----- | ------- | ----------- |",
      "| sample | a read, ns | stock QEMU | 100.0 | 100.0 | 1.000   | (reference) |",
      "| sample | a read, ns | TypeScript | 150.0 | 180.0 | 1.200   | WORSE       |",
    ]);
  });
});

describe("a picture", () => {
  const bars = (svg: string) => svg.match(/<rect /g)!.length - 1;

  test("has a bar for each way that was measured, longer for what takes longer", () => {
    const run = runOf({ unicornPython: [300], callback: [50], socketBun: [20_000] }, { name: "peers" });
    const svg = picture(run);
    expect(bars(svg)).toBe(3);
    const widths = [...svg.matchAll(/<rect x="\d+" [^>]*width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    );
    expect(widths).toEqual(widths.toSorted((a, b) => a - b));
    expect(svg).toContain(">20,000</text>");
    expect(svg).toContain("c0ffee, 2026-11-27, a CPU");
  });

  test("cannot be drawn of nothing", () => {
    expect(() => picture(runOf({ stock: [1] }))).toThrow("there is nothing to draw");
  });

  test("text in it is text", () => {
    const run = runOf({ callback: [50] }, { name: "peers", commit: "<a & b>" });
    expect(picture(run)).toContain("&lt;a &amp; b>");
  });
});

describe("tables in a page", () => {
  const TABLE =
    "| sample     | C in the library |\n| ---------- | ---------------- |\n| a read, ns | 5.0              |";
  const place = (name: string, text: string) => `<!-- bench ${name} -->\n${text}<!-- end -->\n`;
  const table = `\n${TABLE}\n\nLoad of the machine: 0.0 to 0.0.\n\n`;
  const setting = "\nCommit c0ffee, 2026-11-27; a CPU, 2 cores, Linux k.\n\n";
  const run = runOf({ library: [5] });

  test("are replaced, as often as one likes", () => {
    const page = (a: string, b: string) => `Text.\n${place("sample", a)}More.\n${place("setting", b)}`;
    expect(updated(page("old\n", ""), run)).toBe(page(table, setting));
    expect(updated(page(table, setting), run)).toBe(page(table, setting));
  });

  test("stay if they were not measured, and with them what is told of all", () => {
    const page = (a: string) => place("sample", a) + place("other", "old\n") + place("setting", "old\n");
    expect(updated(page("old\n"), run)).toBe(page(table));
  });
});

describe("the command line", () => {
  const BENCHES = [access, peers];

  test("has defaults", () => {
    expect(parse([], BENCHES)).toMatchObject({ rounds: 7, benches: BENCHES, settings: { seconds: 60 } });
    expect(help(BENCHES)).toContain("\n  peers        one read of a register");
  });

  test("names benches, and files that are there", () => {
    const folder = mkdtempSync(join(tmpdir(), "qemu-script-test-"));
    try {
      const file = join(folder, "old.json");
      writeFileSync(file, "{}");
      const words = [
        "--only",
        "peers",
        "--rounds",
        "3",
        "--seconds",
        "5",
        "--compare",
        file,
        "--svg",
        "x.svg",
      ];
      expect(parse(words, BENCHES)).toMatchObject({
        ...{ rounds: 3, benches: [peers], settings: { seconds: 5 } },
        ...{ compare: file, from: undefined, svg: "x.svg" },
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each([
    [["--only", "nothing"], 'there is no bench "nothing"; there are access, peers'],
    [["--rounds", "0"], '--rounds takes a whole number from 1, not "0"'],
    [["--seconds", ""], '--seconds takes a whole number from 1, not ""'],
    [["--from", "/nowhere"], "there is no file /nowhere"],
    [["--compare", "/nowhere"], "there is no file /nowhere"],
    [["--what"], "--what"],
  ])("%p is an error", (words, message) => {
    expect(() => parse(words, BENCHES)).toThrow(message);
  });
});

test("what is mapped where", () => {
  const maps = [
    "01a40000-0684a000 r-xp 01838000 fe:00 5523972                            /a path/program",
    "7fb660000000-7fb69ffff000 rwxp 00000000 00:00 0 ",
    "7fb6f73b7000-7fb6f73b9000 r--p 00000000 00:00 0                          [vvar]",
    "",
  ].join("\n");
  expect(mappingsIn(maps)).toEqual([
    { start: 0x1a40000, end: 0x684a000, path: "/a path/program", executable: true },
    { start: 0x7fb660000000, end: 0x7fb69ffff000, path: "", executable: true },
    { start: 0x7fb6f73b7000, end: 0x7fb6f73b9000, path: "[vvar]", executable: false },
  ]);
});

/** What a run of benches found, for people. */
import { type Column, type Figure, type Target, TITLES } from "./bench.ts";
import type { About, Result } from "./runner.ts";
import { type Summary, summary } from "./statistics.ts";

/** A target, and what was measured of it. */
export interface Verdict {
  readonly bench: string;
  readonly target: Target;
  /** The median, or the ratio or difference of the medians. */
  readonly measured: number;
  /** The same of the minima: far from it, something else kept the machine busy. */
  readonly ofMinima: number;
  readonly met: boolean;
}

/** What a figure that is to be compared with no other is compared with. */
const NOTHING = summary([0]);

/** More columns than this are rows. */
const MOST_COLUMNS = 3;

/** Those targets whose sides were measured. */
export function verdicts({ bench, sides }: Result): Verdict[] {
  return bench.targets.flatMap((target) => {
    const { figure, compare } = target;
    const own = sides.get(target.side)?.get(figure);
    const other = compare === "value" ? NOTHING : sides.get(target.against)?.get(figure);
    if (own === undefined || other === undefined) return [];
    const compared = (a: number, b: number): number => (compare === "ratio" ? a / b : a - b);
    const measured = compared(own.median, other.median);
    const ofMinima = compared(own.min, other.min);
    return [{ bench: bench.name, target, measured, ofMinima, met: measured <= target.atMost }];
  });
}

/** What is measured; medians, extremes and ratios as a Markdown table; a line for each target. */
export function table(result: Result): string {
  const { bench } = result;
  const about = bench.details ?? `${bench.about[0]?.toUpperCase()}${bench.about.slice(1)}.`;
  const told = verdicts(result).map((verdict) => `- ${sentence(bench, verdict)}`);
  const targets = told.length === 0 ? [] : ["", ...told];
  return [about, "", measuredTable(result), ...targets].join("\n");
}

/** The table by itself, and under what load it was measured. */
export function measuredTable(result: Result): string {
  const { sides, load, notes } = result;
  const cells = sides.size <= MOST_COLUMNS ? byFigure(result) : bySide(result);
  const busy = `Load of the machine: ${load.map((value) => value.toFixed(1)).join(" to ")}.`;
  return [...aligned(cells), "", busy, ...(notes === undefined ? [] : ["", notes])].join("\n");
}

/** A row for each figure. */
function byFigure(result: Result): string[][] {
  const { bench, sides } = result;
  const measured = Object.entries(bench.figures).filter(([name]) =>
    [...sides.values()].some((figures) => figures.has(name)),
  );
  const rows = measured.map(([name, figure]) => [
    headOf(figure),
    ...[...sides.keys()].map((side) => cell(result, side, name, figure)),
  ]);
  return [[bench.name, ...[...sides.keys()].map((side) => TITLES[side])], ...rows];
}

/** A row for each side. */
function bySide(result: Result): string[][] {
  const { bench, sides } = result;
  const figures = Object.entries(bench.figures);
  const rows = [...sides.keys()].map((side) => [
    TITLES[side],
    ...figures.map(([name, figure]) => cell(result, side, name, figure)),
  ]);
  return [[bench.name, ...figures.map(([, figure]) => headOf(figure))], ...rows];
}

const headOf = ({ title, unit }: Figure) => (unit === "" ? title : `${title}, ${unit}`);

/** `119.2 (118.0 to 121.3) ×1.02`; of one sample without the extremes. */
function cell(result: Result, side: Column, name: string, { digits }: Figure): string {
  const figure = result.sides.get(side)?.get(name);
  if (!figure) return "";
  const baseline = baselineOf(result, side, name);
  const [median, min, max] = [figure.median, figure.min, figure.max].map((value) => value.toFixed(digits));
  const ratio = baseline && baseline.median > 0 ? ` ×${(figure.median / baseline.median).toFixed(3)}` : "";
  return figure.samples.length === 1 ? `${median}${ratio}` : `${median} (${min} to ${max})${ratio}`;
}

function baselineOf({ bench, sides }: Result, side: Column, figure: string): Summary | undefined {
  return side === bench.baseline ? undefined : sides.get(bench.baseline)?.get(figure);
}

function sentence(bench: About, verdict: Verdict): string {
  const { title, measured, atMost, met } = worded(bench, verdict);
  return `${title} ${measured}, at most ${atMost}: ${met}`;
}

/** What is to be said of a target. */
interface Worded {
  readonly title: string;
  readonly measured: string;
  readonly atMost: string;
  readonly met: "met" | "MISSED";
}

function worded(bench: About, { target, measured, ofMinima, met }: Verdict): Worded {
  const { title, unit } = bench.figures[target.figure] ?? { title: target.figure, unit: "" };
  const against = target.compare === "value" ? "" : ` against ${TITLES[target.against]}`;
  const amounts = {
    value: [`${measured.toFixed(2)} ${unit} (minimum ${ofMinima.toFixed(2)})`, `${target.atMost}`],
    ratio: [`${measured.toFixed(3)} times (minima ${ofMinima.toFixed(3)})`, `${target.atMost}`],
    difference: [`${signed(measured)} ${unit} (minima ${signed(ofMinima)})`, `+${target.atMost}`],
  } as const;
  const [amount, atMost] = amounts[target.compare];
  return {
    title: `${title}: ${TITLES[target.side]}${against}`,
    ...{ measured: amount, atMost, met: met ? "met" : "MISSED" },
  };
}

/** All targets of a run, as a Markdown table; `undefined` if it has none. */
export function targetTable(results: readonly Result[]): string | undefined {
  const rows = results.flatMap((result) =>
    verdicts(result).map((verdict) => {
      const { title, measured, atMost, met } = worded(result.bench, verdict);
      return [result.bench.name, title, measured, atMost, met];
    }),
  );
  if (rows.length === 0) return undefined;
  return aligned([["bench", "target", "measured", "at most", ""], ...rows]).join("\n");
}

function signed(value: number): string {
  return `${value >= 0 ? "+" : ""}${value.toFixed(2)}`;
}

/** Cells as the lines of a Markdown table; the first row is its head. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body.map(line)];
}

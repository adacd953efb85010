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

/** A Markdown table of medians, extremes and ratios, and a line for each target. */
export function table(result: Result): string {
  const { bench, sides } = result;
  const cells = sides.size <= MOST_COLUMNS ? byFigure(result) : bySide(result);
  const told = verdicts(result).map((verdict) => sentence(bench, verdict));
  const notes = result.notes === undefined ? [] : ["", result.notes];
  const load = `Load of the machine: ${result.load.map((value) => value.toFixed(1)).join(" to ")}.`;
  const targets = ["", ...told.map((line) => `- ${line}`)];
  const about = bench.details ?? `${bench.about[0]?.toUpperCase()}${bench.about.slice(1)}.`;
  return [about, "", ...aligned(cells), "", load, ...(told.length ? targets : []), ...notes].join("\n");
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

function sentence(bench: About, { target, measured, ofMinima, met }: Verdict): string {
  const { title, unit } = bench.figures[target.figure] ?? { title: target.figure, unit: "" };
  if (target.compare === "value") {
    const [median, least] = [measured, ofMinima].map((value) => value.toFixed(2));
    const amount = `${median} ${unit} (minimum ${least}), at most ${target.atMost}`;
    return `${title}: ${TITLES[target.side]} ${amount}: ${met ? "met" : "MISSED"}`;
  }
  const against = `${TITLES[target.side]} against ${TITLES[target.against]}`;
  const amount =
    target.compare === "ratio"
      ? `${measured.toFixed(3)} times (minima ${ofMinima.toFixed(3)}), at most ${target.atMost}`
      : `${signed(measured)} ${unit} (minima ${signed(ofMinima)}), at most +${target.atMost}`;
  return `${title}: ${against} ${amount}: ${met ? "met" : "MISSED"}`;
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

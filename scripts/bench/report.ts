/** What a run of benches found, for people and for programs. */
import { type Bench, type Side, type Target, TITLES } from "./bench.ts";
import type { Result } from "./runner.ts";
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
  const columns = [...sides.keys()];
  const rows = Object.entries(bench.figures).map(([name, { title, unit, digits }]) => [
    `${title}, ${unit}`,
    ...columns.map((side) => cell(sides.get(side)?.get(name), baselineOf(result, side, name), digits)),
  ]);
  const lines = aligned([[bench.name, ...columns.map((side) => TITLES[side])], ...rows]);
  const told = verdicts(result).map((verdict) => sentence(bench, verdict));
  return [bench.about, "", ...lines, "", ...told.map((line) => `- ${line}`)].join("\n").trimEnd();
}

/** `119.2 (118.0 to 121.3) ×1.02` */
function cell(figure: Summary | undefined, baseline: Summary | undefined, digits: number): string {
  if (!figure) return "";
  const [median, min, max] = [figure.median, figure.min, figure.max].map((value) => value.toFixed(digits));
  const ratio = baseline && baseline.median > 0 ? ` ×${(figure.median / baseline.median).toFixed(3)}` : "";
  return `${median} (${min} to ${max})${ratio}`;
}

function baselineOf({ bench, sides }: Result, side: Side, figure: string): Summary | undefined {
  return side === bench.baseline ? undefined : sides.get(bench.baseline)?.get(figure);
}

function sentence(bench: Bench, { target, measured, ofMinima, met }: Verdict): string {
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

export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body.map(line)];
}

/** Where and with what the figures were measured. */
export interface Setting {
  readonly date: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly rounds: number;
}

/** The whole result. Names in it are kept, so that two results can be compared. */
export function json(setting: Setting, results: readonly Result[]): string {
  const benches = results.map(({ bench, sides }) => [
    bench.name,
    {
      about: bench.about,
      baseline: bench.baseline,
      figures: bench.figures,
      sides: Object.fromEntries([...sides].map(([side, figures]) => [side, Object.fromEntries(figures)])),
    },
  ]);
  const targets = results.flatMap(verdicts).map(({ target, ...verdict }) => ({ ...target, ...verdict }));
  return `${JSON.stringify({ format: 1, setting, benches: Object.fromEntries(benches), targets }, null, 2)}\n`;
}

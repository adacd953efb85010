/** Two runs, of two commits say: what changed, and what is only noise. */
import { type Column, type Figure, type Side, TITLES } from "./bench.ts";
import { aligned } from "./report.ts";
import type { Run, Setting } from "./results.ts";
import type { Result } from "./runner.ts";
import { shareAbove, summary } from "./statistics.ts";

/** Of all pairs of an old and a new sample, so many have to agree about which is larger. */
const SURE = 0.95;
/** With fewer rounds chance alone agrees too often. */
const LEAST_ROUNDS = 5;

/** One figure of one side. */
export interface Change {
  readonly bench: string;
  readonly side: Column;
  readonly figure: Figure;
  /** Medians. */
  readonly old: number;
  readonly now: number;
  /** How much larger the new one is; as compared with the reference in the same rounds, if there is one. */
  readonly ratio: number;
  readonly verdict: "better" | "worse" | "noise" | "reference" | "too few rounds";
}

/** What both runs have measured. */
export function changes(old: Run, now: Run): Change[] {
  return now.results.flatMap((result) => {
    const before = old.results.find(({ bench }) => bench.name === result.bench.name);
    return before ? ofBench(before, result) : [];
  });
}

function ofBench(before: Result, after: Result): Change[] {
  const { bench } = after;
  return Object.entries(bench.figures).flatMap(([name, figure]) => {
    const has = (side: Column) => before.sides.get(side)?.has(name) && after.sides.get(side)?.has(name);
    const reference = (["stock", "library"] as const).find(has);
    return [...after.sides.keys()].filter(has).map((side): Change => {
      const [old, now] = [before, after].map(({ sides }) => sides.get(side)!.get(name)!.median) as [
        number,
        number,
      ];
      const samples = comparable(before, after, name, side, reference);
      return {
        ...{ bench: bench.name, side, figure, old, now },
        ratio: summary(samples.now).median / summary(samples.old).median,
        verdict: side === reference ? "reference" : verdictOf(samples, figure),
      };
    });
  });
}

interface Samples {
  readonly old: readonly number[];
  readonly now: readonly number[];
}

/** Divided by the reference's of the same round, which evens out how fast the machine was then. */
function comparable(
  before: Result,
  after: Result,
  figure: string,
  side: Column,
  reference: Side | undefined,
): Samples {
  const samplesOf = ({ sides }: Result, which: Column) => sides.get(which)!.get(figure)!.samples;
  const [old, now] = [samplesOf(before, side), samplesOf(after, side)];
  if (reference === undefined || side === reference) return { old, now };
  const [oldBase, nowBase] = [samplesOf(before, reference), samplesOf(after, reference)];
  const fits =
    old.length === oldBase.length &&
    now.length === nowBase.length &&
    [...oldBase, ...nowBase].every((value) => value > 0);
  if (!fits) return { old, now };
  const relative = (values: readonly number[], base: readonly number[]): number[] =>
    values.map((value, round) => value / base[round]!);
  return { old: relative(old, oldBase), now: relative(now, nowBase) };
}

function verdictOf({ old, now }: Samples, { moreIsBetter }: Figure): Change["verdict"] {
  if (Math.min(old.length, now.length) < LEAST_ROUNDS) return "too few rounds";
  const above = shareAbove(old, now);
  if (above >= SURE) return moreIsBetter ? "better" : "worse";
  return above <= 1 - SURE ? (moreIsBetter ? "worse" : "better") : "noise";
}

const MARKS = {
  better: "better",
  worse: "WORSE",
  noise: "",
  reference: "(reference)",
  "too few rounds": "?",
} as const satisfies Record<Change["verdict"], string>;

/** A Markdown table of all changes. */
export function comparison(old: Run, now: Run): string {
  const all = changes(old, now);
  if (all.length === 0) return "The two have no figure in common.";
  const rows = all.map(({ bench, side, figure, old: before, now: after, ratio, verdict }) => [
    bench,
    `${figure.title}, ${figure.unit}`,
    TITLES[side],
    before.toFixed(figure.digits),
    after.toFixed(figure.digits),
    Number.isFinite(ratio) ? ratio.toFixed(3) : "",
    MARKS[verdict],
  ]);
  const head = ["bench", "figure", "", "old", "new", "new/old", ""];
  const few = all.some(({ verdict }) => verdict === "too few rounds");
  return [
    `Old: ${named(old.setting)}. New: ${named(now.setting)}.`,
    "",
    ...aligned([head, ...rows]),
    "",
    "Medians; new/old is of the ratios to the reference in the same round, where there is one. Marked is what",
    `at least ${100 * SURE} % of all pairs of an old and a new round agree about.`,
    ...(few ? [`?: nothing can be said from fewer than ${LEAST_ROUNDS} rounds.`] : []),
  ].join("\n");
}

const named = ({ commit, date, cpu }: Setting): string => `${commit}, ${date.slice(0, 16)}, ${cpu}`;

/** What QEMU's tests found on each side, and where a side differs from stock QEMU. */
import { aligned } from "../bench/report.ts";
import { duration } from "../lib/progress.ts";
import type { Case, Outcome } from "./cases.ts";
import { type Result, START } from "./runner.ts";
import { type SideName, TITLES } from "./sides.ts";
import type { Suite } from "./suites.ts";

export interface Row {
  readonly suite: Suite;
  readonly sides: ReadonlyMap<SideName, Result>;
}

/** A case that does not end as it does with stock QEMU. */
export interface Difference {
  readonly suite: string;
  readonly side: SideName;
  readonly name: string;
  readonly ours: Outcome | "missing";
  /** Missing if stock QEMU has no such case, or was not run. */
  readonly stock: Outcome | "missing";
  readonly words: readonly string[];
  /** Does the case fail, or pass on stock QEMU alone? */
  readonly bad: boolean;
}

/** All of a run's differences. Without stock QEMU, what fails is one. */
export function differences(rows: readonly Row[]): Difference[] {
  return rows.flatMap(({ suite, sides }) => {
    const stock = byName(
      rows.find((row) => row.suite.name === (suite.like ?? suite.name))?.sides.get("stock"),
    );
    return [...sides]
      .filter(([side]) => side !== "stock")
      .flatMap(([side, result]) =>
        compared(byName(result), stock).map((difference) => ({
          suite: suite.name,
          side,
          ...difference,
        })),
      );
  });
}

const byName = (result: Result | undefined): ReadonlyMap<string, Case> | undefined =>
  result && new Map(result.cases.map((found) => [found.name, found]));

function compared(
  ours: ReadonlyMap<string, Case> | undefined,
  stock: ReadonlyMap<string, Case> | undefined,
): Omit<Difference, "suite" | "side">[] {
  // What did not start has no cases, and need not be told to lack each of them.
  const names = new Set([...(ours?.keys() ?? []), ...(ours?.has(START) ? [] : (stock?.keys() ?? []))]);
  return [...names].flatMap((name) => {
    const [own, other] = [ours?.get(name), stock?.get(name)];
    const [mine, theirs] = [own?.outcome ?? "missing", other?.outcome ?? "missing"] as const;
    const same = stock === undefined ? mine !== "failed" : mine === theirs;
    if (same) return [];
    const bad = mine === "failed" || theirs === "passed";
    return [{ name, ours: mine, stock: theirs, words: own?.words ?? [], bad }];
  });
}

/** A Markdown table: for each test and side how many cases passed, failed and were skipped, and how long it took. */
export function table(rows: readonly Row[], sides: readonly SideName[]): string {
  const head = ["test", ...sides.map((side) => TITLES[side])];
  const body = rows.map((row) => [row.suite.name, ...sides.map((side) => cell(row.sides.get(side)))]);
  return aligned([head, ...body]).join("\n");
}

/** `87/0/0 in 1:10` */
function cell(result: Result | undefined): string {
  if (!result) return "";
  const count = (outcome: Outcome): number => result.cases.filter((one) => one.outcome === outcome).length;
  return `${count("passed")}/${count("failed")}/${count("skipped")} in ${duration(result.ms)}`;
}

/** The cases that did not pass, with the tests' own words, and then those that differ from stock QEMU. */
export function findings(rows: readonly Row[]): string {
  const lines = rows.flatMap(({ suite, sides }) =>
    [...sides].flatMap(([side, { cases }]) =>
      cases
        .filter(({ outcome }) => outcome !== "passed")
        .flatMap(({ name, outcome, words }) => [
          `${suite.name}, ${TITLES[side]}: ${name} ${outcome}`,
          ...words.map((line) => `    ${line}`),
        ]),
    ),
  );
  return lines.concat(verdict(rows)).join("\n");
}

function verdict(rows: readonly Row[]): string[] {
  const found = differences(rows);
  const told = found.map(
    ({ suite, side, name, ours, stock }) =>
      `${suite}, ${TITLES[side]}: ${name} ${ours}, with stock QEMU ${stock}`,
  );
  const bad = found.filter((difference) => difference.bad).length;
  const cases = `${bad} ${bad === 1 ? "case" : "cases"}`;
  if (!rows.some(({ sides }) => sides.has("stock"))) return [bad > 0 ? `${cases} failed` : "No case failed"];
  return [...told, bad > 0 ? `${cases} worse than with stock QEMU` : "Nothing is worse than with stock QEMU"];
}

/** The whole result. Names in it are kept, so that two results can be compared. */
export function json(
  setting: { readonly date: string; readonly slow: boolean },
  rows: readonly Row[],
): string {
  const tests = rows.map(({ suite, sides }) => [suite.name, Object.fromEntries(sides)] as const);
  const value = { format: 1, setting, tests: Object.fromEntries(tests), differences: differences(rows) };
  return `${JSON.stringify(value, null, 2)}\n`;
}

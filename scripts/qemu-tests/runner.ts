/** Runs one of QEMU's test programs to its end, also if some of its cases end it. */
import { join } from "node:path";
import { ToolFailed } from "../lib/errors.ts";
import { pythonOf } from "../lib/meson.ts";
import { paths } from "../lib/paths.ts";
import { run, startLog } from "../lib/process.ts";
import { duration } from "../lib/progress.ts";
import { type Case, CaseReader, WORDS } from "./cases.ts";
import type { Workplace } from "./sides.ts";
import type { Suite } from "./suites.ts";

export interface Result {
  readonly cases: readonly Case[];
  readonly ms: number;
}

export interface Job {
  readonly suite: Suite;
  readonly place: Workplace;
  /** The QEMU of the workplace to test. */
  readonly side: string;
  /** Also what QEMU's own CI leaves out. */
  readonly slow: boolean;
  /** Only these cases, and those below them; all if it is empty. */
  readonly chosen: readonly string[];
  readonly log: string;
  progress?(done: number, total: number): void;
  /** How long one case may take; {@link CASE_MS} if it is not given. */
  readonly limit?: number;
}

/** The slowest take some seconds, and half of this if QEMU hangs. */
const CASE_MS = 12 * 60_000;

/** Stands for the cases of a program that does not get as far as to name them. */
export const START = "(start)";
/** Stands for all that is not a case's fault. */
const END = "(end)";

/** Runs all cases. One that ends the program has failed, and the program is run again for the rest. */
export async function runSuite(job: Job): Promise<Result> {
  const begin = performance.now();
  startLog(job.log);
  const done = new Map<string, Case>();
  const add = (found: Case): void => void done.set(found.name, found);
  const names = await list(job, add);
  const wanted = names.filter((name) => isChosen(name, job.chosen));
  const left = (): string[] => wanted.filter((name) => !done.has(name));
  while (left().length > 0) {
    const skip = names.filter((name) => !wanted.includes(name) || done.has(name));
    const end = await attempt(job, skip, (found) => {
      if (!left().includes(found.name)) return;
      add(found);
      job.progress?.(done.size, wanted.length);
    });
    const failed = [...done.values()].some(({ outcome }) => outcome === "failed");
    const guilty = left()[0] ?? (end.problem !== undefined && !failed ? END : undefined);
    if (guilty === undefined) break;
    const words = [...end.words, end.problem ?? "the program ended without a result"];
    add({ name: guilty, outcome: "failed", words, ms: end.ms });
  }
  return { cases: [...done.values()], ms: Math.round(performance.now() - begin) };
}

/** Is this case, or one above it, among those that were asked for? */
export function isChosen(name: string, chosen: readonly string[]): boolean {
  return chosen.length === 0 || chosen.some((choice) => name === choice || name.startsWith(`${choice}/`));
}

/** The names of all cases, in the order in which they are run. */
async function list(job: Job, add: (found: Case) => void): Promise<string[]> {
  const lines: string[] = [];
  const problem = await start(job, ["-l"], (line) => void lines.push(line));
  if (problem === undefined) return lines.filter((line) => line.startsWith("/"));
  add({ name: START, outcome: "failed", words: [...lines.slice(-WORDS), problem], ms: 0 });
  return [];
}

interface End {
  readonly problem: string | undefined;
  readonly words: readonly string[];
  readonly ms: number;
}

/** One run of the program, without the cases to skip: GLib reports these as well. */
async function attempt(job: Job, skip: readonly string[], onCase: (found: Case) => void): Promise<End> {
  const { limit = CASE_MS } = job;
  const overdue = new AbortController();
  const timer = setTimeout(() => overdue.abort(), limit);
  const reader = new CaseReader((found) => {
    timer.refresh();
    onCase(found);
  });
  const args = ["--tap", "-k", ...skip.flatMap((name) => ["-s", name])];
  const problem = await start(job, args, (line) => reader.line(line), overdue.signal);
  clearTimeout(timer);
  const { words, ms } = reader.end();
  return { problem: overdue.signal.aborted ? `no result within ${duration(limit)}` : problem, words, ms };
}

/** @returns how it ended, if not well */
async function start(
  job: Job,
  args: readonly string[],
  onLine: (line: string) => void,
  abort?: AbortSignal,
): Promise<string | undefined> {
  const { suite, place, slow, log } = job;
  const program = join(paths.qtests, suite.program);
  try {
    await run(program, [...(suite.args ?? []), "-m", slow ? "slow" : "quick", ...args], {
      what: suite.program,
      cwd: place.folder,
      log,
      env: environment(job),
      onLine,
      ...(abort ? { abort } : {}),
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof ToolFailed)) throw error;
    return error.message;
  }
}

function environment({ suite, place, side }: Job): Record<string, string | undefined> {
  const stock = place.command("stock");
  return {
    QTEST_QEMU_BINARY: place.command(side),
    QTEST_QEMU_BINARY_SRC: suite.stockIs === "source" ? stock : undefined,
    QTEST_QEMU_BINARY_DST: suite.stockIs === "destination" ? stock : undefined,
    PYTHON: pythonOf(paths),
    // Sockets, and what a test that fails leaves.
    TMPDIR: place.folder,
  };
}

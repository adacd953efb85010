/** What npm run qemu-tests does, once the programs are there. */
import { join } from "node:path";
import { UserError } from "../lib/errors.ts";
import { paths } from "../lib/paths.ts";
import { StepProgress } from "../lib/progress.ts";
import { differences, findings, json, type Row, table } from "./report.ts";
import { isChosen, type Result, runSuite, START } from "./runner.ts";
import { commandOf, SIDES, type SideName, TITLES, Workplace } from "./sides.ts";
import type { Suite } from "./suites.ts";

export interface Options {
  readonly suites: readonly Suite[];
  readonly sides: readonly SideName[];
  /** Cases; all if it is empty. */
  readonly chosen: readonly string[];
  readonly slow: boolean;
  readonly json: boolean;
}

/** @returns the exit status: 0 if nothing that passes with stock QEMU fails */
export async function qemuTests(options: Options): Promise<number> {
  const { sides, slow, chosen } = options;
  using place = await Workplace.make(Object.fromEntries(SIDES.map((side) => [side, commandOf(side)])));
  const rows = options.suites.map((suite) => ({ suite, sides: new Map<SideName, Result>() }));
  const steps = rows.flatMap(({ suite, sides: results }) =>
    sides.filter((side) => suite.sides?.includes(side) ?? true).map((side) => ({ suite, side, results })),
  );
  for (const [index, { suite, side, results }] of steps.entries()) {
    const title = `${suite.name}, ${TITLES[side]}`;
    const progress = new StepProgress(index + 1, steps.length, title, process.stderr);
    progress.start();
    try {
      const log = join(paths.build, "logs", `${suite.name}-${side}.log`);
      const report = (done: number, total: number): void => progress.update(done, total);
      results.set(side, await runSuite({ suite, place, side, slow, chosen, log, progress: report }));
    } catch (error) {
      progress.fail();
      throw error;
    }
    progress.finish();
  }
  return tell(rows, options);
}

function tell(rows: readonly Row[], { sides, slow, chosen, json: wanted }: Options): number {
  const names = rows.flatMap((row) =>
    [...row.sides.values()].flatMap(({ cases }) => cases.map((one) => one.name)),
  );
  const unknown = chosen.find((choice) => !names.some((name) => name === START || isChosen(name, [choice])));
  if (unknown !== undefined) throw new UserError(`there is no case ${unknown} in these tests`);
  if (wanted) process.stdout.write(json({ date: new Date().toISOString(), slow }, rows));
  else console.log(`Cases passed/failed/skipped:\n\n${table(rows, sides)}\n\n${findings(rows)}`);
  return differences(rows).some(({ bad }) => bad) ? 1 : 0;
}

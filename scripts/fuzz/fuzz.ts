/** What npm run fuzz does, once the program to test is there. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FuzzError } from "../../test/lib/fuzz/error.ts";
import type { Subject } from "../../test/lib/fuzz/pair.ts";
import { type Found, replay, run } from "../../test/lib/fuzz/run.ts";
import { shrink } from "../../test/lib/fuzz/shrink.ts";
import { read, tell } from "../../test/lib/fuzz/story.ts";
import { TWINS } from "../../test/lib/fuzz/twins.ts";
import { endAll } from "../../test/lib/qemu.ts";
import { say } from "../lib/cli.ts";
import { UserError } from "../lib/errors.ts";
import { paths, shown } from "../lib/paths.ts";
import { duration, StepProgress } from "../lib/progress.ts";

export interface Options {
  readonly device: string | undefined;
  readonly board: string | undefined;
  readonly ops: number;
  readonly seed: number;
  /** Absolute paths. */
  readonly script: string | undefined;
  readonly replay: string | undefined;
}

const DEFAULT_DEVICE = "pl011";
/** Between two lines about the search for a shorter sequence. */
const REPORT_MS = 2_000;

/** @returns the exit status */
export async function fuzz(options: Options): Promise<number> {
  try {
    return options.replay === undefined ? await search(options) : await again(options, options.replay);
  } catch (error) {
    throw error instanceof FuzzError ? new UserError(error.message, { cause: error }) : error;
  } finally {
    await endAll();
  }
}

async function search(options: Options): Promise<number> {
  const subjects = subjectsOf(options.device ?? DEFAULT_DEVICE, options);
  const ops = Math.ceil(options.ops / subjects.length);
  for (const [index, subject] of subjects.entries()) {
    const seed = options.seed + index;
    const title = `${ops} operations of ${nameOf(subject)}, seed ${seed}`;
    const progress = new StepProgress(index + 1, subjects.length, title, process.stderr);
    progress.start();
    const start = performance.now();
    const found = await run(subject, { ops, seed, progress: (done) => progress.update(done, ops) });
    if (found) {
      progress.fail();
      await report(subject, found, seed);
      return 1;
    }
    progress.finish();
    const speed = Math.round((1000 * ops) / (performance.now() - start));
    console.log(`${nameOf(subject)}: no difference in ${ops} operations, seed ${seed}; ${speed}/s`);
  }
  return 0;
}

async function again(options: Options, path: string): Promise<number> {
  const story = read(readFileSync(path, "utf8"));
  const [subject] = subjectsOf(story.device, { ...options, board: story.board });
  const found = await replay(subject!, story.operations);
  if (found) {
    process.stdout.write(tell(subject!, found));
    return 1;
  }
  console.log(`${nameOf(subject!)}: no difference in ${story.operations.length} operations`);
  return 0;
}

/** Prints the shortest sequence that shows the difference; keeps it, and before that what was found at first. */
async function report(subject: Subject, found: Found, seed: number): Promise<void> {
  const folder = join(paths.build, "fuzz");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${subject.twin.name}-${subject.board}-${seed}.txt`);
  writeFileSync(path, tell(subject, found));
  say(`different ${found.difference.what} after ${found.operations.length} operations, in ${shown(path)}`);
  const shortest = await shrink(found, attempts(subject, found));
  const text = tell(subject, shortest);
  writeFileSync(path, text);
  process.stdout.write(text);
  const { script, twin } = subject;
  const option = script === twin.script ? "" : ` --script ${shown(script)}`;
  console.log(`# npm run fuzz -- --replay ${shown(path)}${option}`);
}

function attempts(subject: Subject, found: Found) {
  const start = performance.now();
  let reported = start;
  let best = found.operations.length;
  let tries = 0;
  return async (operations: readonly string[]) => {
    const now = performance.now();
    if (now - reported > REPORT_MS) {
      reported = now;
      say(`making it shorter: ${best} operations after ${tries} attempts in ${duration(now - start)}`);
    }
    tries++;
    const shorter = await replay(subject, operations);
    best = Math.min(best, shorter?.operations.length ?? best);
    return shorter;
  };
}

/** @throws UserError if there is no such device or board */
function subjectsOf(device: string, options: Pick<Options, "board" | "script">): Subject[] {
  const twin = TWINS.find(({ name }) => name === device);
  if (!twin) {
    throw new UserError(
      `there is no device ${device}; there are ${TWINS.map(({ name }) => name).join(", ")}`,
    );
  }
  const { board: wanted, script = twin.script } = options;
  const boards = Object.keys(twin.boards).filter((board) => wanted === undefined || board === wanted);
  if (boards.length === 0) {
    throw new UserError(
      `there is no board ${wanted} with a ${device}; there are ${Object.keys(twin.boards).join(", ")}`,
    );
  }
  return boards.map((board) => ({ twin, board, script }));
}

const nameOf = ({ twin, board }: Subject): string => `${twin.name} on ${board}`;

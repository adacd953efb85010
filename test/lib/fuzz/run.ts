/** Long runs of random operations. */

import { random } from "../random.ts";
import { type Difference, Pair, type Subject } from "./pair.ts";

/** Operations between two comparisons of everything. */
const BATCH = 1000;

export interface Run {
  readonly ops: number;
  readonly seed: number;
  /** Hears after each batch how many operations are done; may throw to end the run. */
  readonly progress?: (done: number) => void;
}

export interface Found {
  /** All operations from the start to the one that made the difference. */
  readonly operations: readonly string[];
  readonly difference: Difference;
}

/** Drives both models with the same random operations. @returns what led to the first difference, if any */
export async function run(subject: Subject, { ops, seed, progress }: Run): Promise<Found | undefined> {
  const pair = await Pair.start(subject);
  const below = random(seed);
  const operations: string[] = [];
  try {
    for (let done = 0; done < ops; done = operations.length) {
      while (operations.length < Math.min(done + BATCH, ops)) {
        operations.push(...subject.twin.next(below, subject.board));
      }
      const difference = await pair.perform(operations.slice(done));
      progress?.(operations.length);
      if (difference) {
        return found(operations, { ...difference, at: done + difference.at });
      }
    }
    return undefined;
  } finally {
    await pair.kill();
  }
}

/** Does these operations, in machines of their own. */
export async function replay(subject: Subject, operations: readonly string[]): Promise<Found | undefined> {
  const pair = await Pair.start(subject);
  try {
    const difference = await pair.perform(operations);
    return difference && found(operations, difference);
  } finally {
    await pair.kill();
  }
}

function found(operations: readonly string[], difference: Difference): Found {
  return { operations: operations.slice(0, difference.at + 1), difference };
}

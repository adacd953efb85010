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

/** Operations between two that may switch tracing. */
const TRACE_EVERY = 1500;

/** The operations that a seed stands for, without end. */
export function* operationsOf({ twin, board }: Subject, seed: number): Generator<string, never> {
  const below = random(seed);
  for (;;) {
    if (twin.traces && below(TRACE_EVERY) === 0) {
      yield `trace ${below(2) === 0 ? "off" : "on"}`;
    }
    yield* twin.next(below, board);
  }
}

/** Drives both models with the same random operations. @returns what led to the first difference, if any */
export async function run(subject: Subject, { ops, seed, progress }: Run): Promise<Found | undefined> {
  const pair = await Pair.start(subject);
  const source = operationsOf(subject, seed);
  try {
    for (let done = 0; done < ops; done += BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, ops - done) }, () => source.next().value);
      const difference = await pair.perform(batch);
      progress?.(done + batch.length);
      if (difference) {
        // Those before were not kept.
        const at = done + difference.at;
        const operations = operationsOf(subject, seed).take(at + 1);
        return { operations: [...operations], difference: { ...difference, at } };
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
    return difference && { operations: operations.slice(0, difference.at + 1), difference };
  } finally {
    await pair.kill();
  }
}

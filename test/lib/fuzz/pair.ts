/** Both models of a device, which do the same operations. */

import { FuzzError } from "./error.ts";
import { type Model, Side } from "./side.ts";
import type { Twin } from "./twin.ts";

/** Turns of the event loop in which output that is in the kernel already comes in. */
const TURNS = 3;
/** How long to wait for output that only one model has sent so far, in ms. */
const LATE_MS = 500;

/** Where the models did not do the same. */
export interface Difference {
  /** Index of the operation; of output and logs, of the last one that can have made it. */
  readonly at: number;
  readonly what: "reads and lines" | "serial output" | "log";
  readonly ours: string;
  readonly theirs: string;
}

/** One board of a device, and the script that stands in for QEMU's model. */
export interface Subject {
  readonly twin: Twin;
  readonly board: string;
  readonly script: string;
}

export class Pair {
  private readonly subject: Subject;
  private ours: Side;
  private theirs: Side;

  private constructor(subject: Subject, ours: Side, theirs: Side) {
    this.subject = subject;
    this.ours = ours;
    this.theirs = theirs;
  }

  /** @throws FuzzError with QEMU's messages if one does not start */
  static async start(subject: Subject): Promise<Pair> {
    const { twin, board, script } = subject;
    const at = twin.boards[board]!;
    const models: readonly Model[] = [{ script }, "C"];
    const starts = models.map((model) => Side.start(twin, at, model));
    try {
      const [ours, theirs] = await Promise.all(starts);
      return new Pair(subject, ours!, theirs!);
    } catch (error) {
      throw new FuzzError(error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  async kill(): Promise<void> {
    await Promise.all([this.ours.kill(), this.theirs.kill()]);
  }

  /** Does operations on both. @returns the first difference, after which the two are of no use any more */
  async perform(operations: readonly string[]): Promise<Difference | undefined> {
    const { ours, theirs } = this;
    const [a, b] = await Promise.all([ours.perform(operations), theirs.perform(operations)]);
    const at = a!.findIndex((record, index) => record !== b![index]);
    if (at >= 0 || a.length !== b.length || ours.ended || theirs.ended) {
      const first = at >= 0 ? at : Math.min(a.length, b.length) - 1;
      return { at: first, what: "reads and lines", ours: shown(a[first]), theirs: shown(b[first]) };
    }
    const last = operations.length - 1;
    const [sent, expected] = await this.output();
    if (!sent.equals(expected)) {
      return { at: last, what: "serial output", ...firstDifference(bytes(sent), bytes(expected)) };
    }
    const [log, logC] = [ours.takeLog(), theirs.takeLog()];
    if (log !== logC) {
      return { at: last, what: "log", ...firstDifference(log.split("\n"), logC.split("\n")) };
    }
    return undefined;
  }

  /** Has each machine migrate into one of the other model, and go on there. */
  async swap(): Promise<void> {
    const { twin, board, script } = this.subject;
    const at = twin.boards[board]!;
    const swapped = [this.theirs.migrate(at, { script }), this.ours.migrate(at, "C")] as const;
    [this.ours, this.theirs] = await Promise.all(swapped);
  }

  /** The state of all devices in both machines, as it migrates: first the script's. */
  save(): Promise<[Buffer, Buffer]> {
    return Promise.all([this.ours.save(), this.theirs.save()]);
  }

  /** What both sent. It is in the kernel when the access that sent it is answered. */
  private async output(): Promise<[Buffer, Buffer]> {
    const { ours, theirs } = this;
    const until = performance.now() + LATE_MS;
    for (let turn = 0; turn < TURNS || ours.sentBytes !== theirs.sentBytes; turn++) {
      if (performance.now() > until) {
        break;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return [ours.takeSent(), theirs.takeSent()];
  }
}

const bytes = (buffer: Buffer): string[] => [...buffer].map((byte) => `0x${byte.toString(16)}`);

const shown = (record: string | undefined): string => record?.trim() || "nothing";

/** The first that is not the same in both, with its number. */
function firstDifference(ours: readonly string[], theirs: readonly string[]) {
  const at = ours.findIndex((item, index) => item !== theirs[index]);
  const index = at < 0 ? ours.length : at;
  const describe = (items: readonly string[]) =>
    index < items.length ? `${items[index]} (number ${index} of ${items.length})` : `only ${items.length}`;
  return { ours: describe(ours), theirs: describe(theirs) };
}

/** The shortest sequence that still shows a difference: Zeller's delta debugging, then simpler values. */

import type { Found } from "./run.ts";

/** Does operations in fresh machines. */
export type Try = (operations: readonly string[]) => Promise<Found | undefined>;

/** How many of the last operations are tried first: what makes a difference is seldom far. */
const TAILS = [4, 16, 64, 256, 1024, 8192];

/**
 * Leaves out whatever can be left out: of the result every single operation is needed.
 *
 * @returns the shorter sequence, and the difference it shows; what was given if that does not show it again
 */
export async function shrink(given: Found, attempt: Try): Promise<Found> {
  let best = await tail(given, attempt);
  for (let size = Math.ceil(best.operations.length / 2); size >= 1; ) {
    const shorter = await without(best, size, attempt);
    if (shorter) {
      best = shorter;
      size = Math.min(size, Math.ceil(best.operations.length / 2));
    } else {
      size = size === 1 ? 0 : Math.ceil(size / 2);
    }
  }
  return await simplify(best, attempt);
}

async function tail(given: Found, attempt: Try): Promise<Found> {
  for (const length of TAILS) {
    if (length < given.operations.length) {
      const found = await attempt(given.operations.slice(-length));
      if (found) {
        return found;
      }
    }
  }
  return given;
}

/** What is left when `size` operations in a row are left out and it still shows; from the end, where most can go. */
async function without({ operations }: Found, size: number, attempt: Try): Promise<Found | undefined> {
  for (let end = operations.length; end > 0; end -= size) {
    const rest = [...operations.slice(0, Math.max(0, end - size)), ...operations.slice(end)];
    const found = rest.length > 0 ? await attempt(rest) : undefined;
    if (found) {
      return found;
    }
  }
  return undefined;
}

/** Values with as few bits as they need, and fewer characters. */
async function simplify(given: Found, attempt: Try): Promise<Found> {
  let best = given;
  for (let index = 0; index < best.operations.length; index++) {
    for (const change of changes(best.operations[index]!)) {
      const before = best.operations[index]!;
      const after = change(before);
      const found = after === before ? undefined : await attempt(best.operations.with(index, after));
      best = found && found.operations.length > index ? found : best;
    }
  }
  return best;
}

type Change = (operation: string) => string;

/** What may make an operation simpler: to be tried one after the other, each on what the last one left. */
function changes(operation: string): Change[] {
  const [name, place, value] = operation.split(" ");
  if (name === "input" || name === "offer") {
    const fewer = operation
      .split(" ")
      .slice(2)
      .map(() => withoutLast);
    return [...fewer, (text) => text.replaceAll(/0x\w+/g, "0x0")];
  }
  if (!name?.startsWith("write") || value === undefined) {
    return [];
  }
  return [() => `${name} ${place} 0x0`, ...bits(BigInt(value)).map(clearing)];
}

function bits(value: bigint): bigint[] {
  return Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit)).filter((bit) => (value & bit) !== 0n);
}

/** Clears a bit of the last number. */
function clearing(bit: bigint): Change {
  return (operation) => operation.replace(/\S+$/, (value) => `0x${(BigInt(value) & ~bit).toString(16)}`);
}

/** Leaves out the last number unless it is the only one. */
function withoutLast(operation: string): string {
  return operation.split(" ").length > 2 ? operation.replace(/ \S+$/, "") : operation;
}

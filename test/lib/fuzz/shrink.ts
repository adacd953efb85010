/** The shortest sequence that still shows a difference: Zeller's delta debugging, then simpler values. */

import type { Found } from "./run.ts";

/** Does operations in fresh machines. */
export type Try = (operations: readonly string[]) => Promise<Found | undefined>;

/** How many of the last operations are tried first: what makes a difference is seldom far. */
const TAILS = [4, 16, 64, 256, 1024, 8192];

/** Of so many operations it is tried whether two can be left out that are needed for each other. */
const FEW = 24;

/**
 * Leaves out whatever can be left out: of the result every single operation is needed.
 *
 * @returns the shorter sequence, and the difference it shows; what was given if that does not show it again
 */
export async function shrink(given: Found, attempt: Try): Promise<Found> {
  const once = remembering(attempt);
  let best = await tail(given, once);
  for (let size = best.operations.length; size > 1; ) {
    size = Math.ceil(Math.min(size, best.operations.length) / 2);
    best = await sweep(best, size, once);
  }
  for (let before: Found | undefined; best !== before; ) {
    before = best;
    best = await sweep(best, 1, once);
    // It makes operations equal, so that it does not matter which of them is left out.
    best = await simplify(best, once);
    best = best === before && best.operations.length <= FEW ? await pairs(best, once) : best;
  }
  return best;
}

/** Does no sequence twice. */
function remembering(attempt: Try): Try {
  const outcomes = new Map<string, Found | undefined>();
  return async (operations) => {
    const key = operations.join("\n");
    if (!outcomes.has(key)) {
      outcomes.set(key, await attempt(operations));
    }
    return outcomes.get(key);
  };
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

/** Leaves out `size` operations in a row wherever it still shows without them; from the end, where most can go. */
async function sweep(given: Found, size: number, attempt: Try): Promise<Found> {
  let best = given;
  for (let end = best.operations.length; end > 0; end = Math.min(end - size, best.operations.length)) {
    const { operations } = best;
    const rest = [...operations.slice(0, Math.max(0, end - size)), ...operations.slice(end)];
    best = (rest.length > 0 ? await attempt(rest) : undefined) ?? best;
  }
  return best;
}

/** Leaves out two operations, such as one that fills and one that empties: neither can go without the other. */
async function pairs(given: Found, attempt: Try): Promise<Found> {
  let best = given;
  for (let second = best.operations.length - 1; second > 0; second--) {
    for (let first = Math.min(second, best.operations.length) - 1; first >= 0; first--) {
      const rest = best.operations.filter((_, index) => index !== first && index !== second);
      const found = rest.length > 0 ? await attempt(rest) : undefined;
      if (found) {
        best = found;
        break;
      }
    }
  }
  return best;
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

/** Operations as qtest has them. See {@link Twin}. */

import { FuzzError } from "./error.ts";
import type { Site } from "./twin.ts";

const SIZES: Readonly<Record<string, number>> = { b: 1, w: 2, l: 4, q: 8 };

export interface Access {
  readonly write: boolean;
  /** Of the device's registers; undefined in another space. */
  readonly offset: number | undefined;
  readonly size: number;
  readonly value: bigint;
}

export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** @throws FuzzError if the site has no such space */
function address(place: string, { spaces }: Site): number {
  const plus = place.indexOf("+");
  const base = spaces[place.slice(0, Math.max(plus, 0))];
  if (base === undefined) {
    throw new FuzzError(`there is no place "${place}"; spaces: ${Object.keys(spaces).join(", ")}`);
  }
  return base + Number(integer(place.slice(plus + 1)));
}

/** @throws FuzzError if the text is no number */
function integer(text: string): bigint {
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text)) {
    throw new FuzzError(`"${text}" is no number`);
  }
  return BigInt(text);
}

/** The command of qtest's protocol for an operation, or undefined if there is none. @throws FuzzError if it is wrong */
export function command(operation: string, site: Site): string | undefined {
  const [name = "", first = "", second = ""] = operation.split(" ");
  if (/^read[bwlq]$/.test(name)) {
    return `${name} ${address(first, site)}`;
  }
  if (/^write[bwlq]$/.test(name)) {
    return `${name} ${address(first, site)} ${hex(integer(second))}`;
  }
  switch (name) {
    case "dump":
      return `read ${address(first, site)} ${hex(integer(second))}`;
    case "pin":
      return `set_irq_in ${site.path} unnamed-gpio-in ${integer(first)} ${integer(second)}`;
    case "clock":
      return `clock_step ${integer(first)}`;
    default:
      return undefined;
  }
}

/** An operation that is an access, or undefined. */
export function access(operation: string): Access | undefined {
  const [name = "", place = "", value = "0"] = operation.split(" ");
  const write = name.startsWith("write");
  const size = name === "dump" ? Number(value) : SIZES[name.at(-1) ?? ""];
  if (size === undefined || !(write || name.startsWith("read") || name === "dump")) {
    return undefined;
  }
  const offset = place.includes("+") ? undefined : Number(place);
  return { write, offset, size, value: BigInt(value) };
}

/** One access of a guest as it comes to a device that takes 4 bytes at most: memory_access_size(). */
export function* pieces(offset: number, size: number): Generator<{ offset: number; size: number }> {
  for (let at = offset; at < offset + size; ) {
    const left = Math.min(offset + size - at, 4);
    const fits = left === 3 ? 2 : left;
    const piece = at % 4 === 0 ? fits : Math.min(fits, at & -at);
    yield { offset: at, size: piece };
    at += piece;
  }
}

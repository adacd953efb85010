/**
 * How values cross between JavaScript and C, and who owns their memory:
 *
 * - *lent* to C for the duration of a call: {@link cstring}, {@link toJson}, a Uint8Array as a `buffer` argument;
 * - *borrowed* from C, which may change or free it after the call: {@link borrow};
 * - *copied* from C, which keeps its own: {@link text}, {@link copyBytes};
 * - *transferred* from C, copied and freed: {@link takeText}, {@link takeBytes}. C says so by returning `char *` or
 *   `void *` where memory that stays its own is `const`.
 *
 * Text is UTF-8 in C. What is not valid on one side is refused, not mended, and C has no NUL in a string.
 */

import { type Pointer, toArrayBuffer } from "bun:ffi";
import { qemu } from "./library.ts";

/** A pointer as bun:ffi types it where a function returns one. */
export type Returned = Pointer | number | bigint | null;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A string lent to C.
 *
 * @throws TypeError if it holds a NUL, where C would see its end, or half of a surrogate pair, which has no UTF-8.
 */
export function cstring(value: string): string {
  if (value.includes("\0")) {
    throw new TypeError("a string with a NUL character cannot be passed to QEMU");
  }
  if (!value.isWellFormed()) {
    throw new TypeError("a string with half of a surrogate pair cannot be passed to QEMU");
  }
  return value;
}

/** Memory of C's as an ArrayBuffer; valid as long as C keeps it. */
export function borrow(pointer: Pointer | number, length: number): ArrayBuffer {
  return length === 0 ? new ArrayBuffer(0) : toArrayBuffer(pointer as Pointer, 0, length);
}

/** A copy of bytes that stay C's. */
export function copyBytes(pointer: Pointer, length: number): Uint8Array {
  return new Uint8Array(borrow(pointer, length)).slice();
}

/** A copy of bytes that were allocated for the caller; C's are freed. */
export function takeBytes(pointer: Pointer, length: number): Uint8Array {
  try {
    return copyBytes(pointer, length);
  } finally {
    qemu.script_free(pointer);
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    const shown = JSON.stringify(Buffer.from(bytes).toString("latin1"));
    throw new TypeError(`${shown}, from QEMU, is not valid UTF-8`, { cause });
  }
}

/**
 * A copy of a string that stays C's; empty for NULL.
 *
 * @throws TypeError if it is not UTF-8
 */
export function text(pointer: Returned): string {
  if (!pointer) {
    return "";
  }
  const memory = Number(pointer) as Pointer;
  return decode(copyBytes(memory, qemu.script_text_length(memory)));
}

/**
 * A copy of a string that was allocated for the caller; C's is freed. `undefined` for NULL.
 *
 * @throws TypeError if it is not UTF-8; it is freed then, too
 */
export function takeText(pointer: Returned): string | undefined {
  if (!pointer) {
    return undefined;
  }
  const memory = Number(pointer) as Pointer;
  return decode(takeBytes(memory, qemu.script_text_length(memory)));
}

/** A copy of a message of C's, for errors: whatever is in it, it can be shown. */
export function message(pointer: Returned): string {
  if (!pointer) {
    return "";
  }
  const memory = Number(pointer) as Pointer;
  return Buffer.from(borrow(memory, qemu.script_text_length(memory))).toString();
}

/** Names in JavaScript for the numbers of an enumeration of C's. */
export class Enumeration<Name extends string> {
  readonly #what: string;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #names: ReadonlyMap<number, Name>;

  /** @param what the enumeration is of, for errors */
  constructor(what: string, numbers: Readonly<Record<Name, number>>) {
    const entries = Object.entries(numbers) as [Name, number][];
    this.#what = what;
    this.#numbers = new Map(entries);
    this.#names = new Map(entries.map(([name, number]) => [number, name]));
  }

  /** @throws RangeError that lists the names, if it is none of them */
  toC(name: Name): number {
    const number = this.#numbers.get(name);
    if (number === undefined) {
      const names = [...this.#numbers.keys()].join(", ");
      throw new RangeError(`${String(name)} is no ${this.#what}: ${names}`);
    }
    return number;
  }

  /** @throws RangeError if no name has this number */
  fromC(number: number): Name {
    const name = this.#names.get(number);
    if (name === undefined) {
      throw new RangeError(`QEMU's ${number} is no ${this.#what}`);
    }
    return name;
  }
}

/** Digits as they are: a double has not enough of them for 64 bits. */
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown };

const SMALLEST = -(2n ** 63n);
const LARGEST = 2n ** 64n - 1n;

function refuse(value: unknown): never {
  throw new TypeError(`${String(value)} cannot be the value of a QEMU property`);
}

function forJson(key: string, value: unknown): unknown {
  cstring(key);
  switch (typeof value) {
    case "string":
      return cstring(value);
    case "number":
      return Number.isFinite(value) ? value : refuse(value);
    case "bigint":
      return value >= SMALLEST && value <= LARGEST ? rawJSON(String(value)) : refuse(value);
    case "boolean":
      return value;
    case "object":
      return value instanceof Uint8Array ? [...value] : value;
    default:
      return refuse(value);
  }
}

/**
 * A value as the JSON that QEMU's visitors read; a bigint as its digits, bytes as a list of numbers.
 *
 * @throws TypeError for a string that QEMU cannot hold, a number that is not finite or of more than 64 bits, and for
 *   what is no value, such as `undefined` or a function
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value, forJson) ?? refuse(value);
}

/** A value from QEMU's JSON. An integer that a number cannot hold exactly is a bigint. */
export function fromJson(json: string): unknown {
  return JSON.parse(json, (_key, value: unknown, context?: { readonly source?: string }) => {
    const digits = context?.source;
    const inexact = typeof value === "number" && !Number.isSafeInteger(value);
    return inexact && digits !== undefined && /^-?\d+$/.test(digits) ? BigInt(digits) : value;
  });
}

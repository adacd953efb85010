/** Properties that are no plain number. */

import type { RefClass, ScriptedClass } from "../qom/classes.ts";
import type { ObjectRef } from "../qom/object.ts";
import { DeclarationError } from "./errors.ts";
import {
  type bool,
  type i32,
  type i64,
  type Property,
  type PropertyKind,
  type PropertyOptions,
  property,
  type u8,
  type u16,
  type u32,
  type u64,
  type ValueOf,
} from "./fields.ts";

/** A size in bytes; users may write suffixes such as `4M`. */
export const size = (options: PropertyOptions<bigint> = {}): Property<bigint> => property("size", options);

/** Text; empty if neither the user nor the declaration gives any. */
export const string = (options: PropertyOptions<string> = {}): Property<string> =>
  property("string", options);

/**
 * One of several names, such as `enumeration(["slow", "fast"], { default: "slow" })`. The help lists them.
 *
 * @param options.default the first name if absent
 * @throws DeclarationError for a name that is empty or twice there, or a default that is none of them
 */
export function enumeration<const N extends readonly [string, ...string[]]>(
  names: N,
  options: PropertyOptions<N[number]> = {},
): Property<N[number]> {
  const odd = names.find((name, index) => !/^[\w.-]+$/.test(name) || names.indexOf(name) !== index);
  if (names.length === 0 || odd !== undefined) {
    throw new DeclarationError(`enumeration([${names.map((n) => `"${n}"`).join(", ")}]) makes no sense`);
  }
  const first = options.default ?? names[0];
  if (!names.includes(first)) {
    throw new DeclarationError(`"${first}" is none of ${names.join(", ")}`);
  }
  return { ...property<N[number]>("enum", { ...options, default: first }), values: names };
}

type LinkOptions = Omit<PropertyOptions<never>, "default">;

/**
 * Another object, which the user names by its path or ID and which stays there at least as long as this one; null if
 * the user names none. The handle ends with the device.
 *
 * @param target what it must be: a class of handles such as `DeviceRef`, a class of a script, or a QOM type by name
 */
export function link<T extends ObjectRef>(target: RefClass<T>, options?: LinkOptions): Property<T | null>;
export function link(target: string | ScriptedClass, options?: LinkOptions): Property<ObjectRef | null>;
export function link(
  target: string | RefClass | ScriptedClass,
  options: LinkOptions = {},
): Property<ObjectRef | null> {
  const type = typeof target === "string" ? target : "spec" in target ? target.spec.type : target.type;
  return { ...property("link", options), target: type } as Property<ObjectRef | null>;
}

/** What arrays can be of: words like `u32`, or an enumeration. */
export type ElementType =
  | typeof bool
  | typeof u8
  | typeof u16
  | typeof u32
  | typeof u64
  | typeof i32
  | typeof i64
  | typeof size
  | typeof string
  | Property<string>;

/** What an element of an array is in TypeScript. */
type ElementOf<E> = [ValueOf<E>] extends [never]
  ? E extends (...options: never[]) => infer P
    ? ValueOf<P>
    : never
  : ValueOf<E>;

const ELEMENTS: readonly PropertyKind[] = [
  ...(["bool", "uint8", "uint16", "uint32", "uint64", "int32", "int64"] as const),
  ...(["size", "string", "enum"] as const),
];

/**
 * A list of values, such as `array(u32)`; users write it as JSON: `-device '{"driver": ..., "pins": [1, 2]}'`. Empty if
 * the user gives none.
 *
 * @param element `bool`, `u8` to `u64`, `i32`, `i64`, `size`, `string`, or an `enumeration()`
 * @throws DeclarationError for anything else
 */
export function array<const E extends ElementType>(
  element: E,
  options: Omit<PropertyOptions<never>, "default"> = {},
): Property<readonly ElementOf<E>[]> {
  const { is, kind, values } =
    typeof element === "function" ? (element as (options: object) => Property)({}) : (element as Property);
  if (is !== "property" || !ELEMENTS.includes(kind)) {
    throw new DeclarationError(`there are no arrays of ${kind}`);
  }
  return { ...property("array", options), element: kind, ...(values && { values }) } as Property<
    readonly ElementOf<E>[]
  >;
}

/** A property that is one bit of a word of the configuration. */
export interface Bit<W extends string = string> extends Property<boolean> {
  readonly in: W;
  readonly at: number;
}

/**
 * One bit of a word: `pullup: bit({ in: "flags", at: 3 })` is a property of its own, on or off, and bit 3 of
 * `config.flags`, an unsigned number of 32 bits with all the bits declared in it.
 *
 * @throws DeclarationError for a bit that is not in 0 to 31
 */
export function bit<const W extends string>(
  options: PropertyOptions<boolean> & { readonly in: W; readonly at: number },
): Bit<W> {
  const { in: word, at } = options;
  if (!Number.isInteger(at) || at < 0 || at > 31) {
    throw new DeclarationError(`there is no bit ${at} in a word of 32`);
  }
  return { ...property("bit", options), in: word, at };
}

/**
 * The vocabulary of declarations: `u32`, `bool`, ... name both the fields of a device's state and its properties.
 * With no argument, or with a value, they declare a field; with an options object, a property.
 */

import { DeclarationError } from "./errors.ts";

/** ScriptFieldType of qapi/script.json. */
export type FieldKind =
  | "bool"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "unused"
  | "struct"
  | "clock";

/** ScriptPropertyType of qapi/script.json. */
export type PropertyKind =
  | "bool"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "int32"
  | "int64"
  | "size"
  | "string"
  | "chardev"
  | "enum"
  | "link"
  | "array"
  | "bit";

declare const VALUE: unique symbol;

/** A field of the state: where it lies in native memory and in the migration stream follows from its place. */
export interface Field<V = unknown> {
  /** Tells it from a property. */
  readonly is: "field";
  /** Of one element. */
  readonly kind: FieldKind;
  /** Bytes of one element. */
  readonly bytes: number;
  /** Elements of an array; 0 for a single value. */
  readonly count: number;
  /** Value after a reset, of an array one for each element; `undefined` if a reset leaves the field alone. */
  readonly reset: Plain | readonly Plain[] | undefined;
  /** First version of the section that has the field; 0 if absent. */
  readonly since?: number;
  /** Of a struct. */
  readonly fields?: Fields;
  /** Of a clock: its name. */
  readonly clock?: string;
  /** Of a subsection, which is a struct that is not always in the stream. */
  readonly subsection?: SubsectionOptions;
  readonly [VALUE]?: V;
}

/** Fields by name, in the order of the migration stream. */
export type Fields = Readonly<Record<string, Field>>;

/** What a field of one element holds. */
export type Plain = number | bigint | boolean;

/** A part of the state that migrates only if the device says so. */
export interface SubsectionOptions {
  /** What it is called in the stream, behind the name of the section and a slash; the field's name if absent. */
  readonly name?: string;
  /** 1 if absent. */
  readonly version?: number;
  /** Oldest version that can be loaded; the version if absent. */
  readonly minimum?: number;
  /**
   * Says, when the device is saved, whether to save this: a method, or the key of a property that is a `bool`. It is
   * always saved if absent.
   */
  readonly needed?: string;
}

/** A property: configuration, fixed when the device is realized. */
export interface Property<V = unknown> {
  /** Tells it from a field. */
  readonly is: "property";
  /** Of its value. */
  readonly kind: PropertyKind;
  /** As users write it; from the key if undefined. */
  readonly name: string | undefined;
  /** Zero of its kind if undefined. */
  readonly default: Plain | string | undefined;
  /** One line for `-device TYPE,help`. */
  readonly description: string | undefined;
  /** Of an enumeration, or an array of one: the names that the user has to choose from. */
  readonly values?: readonly string[];
  /** Of a link: the type that the other object must have. */
  readonly target?: string;
  /** Of an array: what its elements are. */
  readonly element?: PropertyKind;
  /** Of a bit: the word of the configuration that it is in. */
  readonly in?: string;
  /** Of a bit: its place in the word. */
  readonly at?: number;
  readonly [VALUE]?: V;
}

/** What may be said about a property. */
export interface PropertyOptions<V> {
  /** As users write it; the key in kebab-case if absent. */
  name?: string;
  /** 0, false, 0n or nothing if absent. */
  default?: V;
  /** One line for `-device TYPE,help`. */
  description?: string;
}

/** What a declaration's value is in TypeScript. */
export type ValueOf<D> = D extends { readonly [VALUE]?: infer V } ? Exclude<V, undefined> : never;

/** A field whose initial value is 0 (or false) and which a reset leaves alone; call it for a reset value. */
export interface Scalar<V extends Plain, A> extends Field<V> {
  /** The same with a reset value, which is also the first value. */
  (reset: V): Field<V>;
  /**
   * A fixed-size array, as a typed array over the state.
   *
   * @param count of elements
   * @param options.reset value after a reset, of all elements or of each; a reset leaves the array alone if absent
   * @throws RangeError unless `count` is 1 or more
   * @throws DeclarationError for a reset value that does not fit
   */
  array(count: number, options?: { readonly reset: V | readonly V[] }): Field<A>;
}

/** {@link Scalar}, and with an options object, also an empty one, a property. */
export interface ScalarOrProperty<V extends Plain, A> extends Scalar<V, A> {
  (reset: V): Field<V>;
  (options: PropertyOptions<V>): Property<V>;
}

/** Smallest and largest value of each kind of number. */
const RANGES: Partial<Record<PropertyKind | FieldKind, readonly [bigint, bigint]>> = {
  uint8: [0n, 2n ** 8n - 1n],
  uint16: [0n, 2n ** 16n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  size: [0n, 2n ** 64n - 1n],
  int8: [-(2n ** 7n), 2n ** 7n - 1n],
  int16: [-(2n ** 15n), 2n ** 15n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** Thrown where the script declares the value, so that the message has its line. */
function checkRange(kind: PropertyKind | FieldKind, value: unknown): void {
  const range = RANGES[kind];
  if (range === undefined || value === undefined) {
    return;
  }
  const whole = typeof value === "bigint" || Number.isInteger(value);
  if (!whole || BigInt(value as number) < range[0] || BigInt(value as number) > range[1]) {
    throw new DeclarationError(`${String(value)} is no ${kind}`);
  }
}

/** For the host's other declarations of properties. */
export function property<V>(kind: PropertyKind, options: PropertyOptions<V>): Property<V> {
  const { name, description } = options;
  checkRange(kind, options.default);
  for (const text of [name, description, options.default]) {
    if (typeof text === "string" && text.includes("\0")) {
      throw new DeclarationError(`QEMU cannot have ${JSON.stringify(text)}: it has a NUL in it`);
    }
  }
  return { is: "property", kind, name, description, default: options.default as Property["default"] };
}

/** @throws RangeError unless an array can have so many elements */
export function checkCount(count: number): void {
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`an array of ${count} elements cannot be declared`);
  }
}

/** A reset value for each element. */
function elements<V extends Plain>(kind: FieldKind, count: number, reset: V | readonly V[]): readonly V[] {
  const values = Array.isArray(reset) ? (reset as readonly V[]) : new Array<V>(count).fill(reset as V);
  if (values.length !== count) {
    throw new DeclarationError(`${values.length} reset values for an array of ${count} elements`);
  }
  for (const value of values) {
    checkRange(kind, value);
  }
  return values;
}

function scalar<V extends Plain, A>(kind: FieldKind, bytes: number): ScalarOrProperty<V, A> {
  const field = { is: "field", kind, bytes, count: 0 } as const;
  const declare = (argument: V | PropertyOptions<V>) => {
    if (typeof argument === "object") {
      return property(kind as PropertyKind, argument);
    }
    checkRange(kind, argument);
    return { ...field, reset: argument };
  };
  const array = (count: number, options?: { readonly reset: V | readonly V[] }): Field<A> => {
    checkCount(count);
    return { ...field, count, reset: options && elements(kind, count, options.reset) };
  };
  return Object.assign(declare, { ...field, reset: undefined, array }) as unknown as ScalarOrProperty<V, A>;
}

/** True or false; one byte in memory and in the migration stream. */
export const bool = scalar<boolean, Uint8Array>("bool", 1);
/** 8 bits, 0 to 255. */
export const u8 = scalar<number, Uint8Array>("uint8", 1);
/** 16 bits, 0 to 65535. */
export const u16 = scalar<number, Uint16Array>("uint16", 2);
/** 32 bits, 0 to 2^32 - 1. */
export const u32 = scalar<number, Uint32Array>("uint32", 4);
/** 64 bits, 0 to 2^64 - 1, as a bigint. */
export const u64 = scalar<bigint, BigUint64Array>("uint64", 8);
/** 8 bits with a sign. QEMU has no properties of this kind. */
export const i8: Scalar<number, Int8Array> = scalar("int8", 1);
/** 16 bits with a sign. QEMU has no properties of this kind. */
export const i16: Scalar<number, Int16Array> = scalar("int16", 2);
/** 32 bits with a sign. */
export const i32 = scalar<number, Int32Array>("int32", 4);
/** 64 bits with a sign, as a bigint. */
export const i64 = scalar<bigint, BigInt64Array>("int64", 8);

/** Bytes of the migration stream that belong to no field: left by a model this one is compatible with. */
export function unused(count: number): Field<never> {
  return { is: "field", kind: "unused", bytes: 1, count, reset: undefined };
}

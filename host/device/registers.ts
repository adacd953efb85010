/** How registers are declared. */

import type { Access } from "./access.ts";
import type { Bits, Mode } from "./bits.ts";
import type { DeclaredClass } from "./device.ts";
import { DeclarationError } from "./errors.ts";
import type { RegionsOf } from "./spec.ts";

type KeysOf<T, V> = { [K in keyof T]-?: T[K] extends V ? K : never }[keyof T] & string;
type Synchronous<T, Keys extends keyof T> = {
  [K in Keys]: T[K] extends (...args: never[]) => PromiseLike<unknown> ? never : K;
}[Keys];

/** Names of the device's number-valued properties: fields of its state, and getters. */
export type NumberKey<T> = KeysOf<T, number>;
/** Names of methods that make a register's value. */
export type ReadMethod<T> = KeysOf<T, (access: Access) => number | Promise<number>>;
/** Names of methods that take what the guest wrote. */
export type WriteMethod<T> = KeysOf<T, (value: number, access: Access) => void | Promise<void>>;
/** Names of methods that act on what happened. */
export type Method<T> = Synchronous<T, KeysOf<T, () => void>>;

/** Names of fields with an element for each of many registers: arrays, and `channels.count` of an array of structs. */
export type NumbersKey<T> = KeysOf<T, ArrayBufferView & ArrayLike<number>> | StructKey<T>;
type StructKey<T> = {
  [K in keyof T & string]: T[K] extends readonly (infer E extends object)[] ? `${K}.${NumberKey<E>}` : never;
}[keyof T & string];
/** Names of methods that make the value of one of many registers. */
export type IndexedReadMethod<T> = KeysOf<T, (index: number, access: Access) => number | Promise<number>>;
/** Names of methods that take what the guest wrote to one of many. */
export type IndexedWriteMethod<T> = KeysOf<
  T,
  (index: number, value: number, access: Access) => void | Promise<void>
>;
/** Names of methods that act on what happened to one of many. */
export type IndexedMethod<T> = Synchronous<T, KeysOf<T, (index: number) => void>>;

/** What one register and many have in common. */
interface Common {
  /** Byte offset in the region, a multiple of 4. */
  readonly at: number;
  /** The manual's name in words. */
  readonly doc?: string;
  /**
   * "rw" if absent. A `reserved` register has nothing else: it reads as 0, and the guest's using it is logged by its
   * name.
   */
  readonly mode?: Mode;
  /** Bits that a write changes; all if absent. */
  readonly mask?: number;
  /**
   * Its parts: trace events and the register table show them, and each can have a mode of its own. What has no name
   * is like the rest of the register.
   */
  readonly bits?: Bits;
  /** Cannot be read although `field` is given. */
  readonly writeOnly?: boolean;
  /** Writes have no effect, and the manual allows them. */
  readonly ignoresWrites?: boolean;
}

/** One 32-bit register. Its methods get the access as a last argument. */
export interface Register<T> extends Common {
  /** What holds its value. */
  readonly field?: NumberKey<T>;
  /** Reads come from this method instead. */
  readonly read?: ReadMethod<T>;
  /** Writes go to this method instead. */
  readonly write?: WriteMethod<T>;
  /** Called after each read. */
  readonly wasRead?: Method<T>;
  /** Called after each write. */
  readonly written?: Method<T>;
  /** Called after a write that gave the field another value. */
  readonly changed?: Method<T>;
  /** Read-only constants, one register each, from `at` on. */
  readonly values?: readonly number[];
  /** One with a count is a {@link RegisterArray}. */
  readonly count?: undefined;
  /** See `count`. */
  readonly stride?: undefined;
}

/** Many 32-bit registers of one kind. Their methods get the index as a first argument. */
export interface RegisterArray<T> extends Common {
  /** How many; register `i` is at `at + i * stride`. */
  readonly count: number;
  /** Bytes from one to the next, a multiple of 4; 4 if absent. */
  readonly stride?: number;
  /**
   * What holds their values: an array field of the state with as many elements, or a field of the structs in one:
   * `channels.count`.
   */
  readonly field?: NumbersKey<T>;
  /** Reads come from this method instead. */
  readonly read?: IndexedReadMethod<T>;
  /** Writes go to this method instead. */
  readonly write?: IndexedWriteMethod<T>;
  /** Called after each read. */
  readonly wasRead?: IndexedMethod<T>;
  /** Called after each write. */
  readonly written?: IndexedMethod<T>;
  /** Called after a write that gave the element another value. */
  readonly changed?: IndexedMethod<T>;
  /** Constants are one {@link Register}, which takes as many words. */
  readonly values?: undefined;
}

/** As the host sees them: the names were checked by type, or are when the script is loaded. */
export type AnyRegister = Common & {
  readonly [K in "field" | "read" | "write" | "wasRead" | "written" | "changed"]?: string;
} & {
  readonly values?: readonly number[] | undefined;
  readonly count?: number | undefined;
  readonly stride?: number | undefined;
};

/** The registers of a region, by the manual's names. */
export type Table = Readonly<Record<string, AnyRegister>>;

/** How a table is meant. */
export interface TableOptions {
  /** With "error", each word of the region must have a register, be it a reserved one. */
  readonly gaps?: "allowed" | "error";
}

interface Declared {
  readonly table: Table;
  readonly options: TableOptions;
}

const TABLES = new WeakMap<object, Map<string, Declared>>();

/**
 * Declares the registers of a region, one 32-bit register a word. Call it in a static block of the class:
 * `static { registers(MyDevice, "regs", { ... }); }`.
 *
 * @throws DeclarationError for a register that overlaps another, leaves the region, is misaligned, or names what the
 * class does not have: here or when the script has been read
 */
export function registers<C extends DeclaredClass>(
  cls: C,
  region: RegionsOf<C["spec"]>,
  table: Readonly<Record<string, Register<InstanceType<C>> | RegisterArray<InstanceType<C>>>>,
  options: TableOptions = {},
): void {
  const tables = TABLES.get(cls) ?? new Map<string, Declared>();
  const fail = (reason: string): never => {
    throw new DeclarationError(`${cls.spec.type}: ${reason}`);
  };
  const spec = Object.hasOwn(cls.spec.regions ?? {}, region) ? cls.spec.regions![region]! : undefined;
  if (spec === undefined) {
    fail(`there is no region ${region}`);
  }
  if (spec!.kind !== undefined && spec!.kind !== "io") {
    fail(`region ${region} is of kind ${spec!.kind}, which has no registers`);
  }
  if (tables.has(region)) {
    fail(`the registers of region ${region} are declared twice`);
  }
  tables.set(region, { table: table as unknown as Table, options });
  TABLES.set(cls, tables);
}

/** The registers declared for a region by the class and those it extends; a class's replace those of the same name. */
export function tableOf(cls: object | null, region: string): Declared | undefined {
  if (cls === null) {
    return undefined;
  }
  const own = TABLES.get(cls)?.get(region);
  const inherited = tableOf(Object.getPrototypeOf(cls), region);
  return own && inherited
    ? { table: { ...inherited.table, ...own.table }, options: { ...inherited.options, ...own.options } }
    : (own ?? inherited);
}

import { has, memberOf } from "./check.ts";
import type { DeclaredClass, DeviceClass } from "./device.ts";
import { DeclarationError } from "./errors.ts";
import { guestError } from "./log.ts";
import type { RegionsOf } from "./spec.ts";
import { isTimer } from "./timer.ts";

type KeysOf<T, V> = { [K in keyof T]-?: T[K] extends V ? K : never }[keyof T] & string;

/** Names of the device's number-valued properties: fields of its state, and getters. */
export type NumberKey<T> = KeysOf<T, number>;
/** Names of methods that make a register's value. */
export type ReadMethod<T> = KeysOf<T, () => number | Promise<number>>;
/** Names of methods that take what the guest wrote. */
export type WriteMethod<T> = KeysOf<T, (value: number) => void | Promise<void>>;
/** Names of methods that act on a change. */
export type Method<T> = {
  [K in KeysOf<T, () => void>]: T[K] extends () => PromiseLike<unknown> ? never : K;
}[KeysOf<T, () => void>];

/**
 * What the guest can do with the bits of a register, in the words of hardware manuals: read and write, read only,
 * write only, write 1 (or 0) to clear, write 1 to set, cleared by reading.
 */
export type Mode = "rw" | "ro" | "wo" | "w1c" | "w1s" | "w0c" | "rc";

/** One 32-bit register. */
export interface Register<T> {
  /** Byte offset in the region, a multiple of 4. */
  readonly at: number;
  /** The manual's name in words. */
  readonly doc?: string;
  /** What holds its value. */
  readonly field?: NumberKey<T>;
  /** "rw" if absent. */
  readonly mode?: Mode;
  /** Bits that a write changes; all if absent. */
  readonly mask?: number;
  /** Reads come from this method instead. */
  readonly read?: ReadMethod<T>;
  /** Writes go to this method instead. */
  readonly write?: WriteMethod<T>;
  /** Called after a write has been stored. */
  readonly changed?: Method<T>;
  /** Cannot be read although `field` is given. */
  readonly writeOnly?: boolean;
  /** Writes have no effect, and the manual allows them. */
  readonly ignoresWrites?: boolean;
  /** Read-only constants, one register each, from `at` on. */
  readonly values?: readonly number[];
}

type Reader = (this: object) => unknown;
type Writer = (this: object, value: number) => unknown;

/** A register bank made ready for dispatch: a function for each word, or undefined. */
export interface Bank {
  readonly readers: readonly (Reader | undefined)[];
  readonly writers: readonly (Writer | undefined)[];
  /** Words whose reading runs no method of the device. */
  readonly plain: readonly boolean[];
  badRead(offset: number): number;
  badWrite(offset: number): void;
}

/** A table of more registers would be a mistake: 64 MiB of them. */
const MOST_WORDS = 2 ** 24;

type Table = Readonly<Record<string, Register<object>>>;

const TABLES = new WeakMap<object, Map<string, Table>>();

/**
 * Declares the registers of a region, one 32-bit register a word. Call it in a static block of the class:
 * `static { registers(MyDevice, "regs", { ... }); }`.
 *
 * @throws DeclarationError for a register that overlaps another, leaves the region, is misaligned, or names what the
 * class does not have.
 */
export function registers<C extends DeclaredClass>(
  cls: C,
  region: RegionsOf<C["spec"]>,
  table: Readonly<Record<string, Register<InstanceType<C>>>>,
): void {
  const tables = TABLES.get(cls) ?? new Map<string, Table>();
  if (!Object.hasOwn(cls.spec.regions ?? {}, region)) {
    throw new DeclarationError(`${cls.spec.type}: there is no region ${region}`);
  }
  if (tables.has(region)) {
    throw new DeclarationError(`${cls.spec.type}: the registers of region ${region} are declared twice`);
  }
  tables.set(region, table as unknown as Table);
  TABLES.set(cls, tables);
}

/** The registers declared for a region by the class and those it extends; a class's replace those of the same name. */
export function tableOf(cls: object | null, region: string): Table | undefined {
  if (cls === null) {
    return undefined;
  }
  const own = TABLES.get(cls)?.get(region);
  const inherited = tableOf(Object.getPrototypeOf(cls), region);
  return own && inherited ? { ...inherited, ...own } : (own ?? inherited);
}

const hex = (value: number) => `0x${value.toString(16)}`;

/** Checks a table against its class and makes it ready. */
export function compile(cls: DeviceClass, region: string, table: Table): Bank {
  const spec = cls.spec.regions![region]!;
  const name = spec.name ?? region;
  const length = lastWord(table) + 1;
  const readers: (Reader | undefined)[] = new Array(length).fill(undefined);
  const writers: (Writer | undefined)[] = new Array(length).fill(undefined);
  const plain: boolean[] = new Array(length).fill(false);
  const owners: string[] = [];
  for (const [key, register] of Object.entries(table)) {
    const fail = (reason: string): never => {
      throw new DeclarationError(`${cls.spec.type}: register ${key} of ${region}: ${reason}`);
    };
    checkRegister(cls, register, fail);
    const count = register.values?.length ?? 1;
    for (let i = 0; i < count; i++) {
      const word = place(register.at + 4 * i, spec.size, owners, fail);
      owners[word] = key;
      readers[word] = reader(cls, register, i);
      writers[word] = writer(cls, register);
      plain[word] = isPlain(cls, register);
    }
  }
  return {
    readers,
    writers,
    plain,
    badRead(offset) {
      guestError(`${name}_read: Bad offset ${hex(offset)}`);
      return 0;
    },
    badWrite(offset) {
      guestError(`${name}_write: Bad offset ${hex(offset)}`);
    },
  };
}

function place(at: number, size: number, owners: string[], fail: (reason: string) => void): number {
  if (!Number.isInteger(at) || at % 4 !== 0) {
    fail(`offset ${hex(at)} is not a multiple of 4`);
  }
  if (at / 4 >= MOST_WORDS) {
    fail(`offset ${hex(at)} is too far from the start: ${hex(MOST_WORDS * 4)} bytes of registers at most`);
  }
  if (at < 0 || at + 4 > size) {
    fail(`offset ${hex(at)} is outside the region, which has ${hex(size)} bytes`);
  }
  const owner = owners[at / 4];
  if (owner !== undefined) {
    fail(`offset ${hex(at)} is taken by ${owner}`);
  }
  return at / 4;
}

/** Word of the last register that can be placed at all; others are refused one by one. */
function lastWord(table: Table): number {
  const ends = Object.values(table).map(({ at, values }) => at / 4 + (values?.length ?? 1) - 1);
  return Math.max(-1, ...ends.filter((end) => Number.isInteger(end) && end >= 0 && end < MOST_WORDS));
}

function checkField(cls: DeviceClass, register: Register<object>, fail: (reason: string) => void): void {
  const field = register.field as string | undefined;
  if (field === undefined) {
    return;
  }
  const member = memberOf(cls, field);
  const slot = cls.layout.slots.find(({ name }) => name === field);
  if (member?.get === undefined) {
    fail(`field: ${cls.name} has no ${field}`);
  } else if (slot !== undefined && isTimer(slot.field)) {
    fail(`field: ${cls.name}'s ${field} is a timer`);
  } else if (slot !== undefined && slot.field.count > 0) {
    fail(`field: ${cls.name}'s ${field} is an array`);
  } else if (member.set === undefined && (stores(register) || (register.mode === "rc" && !register.read))) {
    fail(`field: ${cls.name}'s ${field} cannot be written: give it mode "ro" or a write method`);
  }
}

/** Does a read run no code of the device? A getter of the class does. */
function isPlain(cls: DeviceClass, { field, mode, read, values }: Register<object>): boolean {
  const slot = cls.layout.slots.some(({ name }) => name === field);
  return read === undefined && mode !== "rc" && (values !== undefined || slot);
}

/** Does a write of the guest end up in the field? */
function stores({ field, mode, write, ignoresWrites, values }: Register<object>): boolean {
  return field !== undefined && !write && !ignoresWrites && !values && mode !== "ro" && mode !== "rc";
}

function checkRegister(cls: DeviceClass, register: Register<object>, fail: (reason: string) => void): void {
  for (const part of ["read", "write", "changed"] as const) {
    const name = register[part] as string | undefined;
    if (name !== undefined && !has(cls, name)) {
      fail(`${part}: ${cls.name} has no method ${name}()`);
    }
  }
  checkField(cls, register, fail);
  const { field, read, write, values, ignoresWrites, changed, mask, mode } = register;
  if (field === undefined && !read && !write && !values && !ignoresWrites) {
    fail("nothing says what it does: give it field, read, write, values or ignoresWrites");
  }
  if (changed && !write && !stores(register)) {
    fail("changed is never called: nothing can be written");
  }
  if (mask !== undefined && !stores(register)) {
    fail("mask has no effect: no write is stored");
  }
  if (mode !== undefined && read && write) {
    fail("mode has no effect: methods read and write it");
  }
}

function method(cls: DeviceClass, name: string): (this: object, ...args: number[]) => unknown {
  return memberOf(cls, name)!.value;
}

/** Source of a function over `this`, so that each register gets code of its own, in which all is constant. */
function build(parameters: string, body: string, changed?: (this: object) => unknown): Writer {
  const tail = changed ? " return changed.call(this);" : "";
  return new Function("changed", `return function (${parameters}) { ${body}${tail} };`)(changed);
}

/** A write method may be asynchronous. */
function writeThenChange(write: Writer, changed: (this: object) => unknown): Writer {
  return function (value) {
    const done = write.call(this, value);
    return done instanceof Promise ? done.then(() => changed.call(this)) : changed.call(this);
  };
}

function reader(cls: DeviceClass, register: Register<object>, index: number): Reader | undefined {
  const { values, field, mode } = register;
  if (register.read) {
    return method(cls, register.read);
  }
  if (values) {
    return build("", `return ${values[index]! >>> 0};`) as Reader;
  }
  if (field === undefined || mode === "wo" || register.writeOnly) {
    return undefined;
  }
  const key = JSON.stringify(field);
  return build(
    "",
    mode === "rc" ? `const v = this[${key}]; this[${key}] = 0; return v;` : `return this[${key}];`,
  ) as Reader;
}

function writer(cls: DeviceClass, register: Register<object>): Writer | undefined {
  const { field, mode = "rw" } = register;
  const changed = register.changed && method(cls, register.changed);
  if (register.write) {
    return changed ? writeThenChange(method(cls, register.write), changed) : method(cls, register.write);
  }
  if (register.ignoresWrites) {
    return build("", "");
  }
  if (!stores(register)) {
    return undefined;
  }
  const key = `this[${JSON.stringify(field)}]`;
  const mask = (register.mask ?? 0xffffffff) >>> 0;
  const keep = ~mask >>> 0;
  const plain = keep === 0 ? `${key} = v;` : `${key} = (${key} & ${keep}) | (v & ${mask});`;
  const bodies = {
    rw: plain,
    ro: "",
    rc: "",
    wo: plain,
    w1c: `${key} &= ~(v & ${mask});`,
    w1s: `${key} |= v & ${mask};`,
    w0c: `${key} &= v | ${keep};`,
  } as const;
  return build("v", bodies[mode], changed);
}

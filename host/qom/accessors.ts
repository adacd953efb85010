/** Properties of a device's object whose values its script computes. */

import type { Pointer } from "bun:ffi";
import type { Handle } from "../device/handle.ts";
import { CAN, FRAME, KIND, SHARED, VALUE } from "../native/abi.ts";
import { cstring, Enumeration, fromJson, text, toJson } from "../native/convert.ts";
import { doubles, qemu, words } from "../native/library.ts";
import { check } from "./error.ts";
import type { Value } from "./value.ts";

/** What a property holds, by the name of its type. An integer that a number cannot hold exactly is a bigint. */
interface Types {
  bool: boolean;
  int: number | bigint;
  uint: number | bigint;
  /** Bytes; users may write suffixes such as `4M`. */
  size: number | bigint;
  number: number;
  str: string;
  /** Lists and structs too. */
  any: Value;
}

interface Getter<V> {
  /** Must answer at once: QEMU cannot wait for a promise. A throw is the reader's error. */
  get(): V;
}

interface Setter<V> {
  /** Must be done when it returns. A throw refuses the value with that message. */
  set(value: V): void;
}

/** One that has no `get` cannot be read, one that has no `set` cannot be written. */
export type Accessors<T extends keyof Types = keyof Types> = {
  readonly type: T;
  /** One line. */
  readonly description?: string;
} & (Getter<Types[T]> | Setter<Types[T]> | (Getter<Types[T]> & Setter<Types[T]>));

/** What the value of such a property can be. */
export type AccessorType = keyof Types;

const KINDS = new Enumeration<AccessorType>("type of a property", {
  bool: VALUE.BOOL,
  int: VALUE.INT,
  uint: VALUE.UINT,
  size: VALUE.SIZE,
  number: VALUE.NUMBER,
  str: VALUE.STR,
  any: VALUE.ANY,
});

/** The names that QOM has for them. */
const QOM_TYPES: Readonly<Record<AccessorType, string>> = {
  bool: "bool",
  int: "int",
  uint: "uint64",
  size: "size",
  number: "number",
  str: "string",
  any: "any",
};

interface Entry {
  readonly instance: Handle;
  readonly name: string;
  readonly accessors: Partial<Getter<unknown> & Setter<unknown>>;
}

/** By the number that C has for each. */
const entries = new Map<number, Entry>();
let last = 0;

/** @internal @throws QemuError if the object has a property of that name */
export function addAccessors(instance: Handle, name: string, accessors: Accessors): void {
  const { type, description = "" } = accessors;
  const kind = KINDS.toC(type);
  const access = ("get" in accessors ? CAN.GET : 0) | ("set" in accessors ? CAN.SET : 0);
  if (access === 0) {
    throw new TypeError(`property ${name} has neither get nor set`);
  }
  const id = ++last;
  qemu.script_property_add(
    instance.pointer,
    cstring(name),
    QOM_TYPES[type],
    cstring(description),
    kind,
    access,
    id,
  );
  check();
  entries.set(id, { instance, name, accessors: accessors as Entry["accessors"] });
}

/** @internal @throws QemuError if this device's script added no such property */
export function removeAccessors(instance: Handle, name: string): void {
  qemu.script_property_remove(instance.pointer, cstring(name));
  check();
  forgetAccessors(instance, name);
}

/** @internal The device is going, and C takes its properties away; or one of them. */
export function forgetAccessors(instance: Handle, name?: string): void {
  for (const [id, entry] of entries) {
    if (entry.instance === instance && (name === undefined || entry.name === name)) {
      entries.delete(id);
    }
  }
}

/** @internal Serves PROP_GET and PROP_SET. @throws what the script throws */
export function serveAccessor(frame: number): void {
  const at = SHARED.words + frame * FRAME.words;
  const entry = entries.get(words[at + FRAME.value]!);
  if (entry === undefined) {
    throw new Error("the device is gone");
  }
  const { name, accessors } = entry;
  if (words[at + FRAME.kind] === KIND.PROP_GET) {
    const value = accessors.get!();
    refusePromise(name, value);
    qemu.script_set_text(frame, toJson(value));
  } else {
    const json = text(doubles[(at + FRAME.pointer) / 2] as Pointer);
    refusePromise(name, accessors.set!(fromJson(json)) as unknown);
  }
}

function refusePromise(name: string, result: unknown): void {
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new TypeError(`property ${name} cannot be asynchronous: QEMU does not wait for a promise`);
  }
}

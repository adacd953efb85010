/** Which class of handles fits which object. */

import type { Pointer } from "bun:ffi";
import { cstring, type Returned, text, toJson } from "../native/convert.ts";
import { qemu } from "../native/library.ts";
import { check, QemuError } from "./error.ts";
import type { ObjectRef } from "./object.ts";
import { OwnReference, type Reference } from "./reference.ts";
import type { Value } from "./value.ts";

/** A class of handles: ObjectRef, DeviceRef, ... */
export interface RefClass<T extends ObjectRef = ObjectRef> {
  /** The QOM type that its objects have or descend from. */
  readonly type: string;
  /** Of its handles. */
  readonly prototype: T;
}

/** A class of a script, as an object may turn out to be of it. */
export interface ScriptedClass<T = unknown> {
  /** Its declaration. */
  readonly spec: { readonly type: string };
  /** Of its instances. */
  readonly prototype: T;
}

/** What can be written to a property: an object stands for its path, as links want it. */
export type Settable = Value | ObjectRef | readonly Settable[] | { readonly [key: string]: Settable };

type RefConstructor = RefClass & (new (reference: Reference) => ObjectRef);

/** Every class of handles, the more special ones first. */
const CLASSES: RefConstructor[] = [];

/** By the name of the object's type. */
const classOfType = new Map<string, RefConstructor>();

/** @internal For the host: from now on, objects of this class's type have handles of this class. */
export function define(cls: RefConstructor): void {
  CLASSES.unshift(cls);
}

function classOf(pointer: Pointer): RefConstructor {
  const type = text(qemu.script_object_type(pointer));
  let cls = classOfType.get(type);
  if (cls === undefined) {
    cls = CLASSES.find((candidate) => qemu.script_object_is_a(pointer, candidate.type) !== 0)!;
    classOfType.set(type, cls);
  }
  return cls;
}

/** @internal For the host: a handle of the class that fits the object. */
export function wrap(reference: Reference): ObjectRef {
  return new (classOf(reference.pointer))(reference);
}

/** @internal For the host: a handle that takes over the reference which C gave, or null if it gave none. */
export function own(pointer: Returned): ObjectRef | null {
  return pointer ? wrap(new OwnReference(Number(pointer) as Pointer)) : null;
}

/** @internal For the host: the QOM type that a class stands for. */
export function typeOf(cls: string | RefClass | ScriptedClass): string {
  return typeof cls === "string" ? cls : "spec" in cls ? cls.spec.type : cls.type;
}

/** @internal The JavaScript class's own `instanceof`, for classes that have no public constructor. */
export function isInstance(value: unknown, cls: { readonly prototype: unknown }): boolean {
  return typeof cls === "function" && value instanceof cls;
}

/** @internal For the host: makes an object, by `new` of a class of handles or of a script's. */
export function makeObject<T extends ObjectRef>(
  cls: RefClass<T>,
  type: string,
  properties: { readonly [name: string]: Settable },
): T {
  const pointer = qemu.script_object_new(cstring(type), toJson(properties));
  check();
  const made = own(pointer);
  if (!isInstance(made, cls)) {
    made?.dispose();
    throw new QemuError(`a '${type}' is no ${cls.type}`);
  }
  return made as T;
}

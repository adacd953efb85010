/** Objects of the types that scripts declare. */

import type { Chardev } from "../device/chardev.ts";
import { propertyName } from "../device/check.ts";
import type { Property, ValueOf } from "../device/fields.ts";
import { makeObject, type RefClass, type Settable } from "./classes.ts";
import { ObjectRef } from "./object.ts";

interface Declaration {
  readonly type: string;
  readonly properties?: Readonly<Record<string, Property>>;
}

/** Some of a type's properties, by the keys of the declaration; a chardev by its ID. */
export type Settings<S> = S extends { readonly properties: infer P }
  ? { readonly [K in keyof P]?: ValueOf<P[K]> extends Chardev ? string : ValueOf<P[K]> }
  : { readonly [key: string]: never };

/** @internal Makes an object of a script's type. @throws QemuError as {@link ObjectRef.new} */
export function makeScripted(spec: Declaration, settings: Readonly<Record<string, Settable>>): ObjectRef {
  const declared = spec.properties ?? {};
  const named = Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    // A link that leads nowhere is empty text to QEMU.
    .map(([key, value]) => [declared[key] ? propertyName(key, declared[key]) : key, value ?? ""] as const);
  return makeObject(ObjectRef as RefClass, spec.type, Object.fromEntries(named));
}

/** What the user configured: the values of a device's properties. */

import type { Pointer } from "bun:ffi";
import { propertyName } from "../device/check.ts";
import type { Property } from "../device/fields.ts";
import { cstring, takeText } from "../native/convert.ts";
import { qemu } from "../native/library.ts";
import { own } from "../qom/classes.ts";
import { check } from "../qom/error.ts";
import { ObjectRef } from "../qom/object.ts";

const WIDE: readonly unknown[] = ["uint64", "int64", "size"];

/** JSON, with numbers of 64 bits as bigints: a double has not enough digits for them. */
function parse(json: string, wide: boolean): unknown {
  const revive = (_: string, value: unknown, context?: { readonly source: string }) =>
    wide && typeof value === "number" ? BigInt(context!.source) : value;
  return JSON.parse(json, revive);
}

/** The value of a property that is neither a chardev nor a link. */
function plainValue(instance: Pointer, name: string, property: Property): unknown {
  const json = takeText(qemu.script_object_get(qemu.script_instance_object(instance), name));
  check();
  const value = parse(json!, WIDE.includes(property.element ?? property.kind));
  return Array.isArray(value) ? Object.freeze(value) : value;
}

/** The value of a property that is no chardev; a link's is a handle with a reference of its own. */
export function configValue(instance: Pointer, key: string, property: Property): unknown {
  const name = cstring(propertyName(key, property));
  return property.kind === "link"
    ? own(qemu.script_object_get_link(qemu.script_instance_object(instance), name))
    : plainValue(instance, name, property);
}

/** The words that properties have bits in, each with the bits that are on. */
export function configWords(
  properties: Readonly<Record<string, Property>>,
  config: Readonly<Record<string, unknown>>,
): Record<string, number> {
  const words: Record<string, number> = {};
  for (const [key, { in: word, at }] of Object.entries(properties)) {
    if (word !== undefined && at !== undefined) {
      words[word] = ((words[word] ?? 0) | (config[key] ? 1 << at : 0)) >>> 0;
    }
  }
  return words;
}

/** The device goes: handles of linked objects go with it. */
export function dropConfig(config: object): void {
  for (const value of Object.values(config)) {
    if (value instanceof ObjectRef) {
      value.dispose();
    }
  }
}

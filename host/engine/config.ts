/** What the user configured: the values of a device's properties. */

import type { Pointer } from "bun:ffi";
import { propertyName } from "../device/check.ts";
import type { Property } from "../device/fields.ts";
import { cstring, qemu, text } from "../native/library.ts";

const WIDE: readonly unknown[] = ["uint64", "int64", "size"];

/** JSON, with numbers of 64 bits as bigints: a double has not enough digits for them. */
function parse(json: string, wide: boolean): unknown {
  const revive = (_: string, value: unknown, context?: { readonly source: string }) =>
    wide && typeof value === "number" ? BigInt(context!.source) : value;
  return JSON.parse(json, revive);
}

/** The value of a property that is no chardev. */
export function configValue(instance: Pointer, key: string, property: Property): unknown {
  const name = cstring(propertyName(key, property));
  const json = text(qemu.script_instance_property(instance, name));
  const value = parse(json, WIDE.includes(property.element ?? property.kind));
  if (property.kind === "link") {
    const typeName = text(qemu.script_instance_link_type(instance, name));
    return typeName === "" ? null : Object.freeze({ typeName, path: value as string });
  }
  return Array.isArray(value) ? Object.freeze(value) : value;
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

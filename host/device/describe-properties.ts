import { propertyName } from "./check.ts";
import type { Property } from "./fields.ts";

/** Digits as they are: a double has not enough of them for 64 bits. */
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown };

const SIGNED: readonly string[] = ["int32", "int64"];

function describeDefault({ kind, default: value, values }: Property): object {
  if (value === undefined) {
    return {};
  }
  if (kind === "enum") {
    return { "default-signed": values!.indexOf(value as string) };
  }
  if (typeof value === "string") {
    return { "default-string": value };
  }
  const digits = rawJSON(String(typeof value === "boolean" ? Number(value) : value));
  return { [SIGNED.includes(kind) ? "default-signed" : "default-unsigned"]: digits };
}

/** As QEMU's own enumerations have it, the names that one can choose from are a part of the description. */
function descriptionOf({ description, values }: Property): string | undefined {
  const names = values?.join("/");
  return names === undefined || description === undefined
    ? (description ?? names)
    : `${description}, ${names}`;
}

/** Properties as ScriptProperty of qapi/script.json. */
export function describeProperties(
  properties: Readonly<Record<string, Property>>,
  receives: (key: string) => boolean,
): Record<string, unknown>[] {
  const words = [...new Set(Object.values(properties).flatMap((property) => property.in ?? []))];
  return Object.entries(properties).map(([key, property]) => {
    const { kind, values, target, element, in: word, at } = property;
    const description = descriptionOf(property);
    return {
      name: propertyName(key, property),
      type: kind,
      ...(description === undefined ? {} : { description }),
      ...describeDefault(property),
      ...(kind === "chardev" ? { receives: receives(key) } : {}),
      ...(values && { values }),
      ...(target === undefined ? {} : { target }),
      ...(element && { element }),
      ...(word === undefined ? {} : { word: words.indexOf(word), bit: at }),
    };
  });
}

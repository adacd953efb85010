import { DeclarationError } from "./errors.ts";
import type { DeviceSpec } from "./spec.ts";

/** A type has these of its own; they are not its children's. */
const OWN = ["type", "description", "abstract", "interfaces", "parent"];

/** A child's replaces its parent's. */
const REPLACED = ["deviceTree"];

/** A child changes parts of its parent's. */
const AMENDED = ["migration", "pci"];

type Part = Readonly<Record<string, unknown>> | readonly unknown[];

function merge(type: string, key: string, parent: Part, own: Part): Part {
  if (Array.isArray(parent)) {
    return [...parent, ...(own as readonly unknown[])];
  }
  const twice = Object.keys(own).find((name) => Object.hasOwn(parent, name));
  if (twice !== undefined && !AMENDED.includes(key)) {
    throw new DeclarationError(`${type}: ${key}: the parent type declares ${twice} already`);
  }
  return { ...parent, ...own };
}

/**
 * What a type declares, with what it inherits: lists and tables go on where the parent's end.
 *
 * @throws DeclarationError for something that the parent declares already
 */
export function mergeSpecs<S extends DeviceSpec>(parent: DeviceSpec | undefined, own: S): S {
  if (parent === undefined) {
    return own;
  }
  if (own.parent !== undefined) {
    throw new DeclarationError(
      `${own.type}: parent: its parent type is ${parent.type}, which another script type declares`,
    );
  }
  const parts = own as unknown as Readonly<Record<string, Part>>;
  const merged: Record<string, unknown> = {
    ...Object.fromEntries(Object.entries(parent).filter(([key]) => !OWN.includes(key))),
    ...own,
  };
  for (const [key, part] of Object.entries(parent as unknown as Readonly<Record<string, Part>>)) {
    if (Object.hasOwn(parts, key) && !OWN.includes(key) && !REPLACED.includes(key)) {
      merged[key] = merge(own.type, key, part, parts[key]!);
    }
  }
  return merged as unknown as S;
}

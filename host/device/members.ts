/** What a class has, along the chain of those it extends. */

import type { DeviceClass } from "./device.ts";

/** The class that `with()` made: its prototype has what is declared, and those that extend it may hide that. */
export function declarationOf(cls: DeviceClass): DeviceClass {
  let declaration: object = cls;
  while (!Object.hasOwn(declaration, "layout")) {
    declaration = Object.getPrototypeOf(declaration);
  }
  return declaration as DeviceClass;
}

/** The nearest descriptor of a member, without running a getter. */
export function memberOf(cls: DeviceClass, name: string): PropertyDescriptor | undefined {
  for (let p = cls.prototype as object | null; p; p = Object.getPrototypeOf(p)) {
    const descriptor = Object.getOwnPropertyDescriptor(p, name);
    if (descriptor) {
      return descriptor;
    }
  }
  return undefined;
}

/** Does it, or a parent, declare trace events? */
export const hasTraces = ({ spec }: DeviceClass): boolean => Object.keys(spec.traces ?? {}).length > 0;

/** Has the class this method? */
export function has(cls: DeviceClass, name: string): boolean {
  return typeof memberOf(cls, name)?.value === "function";
}

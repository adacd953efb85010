/** What a class has, along the chain of those it extends. */

import type { DeviceClass } from "./device.ts";

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

/** Has the class this method? */
export function has(cls: DeviceClass, name: string): boolean {
  return typeof memberOf(cls, name)?.value === "function";
}

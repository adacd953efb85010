/** `super` of a device whose parent type is one of QEMU's own. */

import { KIND } from "../native/abi.ts";
import { qemu } from "../native/library.ts";
import { check } from "../qom/error.ts";
import { type HasSelf, SELF } from "./device.ts";

/** What a device inherits from a parent type of QEMU's; override a method, and reach the parent's by `super`. */
export interface CParent {
  /**
   * The parent's: with it, the parent's regions and lines are there.
   *
   * @throws QemuError if the parent refuses
   */
  realize(): void;
  /** The parent's. */
  unrealize(): void;
}

function callParent(device: HasSelf, kind: number): void {
  qemu.script_instance_super(device[SELF].pointer, kind);
  check();
}

const METHODS: CParent & ThisType<HasSelf> = {
  realize() {
    callParent(this, KIND.REALIZE);
  },
  unrealize() {
    callParent(this, KIND.UNREALIZE);
  },
};

export function inheritFromC(prototype: object): void {
  for (const [name, value] of Object.entries(METHODS)) {
    Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
  }
}

/** Resets of devices, in one step or in QEMU's three phases (docs/devel/reset.rst). */

import { resetFields, VIEWS } from "../device/state.ts";
import type { ResetType } from "../device/traits.ts";
import { KIND, RESET_TYPE } from "../native/abi.ts";
import { type Instance, synchronous } from "./instances.ts";

/** By QEMU's number. */
const TYPES = Object.keys(RESET_TYPE).map((name) => name.toLowerCase().replaceAll("_", "-")) as ResetType[];

/** @param type QEMU's ResetType */
export function reset({ device, cls }: Instance, kind: number, type: number): void {
  const why = TYPES[type] ?? "cold";
  switch (kind) {
    case KIND.RESET:
      resetFields(device[VIEWS], cls.layout);
      synchronous("reset", device.reset?.());
      return;
    case KIND.RESET_ENTER:
      resetFields(device[VIEWS], cls.layout);
      synchronous("resetEnter", device.resetEnter?.(why));
      return;
    case KIND.RESET_HOLD:
      if (device.resetHold === undefined) {
        synchronous("reset", device.reset?.());
      } else {
        synchronous("resetHold", device.resetHold(why));
      }
      return;
    case KIND.RESET_EXIT:
      synchronous("resetExit", device.resetExit?.(why));
      return;
  }
}

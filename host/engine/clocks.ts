/** Changes of clock inputs. */

import { clockName } from "../device/clocks.ts";
import type { DeviceClass } from "../device/device.ts";
import { memberOf } from "../device/members.ts";
import { type Instance, type ScriptedDevice, synchronous } from "./instances.ts";

/** What a device does when one of its clock inputs changes. */
export interface ClockPort {
  readonly name: string;
  readonly method: string;
  /** Undefined if it does not care. */
  readonly run: ((this: ScriptedDevice, name: string) => unknown) | undefined;
}

/** Looked up when a device is realized, not each time. */
export function clockPortsOf(cls: DeviceClass): ClockPort[] {
  return (cls.spec.clocks ?? []).map((clock) => {
    const method = typeof clock === "string" ? "clockChanged" : clock.changed;
    return { name: clockName(clock), method, run: memberOf(cls, method)?.value };
  });
}

/** Tells the device of a change. */
export function changeClock({ device, clocks }: Instance, index: number): void {
  const { name, method, run } = clocks[index]!;
  synchronous(method, run?.call(device, name));
}

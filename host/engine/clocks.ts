/** Changes of clock inputs. */

import { type ClockRate, clockRate } from "../device/clocks.ts";
import type { DeviceClass } from "../device/device.ts";
import { memberOf } from "../device/members.ts";
import { entryName } from "../device/names.ts";
import { type Instance, type ScriptedDevice, synchronous } from "./instances.ts";

/** What a device does when one of its clock inputs changes. */
export interface ClockPort {
  readonly name: string;
  readonly method: string;
  /** Undefined if it does not care. */
  readonly run: ((this: ScriptedDevice, name: string, rate: ClockRate) => unknown) | undefined;
}

/** Looked up when a device is realized, not each time. */
export function clockPortsOf(cls: DeviceClass): ClockPort[] {
  return (cls.spec.clocks ?? []).map((clock) => {
    const method = typeof clock === "string" ? "clockChanged" : clock.changed;
    return { name: entryName(clock), method, run: memberOf(cls, method)?.value };
  });
}

/** Tells the device of a change. @param period what the clock changed to, as C has it */
export function changeClock({ device, clocks }: Instance, index: number, period: Uint8Array): void {
  const { name, method, run } = clocks[index]!;
  const rate = clockRate(new DataView(period.buffer, period.byteOffset).getBigUint64(0, true));
  synchronous(method, run?.call(device, name, rate));
}

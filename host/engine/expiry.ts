/** Expiry of timers. */

import type { DeviceClass } from "../device/device.ts";
import { memberOf } from "../device/members.ts";
import { expiryMethod, TIMERS, timerSlots } from "../device/timer.ts";
import type { Expiry, ScriptedDevice } from "./instances.ts";

/** In the order in which C counts timers. Looked up when a device is realized, not each time. */
export function expiriesOf(cls: DeviceClass, device: ScriptedDevice): Expiry[] {
  return timerSlots(cls.layout).flatMap(({ name, field }) => {
    const method = expiryMethod(field);
    const run = memberOf(cls, method)!.value;
    return [device[TIMERS][name]!].flat().map((timer, index) => ({ name, index, method, timer, run }));
  });
}

/** Calls the method of a timer, unless the device has stopped it meanwhile. @returns what the method does */
export function expire(device: ScriptedDevice, { name, index, timer, run }: Expiry): unknown {
  return timer.take() ? run.call(device, name, index) : undefined;
}

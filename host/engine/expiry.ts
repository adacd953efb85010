/** Expiry of timers. */

import { memberOf } from "../device/check.ts";
import type { DeviceClass } from "../device/device.ts";
import { expiryMethod, TIMERS, timerSlots } from "../device/timer.ts";
import type { Expiry, ScriptedDevice } from "./instances.ts";

/** Looked up when a device is realized, not each time. */
export function expiriesOf(cls: DeviceClass, device: ScriptedDevice): Expiry[] {
  return timerSlots(cls.layout).map(({ name, field }) => {
    const method = expiryMethod(field);
    return { name, method, timer: device[TIMERS][name]!, run: memberOf(cls, method)!.value };
  });
}

/** Calls the method of a timer, unless the device has stopped it meanwhile. @returns what the method does */
export function expire(device: ScriptedDevice, { name, timer, run }: Expiry): unknown {
  return timer.take() ? run.call(device, name) : undefined;
}

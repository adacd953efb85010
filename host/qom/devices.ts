/** Handles of the kinds of objects that machines are made of. */

import { GpioInput } from "../device/gpio.ts";
import { qemu } from "../native/library.ts";
import { define } from "./classes.ts";
import { check } from "./error.ts";
import { ObjectRef, pointerOf } from "./object.ts";

/** Tells classes apart for the type checker, which would take those of the same shape for one. */
declare const KIND: unique symbol;

/** A bus that devices are plugged into. */
export class BusRef extends ObjectRef {
  static override readonly type = "bus";
  declare readonly [KIND]: { readonly bus: true };
}

/** A handle of a device. */
export class DeviceRef extends ObjectRef {
  static override readonly type: string = "device";
  declare readonly [KIND]: { readonly device: true };

  /** Has it been realized, and not been unrealized since? */
  get realized(): boolean {
    return this.get("realized") === true;
  }

  /**
   * Brings the device to life, as the last step of making it. One without a parent gets one, `/machine/unattached`.
   * Devices that users cannot add by `-device` are made for boards, and rely on what a board does for them.
   *
   * @param bus for devices of PCI and other buses; those of the system bus find it
   * @returns this handle
   * @throws QemuError that says why the device refuses
   */
  realize(bus?: BusRef): this {
    qemu.script_device_realize_on(pointerOf(this), bus === undefined ? null : pointerOf(bus));
    check();
    return this;
  }

  /**
   * One of its GPIO inputs, to connect a line to. Whether there is such an input is found when a line is connected.
   *
   * @param name of the array; `undefined` for unnamed lines
   * @param line place in the array
   */
  input(name: string | undefined, line: number): GpioInput {
    return new GpioInput(name, line, () => pointerOf(this));
  }
}

/** A handle of a device on the system bus. */
export class SysBusDeviceRef extends DeviceRef {
  static override readonly type = "sys-bus-device";
  declare readonly [KIND]: { readonly device: true; readonly sysBus: true };
}

/** A handle of a device on a PCI bus. */
export class PCIDeviceRef extends DeviceRef {
  static override readonly type = "pci-device";
  declare readonly [KIND]: { readonly device: true; readonly pci: true };
}

/** A handle of a clock, an input or an output of a device. */
export class ClockRef extends ObjectRef {
  static override readonly type = "clock";
  declare readonly [KIND]: { readonly clock: true };
}

/** A handle of a memory region. */
export class MemoryRegionRef extends ObjectRef {
  static override readonly type = "memory-region";
  declare readonly [KIND]: { readonly memoryRegion: true };

  /** Bytes. */
  get size(): bigint {
    return BigInt(this.get("size") as number | bigint);
  }
}

for (const cls of [BusRef, DeviceRef, SysBusDeviceRef, PCIDeviceRef, ClockRef, MemoryRegionRef]) {
  define(cls);
}

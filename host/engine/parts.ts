/** What a device is made of, from its making to its end. */

import type { Pointer } from "bun:ffi";
import { Chardev } from "../device/chardev.ts";
import { checkMade } from "../device/check.ts";
import { clockInputs, clockOutputs } from "../device/clocks.ts";
import { type DeviceClass, make, SELF } from "../device/device.ts";
import { Dma } from "../device/dma.ts";
import { type InputPort, inputPort, outputArrays, outputMemory } from "../device/gpio.ts";
import { Handle } from "../device/handle.ts";
import { type IrqLevels, irqLines } from "../device/irq.ts";
import { makePci } from "../device/pci.ts";
import { servedBy } from "../device/receivers.ts";
import { makeRegions } from "../device/regions.ts";
import type { DeviceSpec } from "../device/spec.ts";
import { dropStructs, staleViews, VIEWS, type Views, viewsOf } from "../device/state.ts";
import { makeTimers, TIMERS } from "../device/timer.ts";
import { borrow } from "../native/convert.ts";
import { qemu } from "../native/library.ts";
import { forgetAccessors } from "../qom/accessors.ts";
import { wrap } from "../qom/classes.ts";
import { SelfReference } from "../qom/reference.ts";
import type { ChardevPort } from "./chardevs.ts";
import { configValue, configWords, dropConfig } from "./config.ts";
import type { RegisteredClass, ScriptedDevice } from "./instances.ts";

/** Levels that a device gave its lines: QEMU's lines do not know them, and new code goes on with them. */
export interface OutgoingLevels {
  readonly irqs: IrqLevels;
  readonly outputs: readonly Uint8Array[];
}

/** What the host gives to a device. */
export interface Parts {
  /** Properties of the device itself. */
  readonly own: PropertyDescriptorMap;
  readonly chardevs: readonly ChardevPort[];
  readonly inputs: readonly InputPort[];
  readonly levels: OutgoingLevels;
  /** Of its state block. */
  readonly views: Views;
  /** Makes every later use throw; C may then free it all. */
  drop(device: ScriptedDevice | undefined): void;
}

/** The properties' values, once they cannot change any more; the chardevs among them are there already. */
function configOf(pointer: Pointer, spec: DeviceSpec, chardevs: readonly ChardevPort[]): object {
  let next = 0;
  const properties = spec.properties ?? {};
  const values = Object.entries(properties).map(([key, property]) => [
    key,
    property.kind === "chardev" ? chardevs[next++]!.chardev : configValue(pointer, key, property),
  ]);
  const config: Record<string, unknown> = Object.fromEntries(values);
  return Object.freeze({ ...config, ...configWords(properties, config) });
}

/** Lets the device have its configuration, which is known from realize on. */
export function configure(parts: Parts, pointer: Pointer, spec: DeviceSpec): void {
  parts.own["config"] = { value: configOf(pointer, spec, parts.chardevs), enumerable: true };
}

function makeLevels({ outputs }: DeviceSpec): OutgoingLevels {
  return { irqs: { bits: 0 }, outputs: outputMemory(outputs) };
}

/**
 * @param id of the instance
 * @param state the block in native memory
 * @param levels of a device that had code before
 */
export function makeParts(
  id: number,
  pointer: Pointer,
  { cls }: RegisteredClass,
  state: Pointer,
  levels = makeLevels(cls.spec),
): Parts {
  const { spec, layout } = cls;
  const block = borrow(state, layout.size);
  const self = new Handle(pointer, spec.type);
  const handles = [self];
  const chardevs = servedBy(cls).map((served, index) => {
    const chardev = qemu.script_instance_chardev(pointer, index) as Pointer;
    const handle = new Handle(chardev, `${served.key} of ${spec.type}`);
    handles.push(handle);
    return { chardev: new Chardev(handle), served };
  });
  const inputs = Object.entries(spec.inputs ?? {}).map(([key, array], index) =>
    inputPort(self, key, array, index),
  );
  const early = () => {
    throw new TypeError(`${spec.type}: config is not known before realize()`);
  };
  const dma = new Dma(self);
  const clocks = spec.clocks ?? [];
  const regions = makeRegions(self, spec.regions ?? {});
  const views = viewsOf(block, layout);
  // What accesses use comes first: the object itself has room for a few properties, others are one more load away.
  const own: PropertyDescriptorMap = {
    [VIEWS]: { value: views, writable: true },
    irqs: { value: irqLines(self, id, spec.irqs ?? [], levels.irqs) },
    config: { get: early, enumerable: true, configurable: true },
    ...(spec.pci && { pci: { value: makePci(self, id, spec.pci) } }),
    [SELF]: { value: self },
    [TIMERS]: { value: makeTimers(layout, self) },
    object: { value: wrap(new SelfReference(self, spec.type)) },
    inputs: { value: Object.freeze(Object.fromEntries(inputs.map(({ key, lines }) => [key, lines]))) },
    outputs: { value: outputArrays(self, spec.outputs, levels.outputs) },
    clocks: { value: clockInputs(self, clocks) },
    clockOutputs: { value: clockOutputs(self, clocks.length, spec.clockOutputs ?? []) },
    dma: { value: dma },
    regions: { value: regions.regions },
  };
  let dropped = false;
  const drop = (device: ScriptedDevice | undefined) => {
    if (dropped) {
      return;
    }
    dropped = true;
    dma.close();
    forgetAccessors(self);
    regions.drop();
    for (const handle of handles) {
      handle.drop();
    }
    dropConfig((own["config"]?.value as object | undefined) ?? {});
    dropStructs(views, spec.type);
    if (device) {
      // Not an assignment, which throws if the script has frozen it.
      Reflect.set(device, VIEWS, staleViews(spec.type));
    }
    // Views that the script still holds lose their memory.
    block.transfer();
  };
  return { own, chardevs, inputs, levels, views, drop };
}

/** @throws what the constructor throws, or DeclarationError; the parts are dropped then */
export function makeDevice(cls: DeviceClass, parts: Parts): ScriptedDevice {
  let device: ScriptedDevice | undefined;
  try {
    device = make(cls as new () => ScriptedDevice, parts.own);
    checkMade(device, cls);
    return device;
  } catch (error) {
    parts.drop(device);
    throw error;
  }
}

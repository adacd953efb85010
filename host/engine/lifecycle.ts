/** How devices come into being, and go. */

import type { Pointer } from "bun:ffi";
import { Chardev } from "../device/chardev.ts";
import { checkMade } from "../device/check.ts";
import { clockInputs, clockOutputs } from "../device/clocks.ts";
import { type DeviceClass, make, SELF } from "../device/device.ts";
import { Dma } from "../device/dma.ts";
import { type InputPort, inputPort, outputArrays } from "../device/gpio.ts";
import { Handle } from "../device/handle.ts";
import { irqLines } from "../device/irq.ts";
import { has } from "../device/members.ts";
import { makePci } from "../device/pci.ts";
import { servedBy } from "../device/receivers.ts";
import { isIo, makeRegions } from "../device/regions.ts";
import type { DeviceSpec } from "../device/spec.ts";
import { dropStructs, staleViews, VIEWS, viewsOf } from "../device/state.ts";
import { makeTimers, TIMERS } from "../device/timer.ts";
import { borrow, text } from "../native/convert.ts";
import { qemu } from "../native/library.ts";
import { forgetAccessors } from "../qom/accessors.ts";
import { wrap } from "../qom/classes.ts";
import { SelfReference } from "../qom/reference.ts";
import { endAccesses, updateRoom } from "./access.ts";
import { type ChardevPort, receiversOf } from "./chardevs.ts";
import { clockPortsOf } from "./clocks.ts";
import { configValue, configWords, dropConfig } from "./config.ts";
import { expiriesOf } from "./expiry.ts";
import {
  classes,
  type Instance,
  instances,
  ports,
  type RegisteredClass,
  type ScriptedDevice,
  synchronous,
} from "./instances.ts";

/** What a device is made of, until it goes. */
interface Parts {
  readonly own: PropertyDescriptorMap;
  readonly chardevs: readonly ChardevPort[];
  readonly inputs: readonly InputPort[];
  /** Makes every later use throw; C may then free it all. */
  drop(device: ScriptedDevice | undefined): void;
}

/** Devices that the script knows and that are not realized: not yet, or no more. */
interface Unrealized {
  readonly device: ScriptedDevice;
  /** Absent once it has been realized. */
  readonly parts?: Parts;
}

/** By instance id. */
const unrealized = new Map<number, Unrealized>();

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

function makeParts(pointer: Pointer, { cls, trace }: RegisteredClass): Parts {
  const { spec, layout } = cls;
  const block = borrow(qemu.script_instance_state(pointer) as Pointer, layout.size);
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
  const own: PropertyDescriptorMap = {
    [SELF]: { value: self },
    [VIEWS]: { value: views, writable: true },
    [TIMERS]: { value: makeTimers(layout, self) },
    config: { get: early, enumerable: true, configurable: true },
    object: { value: wrap(new SelfReference(self, spec.type)) },
    irqs: { value: irqLines(self, spec.irqs ?? []) },
    inputs: { value: Object.freeze(Object.fromEntries(inputs.map(({ key, lines }) => [key, lines]))) },
    outputs: { value: outputArrays(self, spec.outputs) },
    clocks: { value: clockInputs(self, clocks) },
    clockOutputs: { value: clockOutputs(self, clocks.length, spec.clockOutputs ?? []) },
    dma: { value: dma },
    ...(spec.pci && { pci: { value: makePci(self, spec.pci) } }),
    regions: { value: regions.regions },
    trace: { value: trace },
  };
  const drop = (device: ScriptedDevice | undefined) => {
    dma.close();
    forgetAccessors(self);
    regions.drop();
    for (const handle of handles) {
      handle.drop();
    }
    dropConfig((own["config"]?.value as object | undefined) ?? {});
    dropStructs(views, spec.type);
    if (device) {
      device[VIEWS] = staleViews(spec.type);
    }
    // Views that the script still holds lose their memory.
    block.transfer();
  };
  return { own, chardevs, inputs, drop };
}

/** @throws what the constructor throws, or DeclarationError */
function makeDevice(cls: DeviceClass, parts: Parts): ScriptedDevice {
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

function classOf(pointer: Pointer) {
  return classes.get(text(qemu.script_instance_type(pointer)))!;
}

/** The object is there, with no properties set yet. */
export function init(id: number, pointer: Pointer): void {
  const registered = classOf(pointer);
  const { cls } = registered;
  const parts = makeParts(pointer, registered);
  const device = makeDevice(cls, parts);
  unrealized.set(id, { device, parts });
  synchronous("init", device.init?.());
}

/** From here on, accesses to its regions reach it. */
function openPorts(owner: Instance, { cls, regions }: RegisteredClass): void {
  const { device, slots } = owner;
  const specs = Object.values(cls.spec.regions ?? {});
  for (const [index, code] of regions.entries()) {
    const spec = specs[index]!;
    if (code && isIo(spec)) {
      ports[slots[index]!] = { ...code, owner, device, errorValue: spec.errorValue ?? 0 };
    }
  }
}

/** @throws what makes QEMU refuse the device */
export function realize(id: number, pointer: Pointer): void {
  const registered = classOf(pointer);
  const { cls } = registered;
  const known = unrealized.get(id);
  const parts = known?.parts ?? makeParts(pointer, registered);
  const config = configOf(pointer, cls.spec, parts.chardevs);
  parts.own["config"] = { value: config, enumerable: true };
  const device = known?.parts ? known.device : makeDevice(cls, parts);
  unrealized.delete(id);
  for (const input of parts.inputs) {
    input.look();
  }
  let receivers: ReturnType<typeof receiversOf>;
  try {
    receivers = receiversOf(device, cls.spec.type, parts.chardevs);
    Object.defineProperty(device, "config", parts.own["config"]);
    synchronous("realize", device.realize?.());
  } catch (error) {
    parts.drop(device);
    throw error;
  }
  const slots = registered.regions.map((code, index) => code && qemu.script_instance_region(pointer, index));
  const { drop, chardevs, inputs } = parts;
  const expiries = expiriesOf(cls, device);
  const listeners = { ...receivers, inputs, clocks: clockPortsOf(cls), expiries };
  const fixed = { id, pointer, cls, device, chardevs, ...listeners, slots, drop };
  const instance: Instance = { ...fixed, queue: undefined, active: 0 };
  instances[id] = instance;
  openPorts(instance, registered);
  updateRoom(instance, false);
}

export function unrealize(instance: Instance): void {
  const { id, device, slots, cls } = instance;
  for (const slot of slots) {
    if (slot !== undefined) {
      ports[slot] = undefined;
    }
  }
  instances[id] = undefined;
  endAccesses(instance);
  if (has(cls, "finalize")) {
    unrealized.set(id, { device });
  }
  try {
    synchronous("unrealize", device.unrealize?.());
  } finally {
    instance.drop(device);
  }
}

/** It is about to leave the composition tree, realized or not. */
export function unparent(id: number): void {
  const device = instances[id]?.device ?? unrealized.get(id)?.device;
  synchronous("unparent", device?.unparent?.());
}

/** The object is gone; what the script could reach of it goes now. */
export function forget(id: number): void {
  const instance = instances[id];
  if (instance !== undefined) {
    // Not a device: nobody unrealizes those, and this one never had a parent.
    unrealize(instance);
  }
  const known = unrealized.get(id);
  unrealized.delete(id);
  known?.parts?.drop(known.device);
  try {
    synchronous("finalize", known?.device.finalize?.());
  } finally {
    qemu.script_instance_free(id);
  }
}

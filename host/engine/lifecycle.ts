/** How devices come into being, and go. */

import type { Pointer } from "bun:ffi";
import { has } from "../device/members.ts";
import { isIo } from "../device/regions.ts";
import { text } from "../native/convert.ts";
import { qemu } from "../native/library.ts";
import { endAccesses, updateRoom } from "./access.ts";
import { receiversOf } from "./chardevs.ts";
import { clockPortsOf } from "./clocks.ts";
import { expiriesOf } from "./expiry.ts";
import { addHandlers, dropHandlers } from "./handlers.ts";
import {
  classes,
  type Instance,
  instances,
  ports,
  type RegisteredClass,
  type ScriptedDevice,
  synchronous,
} from "./instances.ts";
import { configure, makeDevice, makeParts, type Parts } from "./parts.ts";

/** A device that the script knows and that is not realized yet. */
export interface Early {
  readonly pointer: Pointer;
  readonly registered: RegisteredClass;
  readonly device: ScriptedDevice;
  readonly parts: Parts;
}

/** By instance id. */
export const early = new Map<number, Early>();

/** Devices that are not realized any more, and whose `finalize()` is to come. */
const late = new Map<number, ScriptedDevice>();

function classOf(pointer: Pointer): RegisteredClass {
  return classes.get(text(qemu.script_instance_type(pointer)))!;
}

/** @throws Error for an object that was made with another declaration of its type */
function makeFirst(id: number, pointer: Pointer, registered: RegisteredClass): Parts {
  if (qemu.script_instance_current(pointer) === 0) {
    throw new Error(
      `${registered.cls.spec.type}: the object was made before its script was loaded anew; make another`,
    );
  }
  return makeParts(id, pointer, registered, qemu.script_instance_state(pointer) as Pointer);
}

/** The object is there, with no properties set yet. */
export function init(id: number, pointer: Pointer): void {
  const registered = classOf(pointer);
  registered.generation.run(() => {
    const parts = makeFirst(id, pointer, registered);
    const device = makeDevice(registered.cls, parts);
    early.set(id, { pointer, registered, device, parts });
    synchronous("init", device.init?.());
  });
}

/** From here on, accesses to its regions reach it. */
function openPorts(owner: Instance, { cls, regions }: RegisteredClass): void {
  const { device, slots, pointer } = owner;
  const specs = Object.values(cls.spec.regions ?? {});
  for (const [index, code] of regions.entries()) {
    const spec = specs[index]!;
    if (code && isIo(spec)) {
      ports[slots[index]!] = { ...code, owner, device, errorValue: spec.errorValue ?? 0 };
      const { table, numbers, reader, writer } = addHandlers(ports[slots[index]!]!, spec);
      owner.handlers.push(...numbers);
      // Also if there are none: the code before may have had some.
      qemu.script_instance_words(pointer, index, table, table, reader, writer);
    }
  }
}

/** What serves a device from now on. @throws DeclarationError if there is no room for what it receives */
export function makeInstance(
  id: number,
  pointer: Pointer,
  registered: RegisteredClass,
  device: ScriptedDevice,
  parts: Parts,
): Instance {
  const { cls } = registered;
  const { chardevs, inputs } = parts;
  const receivers = receiversOf(device, cls.spec.type, chardevs);
  const slots = registered.regions.map((code, index) => code && qemu.script_instance_region(pointer, index));
  const listeners = { ...receivers, inputs, clocks: clockPortsOf(cls), expiries: expiriesOf(cls, device) };
  const fixed = { id, pointer, registered, cls, device, parts, chardevs, ...listeners, slots };
  return { ...fixed, handlers: [], queue: undefined, active: 0 };
}

/** Accesses, calls and posts for the device go to this instance. */
export function install(instance: Instance): void {
  instances[instance.id] = instance;
  openPorts(instance, instance.registered);
}

function firstDevice(id: number, pointer: Pointer): Early {
  const known = early.get(id);
  early.delete(id);
  const registered = known?.registered ?? classOf(pointer);
  const parts = known?.parts ?? makeFirst(id, pointer, registered);
  configure(parts, pointer, registered.cls.spec);
  const device = known?.device ?? makeDevice(registered.cls, parts);
  return { pointer, registered, device, parts };
}

function realizeInContext(id: number, pointer: Pointer): void {
  const { registered, device, parts } = firstDevice(id, pointer);
  for (const input of parts.inputs) {
    input.look();
  }
  let instance: Instance;
  try {
    instance = makeInstance(id, pointer, registered, device, parts);
    Object.defineProperty(device, "config", parts.own["config"]!);
    synchronous("realize", device.realize?.());
  } catch (error) {
    parts.drop(device);
    throw error;
  }
  install(instance);
  updateRoom(instance, false);
}

/** @throws what makes QEMU refuse the device */
export function realize(id: number, pointer: Pointer): void {
  const { generation } = early.get(id)?.registered ?? classOf(pointer);
  generation.run(realizeInContext, id, pointer);
}

export function unrealize(instance: Instance): void {
  const { id, device, slots, cls, parts, pointer, handlers } = instance;
  qemu.script_instance_hold(pointer, 1);
  dropHandlers(handlers);
  for (const slot of slots) {
    if (slot !== undefined) {
      ports[slot] = undefined;
    }
  }
  instances[id] = undefined;
  endAccesses(instance);
  if (has(cls, "finalize")) {
    late.set(id, device);
  }
  try {
    synchronous("unrealize", device.unrealize?.());
  } finally {
    parts.drop(device);
  }
}

/** It is about to leave the composition tree, realized or not. */
export function unparent(id: number): void {
  const device = instances[id]?.device ?? early.get(id)?.device ?? late.get(id);
  synchronous("unparent", device?.unparent?.());
}

/** The object is gone; what the script could reach of it goes now. */
export function forget(id: number): void {
  const instance = instances[id];
  if (instance !== undefined) {
    // Not a device: nobody unrealizes those, and this one never had a parent.
    unrealize(instance);
  }
  const known = early.get(id);
  const device = known?.device ?? late.get(id);
  early.delete(id);
  late.delete(id);
  known?.parts.drop(known.device);
  try {
    synchronous("finalize", device?.finalize?.());
  } finally {
    qemu.script_instance_free(id);
  }
}

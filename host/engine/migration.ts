/** What a device does when it is saved or loaded. Its state is copied in between, by C, for QEMU to work on. */

import type { Pointer } from "bun:ffi";
import { MAX_BLOB } from "../native/abi.ts";
import { borrow } from "../native/convert.ts";
import { qemu } from "../native/library.ts";
import { type Instance, type ScriptedDevice, synchronous } from "./instances.ts";

/** Asks a method of the device's, or a property; that there is one was checked when the script was loaded. */
function ask(device: ScriptedDevice, name: string): unknown {
  if (!(name in device)) {
    return Reflect.get(Reflect.get(device, "config"), name);
  }
  const answer = (Reflect.get(device, name) as () => unknown).call(device);
  synchronous(name, answer);
  return answer;
}

/** A bit for each subsection that is to be saved, and after them one for the blob. */
function neededSubsections({ device, cls }: Instance, withBlob: boolean): number {
  const subsections = cls.layout.slots.flatMap(({ field }) => field.subsection ?? []);
  let needed = withBlob ? 1 << subsections.length : 0;
  for (const [index, subsection] of subsections.entries()) {
    if (subsection.needed === undefined || ask(device, subsection.needed) === true) {
      needed |= 1 << index;
    }
  }
  return needed >>> 0;
}

function blobOf(device: ScriptedDevice): Uint8Array | undefined {
  const blob = device.save?.();
  synchronous("save", blob);
  if (blob === undefined) {
    return undefined;
  }
  if (!(blob instanceof Uint8Array)) {
    throw new TypeError("save() returned neither a Uint8Array nor undefined");
  }
  if (blob.length > MAX_BLOB) {
    throw new RangeError(`save() returned ${blob.length} bytes: ${MAX_BLOB} at most`);
  }
  return blob;
}

/** Has C take its copy of the state, after `preSave()`. @throws what the device throws */
export function save(instance: Instance): void {
  const { device, pointer } = instance;
  synchronous("preSave", device.preSave?.());
  const blob = blobOf(device);
  qemu.script_instance_snapshot(pointer, neededSubsections(instance, blob !== undefined));
  if (blob !== undefined) {
    qemu.script_instance_set_blob(pointer, blob, blob);
  }
}

function loadBlob({ device, pointer }: Instance, version: number): void {
  const length = qemu.script_instance_blob_length(pointer);
  if (length >= 0) {
    const memory = qemu.script_instance_blob(pointer);
    const bytes = length === 0 ? new ArrayBuffer(0) : borrow(memory as Pointer, length).slice(0);
    synchronous("load", device.load?.(new Uint8Array(bytes), version));
  }
}

/** Has the device look at what was loaded. @returns whether it will have it */
function accepts(instance: Instance, version: number): boolean {
  const { device, cls } = instance;
  for (const name of cls.spec.migration?.validate ?? []) {
    if (ask(device, name) !== true) {
      throw new Error(`${cls.spec.type}: what was loaded makes no sense to ${name}()`);
    }
  }
  loadBlob(instance, version);
  const answer = device.postLoad?.(version);
  synchronous("postLoad", answer);
  return answer !== false;
}

/**
 * Takes over the state that C has read, unless the device refuses it: it has the state from before then.
 *
 * @returns whether it was taken over
 * @throws Error that names the method that the state does not pass, or what the device throws
 */
export function load(instance: Instance, version: number): boolean {
  let accepted = false;
  qemu.script_instance_restore(instance.pointer);
  try {
    accepted = accepts(instance, version);
  } finally {
    if (!accepted) {
      qemu.script_instance_restore(instance.pointer);
    }
  }
  return accepted;
}

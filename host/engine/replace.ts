/** New code for devices that are there: their script was loaded anew. All of it happens with the BQL held. */

import type { Pointer } from "bun:ffi";
import { carry, type OldState, snapshot } from "../device/carry.ts";
import { objectDifference } from "../device/difference.ts";
import { has } from "../device/members.ts";
import { servedBy } from "../device/receivers.ts";
import { qemu } from "../native/library.ts";
import { updateRoom } from "./access.ts";
import { dropHandlers } from "./handlers.ts";
import type { RegisteredClass, ScriptedDevice } from "./instances.ts";
import { type Instance, instances, synchronous } from "./instances.ts";
import { type Early, early, install, makeInstance } from "./lifecycle.ts";
import { configure, makeDevice, makeParts, type Parts } from "./parts.ts";

/** A device of one generation, realized or not, and the class that its type has in the next. */
interface Subject {
  readonly id: number;
  readonly old: Instance | Early;
  readonly next: RegisteredClass;
}

/** A device of the next generation, which nobody calls yet. */
interface Successor extends Subject {
  readonly device: ScriptedDevice;
  readonly parts: Parts;
  /** Undefined before realize. */
  readonly instance: Instance | undefined;
  /** Has its declaration or its initial state changed? */
  readonly anew: boolean;
}

const isInstance = (known: Instance | Early): known is Instance => "slots" in known;

/** Do the two need another state block, or another description of it? */
export function isAnew(old: RegisteredClass, next: RegisteredClass): boolean {
  return old.description !== next.description || !Buffer.from(old.initial).equals(next.initial);
}

/** All devices of the types. */
export function subjectsOf(next: ReadonlyMap<string, RegisteredClass>): Subject[] {
  const known = [
    ...instances.entries().filter((entry): entry is [number, Instance] => entry[1] !== undefined),
    ...early,
  ] as const;
  return known.flatMap(([id, old]) => {
    const registered = next.get(old.registered.cls.spec.type);
    return registered === undefined ? [] : [{ id, old, next: registered }];
  });
}

/** @returns why one of them cannot go on with the new declaration */
export function obstacle(subjects: readonly Subject[]): string | undefined {
  for (const { old, next } of subjects) {
    const difference = objectDifference(old.registered.description, next.description);
    if (difference !== undefined) {
      return `${next.cls.spec.type}: ${difference}, which devices that exist cannot take on`;
    }
  }
  return undefined;
}

/** What a device hands over beside the values of its fields, to new code that asks for it. */
interface Legacy {
  readonly state: OldState | undefined;
  /** What its fields cannot express. */
  readonly bytes: Uint8Array | undefined;
}

function bytesOf({ device, registered }: Instance, next: RegisteredClass): Uint8Array | undefined {
  if (!has(registered.cls, "save") || !has(next.cls, "load")) {
    return undefined;
  }
  const bytes = device.save?.();
  synchronous("save", bytes);
  return bytes instanceof Uint8Array ? bytes.slice() : undefined;
}

/** Takes the state over; the old code brings it up to date for that, as it does before it is saved. */
function inherit({ old, next }: Subject, parts: Parts): Legacy {
  const { device, registered } = old;
  const { layout } = registered.cls;
  const take = (): Legacy => {
    carry(layout, old.parts.views, next.cls.layout, parts.views);
    const bytes = isInstance(old) ? bytesOf(old, next) : undefined;
    const state = has(next.cls, "migrate") ? snapshot(layout, old.parts.views) : undefined;
    return { state, bytes };
  };
  if (!isInstance(old)) {
    return take();
  }
  return registered.generation.run(() => {
    synchronous("preSave", device.preSave?.());
    try {
      return take();
    } finally {
      synchronous("postSave", device.postSave?.());
    }
  });
}

function makeSuccessor(subject: Subject): Successor {
  const { id, old, next } = subject;
  const { pointer, registered } = old;
  const anew = isAnew(registered, next);
  const state = qemu.script_instance_stage(pointer, anew ? 1 : 0) as Pointer;
  const parts = makeParts(pointer, next, state, old.parts.levels);
  const legacy = inherit(subject, parts);
  for (const input of parts.inputs) {
    input.look();
  }
  const realized = isInstance(old);
  if (realized) {
    configure(parts, pointer, next.cls.spec);
  }
  const device = makeDevice(next.cls, parts);
  try {
    const instance = realized ? makeInstance(id, pointer, next, device, parts) : undefined;
    if (legacy.bytes) {
      const { version = 1 } = registered.cls.spec.migration ?? {};
      synchronous("load", device.load?.(legacy.bytes, version));
    }
    if (legacy.state) {
      synchronous("migrate", device.migrate?.(legacy.state));
    }
    return { ...subject, device, parts, instance, anew };
  } catch (error) {
    parts.drop(device);
    throw error;
  }
}

/** @throws what the code of one throws; then nothing has changed for any */
export function makeSuccessors(subjects: readonly Subject[]): Successor[] {
  const made: Successor[] = [];
  try {
    for (const subject of subjects) {
      made.push(subject.next.generation.run(makeSuccessor, subject));
    }
    return made;
  } catch (error) {
    dropSuccessors(made);
    for (const { old } of subjects) {
      qemu.script_instance_drop(old.pointer);
    }
    throw error;
  }
}

function dropSuccessors(successors: readonly Successor[]): void {
  for (const { device, parts } of successors) {
    parts.drop(device);
  }
}

function takePlace({ id, old, next, device, parts, instance, anew }: Successor): void {
  const { pointer } = old;
  old.parts.drop(old.device);
  qemu.script_instance_drop_accessors(pointer);
  qemu.script_instance_commit(pointer, anew ? 1 : 0);
  if (instance === undefined) {
    early.set(id, { pointer, registered: next, device, parts });
    return;
  }
  install(instance);
  if (isInstance(old)) {
    dropHandlers(old.handlers);
  }
  for (const [index, { receive }] of servedBy(next.cls).entries()) {
    qemu.script_instance_receives(pointer, index, receive === undefined ? 0 : 1);
  }
  updateRoom(instance, false);
}

/**
 * Puts the new devices in the places of the old ones.
 *
 * @param letGo is called when none runs the old code any more: what that opened is in the way of what the new one opens
 * @param failed hears what code of theirs throws, which stops nothing
 */
export function replace(
  successors: readonly Successor[],
  letGo: () => void,
  failed: (error: unknown, what: string) => void,
): void {
  const attempt = (what: string, { registered }: Instance | Early, act: () => unknown) => {
    try {
      registered.generation.run(() => synchronous(what, act()));
    } catch (error) {
      failed(error, `${what} of ${registered.cls.spec.type}`);
    }
  };
  for (const { old } of successors) {
    attempt("retire", old, () => old.device.retire?.());
  }
  for (const successor of successors) {
    takePlace(successor);
  }
  letGo();
  for (const { instance } of successors) {
    if (instance) {
      attempt("reloaded", instance, () => instance.device.reloaded?.());
      updateRoom(instance, false);
    }
  }
}

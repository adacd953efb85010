/** New code for devices that are there: their script was loaded anew. All of it happens with the BQL held. */

import type { Pointer } from "bun:ffi";
import { carry, type OldState, snapshot } from "../device/carry.ts";
import { objectDifference } from "../device/difference.ts";
import { has } from "../device/members.ts";
import { servedBy } from "../device/receivers.ts";
import { qemu } from "../native/library.ts";
import { report } from "../script/report.ts";
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
    // An object may be gone, and the script not know yet.
    const gone = registered === undefined || qemu.script_instance_object(old.pointer) === null;
    return gone ? [] : [{ id, old, next: registered }];
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

/** Old code may be wrong: that is why there is new code. What it throws is told, and stops nothing. */
function attempt<T>(what: string, { registered }: Instance | Early, act: () => T): T | undefined {
  try {
    const result = registered.generation.run(act);
    synchronous(what, result);
    return result;
  } catch (error) {
    report(error, `${what} of ${registered.cls.spec.type}`);
    return undefined;
  }
}

function bytesOf(old: Instance, next: RegisteredClass): Uint8Array | undefined {
  if (!has(old.registered.cls, "save") || !has(next.cls, "load")) {
    return undefined;
  }
  const bytes = attempt("save", old, () => old.device.save?.());
  return bytes instanceof Uint8Array ? bytes.slice() : undefined;
}

/** Takes the state over; the old code brings it up to date for that, as it does before it is saved. */
function inherit({ old, next }: Subject, parts: Parts): Legacy {
  const { device, registered } = old;
  const { layout } = registered.cls;
  const realized = isInstance(old) ? old : undefined;
  if (realized) {
    attempt("preSave", realized, () => device.preSave?.());
  }
  carry(layout, old.parts.views, next.cls.layout, parts.views);
  const bytes = realized && bytesOf(realized, next);
  const state = has(next.cls, "migrate") ? snapshot(layout, old.parts.views) : undefined;
  if (realized) {
    attempt("postSave", realized, () => device.postSave?.());
  }
  return { state, bytes };
}

/** Levels of GPIO inputs as the old code was told them: what came since is still to come. */
function inheritInputs(old: Parts, parts: Parts): void {
  for (const [index, input] of parts.inputs.entries()) {
    const { lines } = old.inputs[index]!;
    for (let line = 0; line < lines.count; line++) {
      input.take(line, lines.level(line));
    }
  }
}

function makeSuccessor(subject: Subject): Successor {
  const { id, old, next } = subject;
  const { pointer, registered } = old;
  const anew = isAnew(registered, next);
  const state = qemu.script_instance_stage(pointer, anew ? 1 : 0) as Pointer;
  const parts = makeParts(subject.id, pointer, next, state, old.parts.levels);
  const legacy = inherit(subject, parts);
  inheritInputs(old.parts, parts);
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
  for (const [index, { receive }] of servedBy(next.cls).entries()) {
    qemu.script_instance_receives(pointer, index, receive === undefined ? 0 : 1);
  }
  if (instance === undefined) {
    early.set(id, { pointer, registered: next, device, parts });
    return;
  }
  install(instance);
  if (isInstance(old)) {
    dropHandlers(old.handlers);
  }
  updateRoom(instance, false);
}

/** Devices that are still there: retiring may have taken some away. */
function isLeft({ id, old, device, parts }: Successor): boolean {
  const left = instances[id] === old || early.get(id) === old;
  if (!left) {
    parts.drop(device);
    qemu.script_instance_drop(old.pointer);
  }
  return left;
}

/**
 * Puts the new devices in the places of the old ones. What code of either throws is told, and stops nothing.
 *
 * @param letGo is called when none runs the old code any more: what that opened is in the way of what the new one opens
 */
export function replace(successors: readonly Successor[], letGo: () => void): void {
  for (const { old } of successors) {
    attempt("retire", old, () => old.device.retire?.());
  }
  const left = successors.filter(isLeft);
  for (const successor of left) {
    takePlace(successor);
  }
  letGo();
  for (const { instance } of left) {
    if (instance) {
      attempt("reloaded", instance, () => instance.device.reloaded?.());
      updateRoom(instance, false);
    }
  }
}

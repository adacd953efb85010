/** Input of character devices: bytes, breaks and events, each to the method that the class has for it. */

import { type Chardev, EVENT_NAMES } from "../device/chardev.ts";
import { DeclarationError } from "../device/errors.ts";
import type { Served } from "../device/receivers.ts";
import { CHR_EVENT } from "../native/abi.ts";
import type { Instance, ScriptedDevice } from "./instances.ts";

/** One character device of a device. */
export interface ChardevPort {
  readonly chardev: Chardev;
  readonly served: Served;
}

type Method = (this: object, ...args: unknown[]) => unknown;

/** Calls a method by its name; a trait's has the name of the character device among its arguments. */
function call(device: ScriptedDevice, name: string, ...args: unknown[]): unknown {
  return (Reflect.get(device, name) as Method).apply(device, args);
}

export function receive({ device, chardevs }: Instance, index: number, bytes: Uint8Array): unknown {
  const { key, receive, handlers } = chardevs[index]!.served;
  if (receive === undefined) {
    return undefined;
  }
  return handlers.receive ? call(device, receive, bytes) : call(device, receive, bytes, key);
}

export function chardevEvent({ device, chardevs }: Instance, index: number, number: number): unknown {
  const { key, receiveBreak, event, handlers } = chardevs[index]!.served;
  if (number === CHR_EVENT.BREAK) {
    if (receiveBreak === undefined) {
      return undefined;
    }
    return handlers.receiveBreak ? call(device, receiveBreak) : call(device, receiveBreak, key);
  }
  const name = EVENT_NAMES.get(number);
  if (event === undefined || name === undefined) {
    return undefined;
  }
  return handlers.event ? call(device, event, name) : call(device, event, key, name);
}

// --- room ---------------------------------------------------------------------------------------------------------

function roomOf(device: ScriptedDevice, { key, room }: Served): number {
  const value: unknown = Reflect.get(device, room);
  if (typeof value !== "number") {
    throw new TypeError(`${room}, the room for ${key}, is no number`);
  }
  return value | 0;
}

/** A character device that a device receives from, with its place among all. */
export interface Receiver extends ChardevPort {
  readonly index: number;
}

/**
 * What a device receives from. One that has its room in `room` is found on the fast path.
 *
 * @throws DeclarationError if there is no room for one
 */
export function receiversOf(
  device: ScriptedDevice,
  type: string,
  chardevs: readonly ChardevPort[],
): Pick<Instance, "receiver" | "receivers"> {
  const all = chardevs
    .map((port, index): Receiver => ({ ...port, index }))
    .filter(({ served }) => served.receive !== undefined);
  for (const { chardev, served } of all) {
    if (!(served.room in device)) {
      throw new DeclarationError(`${type}: property ${served.key}: the class receives, but has no room`);
    }
    chardev.roomFrom(() => roomOf(device, served));
  }
  const [first] = all;
  const simple = all.length === 1 && first?.served.room === "room";
  return {
    receiver: simple ? first?.chardev : undefined,
    receivers: simple || first === undefined ? undefined : all,
  };
}

/**
 * @param from place of the one that the device was just given input of, or -1
 * @param locked whether the BQL is held
 */
export function offerRooms(
  device: ScriptedDevice,
  receivers: readonly Receiver[],
  from: number,
  locked: boolean,
): void {
  for (const { chardev, served, index } of receivers) {
    chardev.offer(roomOf(device, served), index === from, locked);
  }
}

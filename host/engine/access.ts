/** Accesses to registers, from wherever; vcpu.ts has the short way for the first vCPU. */

import { Access } from "../device/access.ts";
import {
  ATTR_HANDLER,
  ATTR_NO_WAIT,
  FIBER_FRAME,
  FRAME,
  IRQ,
  KIND,
  MEMTX,
  SHARED,
  STATUS,
} from "../native/abi.ts";
import { qemu, tracing, words } from "../native/library.ts";
import { report } from "../script/report.ts";
import { offerRooms } from "./chardevs.ts";
import type { Handler } from "./handlers.ts";
import { type Instance, instances, type Port, ports } from "./instances.ts";

export function base(frame: number): number {
  return SHARED.words + frame * FRAME.words;
}

const accesses: Access[] = [];

/** What handlers get to see of the access in a frame: one object for each frame. */
export function accessOf(frame: number): Access {
  accesses[frame] ??= new Access(base(frame));
  return accesses[frame];
}

/** Puts what a handler returned, or its promise came to, into the frame. */
function setValue(at: number, value: unknown): void {
  if (typeof value === "bigint") {
    words[at + FRAME.value] = Number(BigInt.asUintN(32, value));
    words[at + FRAME.valueHigh] = Number(BigInt.asUintN(32, value >> 32n));
    return;
  }
  const number = typeof value === "number" ? value : 0;
  words[at + FRAME.value] = number;
  words[at + FRAME.valueHigh] = number > 0xffffffff ? number / 2 ** 32 : 0;
}

/** How long a handler may go on after the machine wants to stop, or the main loop waits for it, in ms. */
const GRACE = 500;

const hex = (value: number) => `0x${value.toString(16)}`;

/** Reports what a handler threw. @returns what the guest reads instead */
export function fail(port: Port, frame: number, error: unknown): number {
  const at = base(frame);
  const verb = words[at + FRAME.kind] === KIND.READ ? "read" : "write";
  report(error, `${verb} of ${port.owner.cls.spec.type} at ${hex(words[at + FRAME.offset]!)}`);
  setValue(at, port.errorValue);
  return port.errorValue;
}

/** Does the access on behalf of a frame; may return a promise, from an asynchronous handler. */
function perform(port: Port, frame: number): unknown {
  const at = base(frame);
  const offset = words[at + FRAME.offset]!;
  const { bank, device } = port;
  const access = accessOf(frame);
  if (words[at + FRAME.kind] === KIND.READ) {
    const read = bank.readers[offset >>> 2];
    return read === undefined ? bank.readOther(device, offset, access) : read.call(device, access);
  }
  const write = bank.writers[offset >>> 2];
  const value = words[at + FRAME.value]!;
  return write === undefined
    ? bank.writeOther(device, offset, value, access)
    : write.call(device, value, access);
}

/** Tells an access to QEMU's tracing, whose text is the script's: a throw there is no failure of the access. */
function tell(port: Port, frame: number, value: unknown): void {
  const at = base(frame);
  const offset = words[at + FRAME.offset]!;
  const size = words[at + FRAME.size]!;
  try {
    if (words[at + FRAME.kind] === KIND.READ) {
      port.trace?.read(port.device, offset, value, size);
    } else {
      port.trace?.write(port.device, offset, words[at + FRAME.value]!, words[at + FRAME.valueHigh]!, size);
    }
  } catch (error) {
    report(error, `trace event of ${port.owner.cls.spec.type}`);
  }
}

/** Does the access while QEMU traces something, perhaps this: writes are told before they are done, reads after. */
function performTraced(port: Port, frame: number): unknown {
  if (words[base(frame) + FRAME.kind] === KIND.WRITE) {
    tell(port, frame, undefined);
    return perform(port, frame);
  }
  const telling = (value: unknown) => {
    tell(port, frame, value);
    return value;
  };
  const value = perform(port, frame);
  return value instanceof Promise ? value.then(telling) : telling(value);
}

/**
 * After any code of the device ran: how much can it receive now?
 *
 * @param taken whether it has just been given what a backend had counted against its room
 * @param from the place of that one among the device's chardevs
 * @param locked whether the BQL is held
 */
export function updateRoom(owner: Instance, taken: boolean, from = 0, locked = true): void {
  const { receiver, receivers } = owner;
  if (receiver === undefined && receivers === undefined) {
    return;
  }
  try {
    if (receiver !== undefined) {
      receiver.offer(owner.device.room! | 0, taken, locked);
    } else {
      offerRooms(owner.device, receivers!, taken ? from : -1, locked);
    }
  } catch (error) {
    noRoom(owner, error);
  }
}

const noRoom = ({ cls }: Instance, error: unknown) => report(error, `room of ${cls.spec.type}`);

/** The same after an access of the first vCPU: by what is at hand. */
export function updateRoomAfter(handler: Handler): void {
  try {
    if (handler.receiver !== undefined) {
      handler.receiver.offer(handler.device.room! | 0);
    } else if (handler.changesRooms) {
      updateRoom(handler.owner, false);
    }
  } catch (error) {
    noRoom(handler.owner, error);
  }
}

/** Serves READ and WRITE. */
export function serveAccess(frame: number): void {
  const at = base(frame);
  const port = ports[words[at + FRAME.target]!];
  if (port === undefined) {
    words[at + FRAME.value] = 0;
    words[at + FRAME.result] = MEMTX.ERROR;
    words[at + FRAME.status] = STATUS.DONE;
    return;
  }
  const { owner } = port;
  if (owner.queue !== undefined) {
    owner.queue.push(frame);
    words[at + FRAME.status] = STATUS.PENDING;
    if (words[at + FRAME.attrs]! & ATTR_NO_WAIT) {
      impatient.set(
        frame,
        setTimeout(() => giveUp(port, frame), GRACE),
      );
    }
    return;
  }
  let value: unknown;
  owner.active++;
  try {
    value = tracing[0] === 0 ? perform(port, frame) : performTraced(port, frame);
  } catch (error) {
    value = fail(port, frame, error);
  }
  owner.active--;
  answer(port, frame, value);
}

/** Gives the guest what a handler returned, or will. */
export function answer(port: Port, frame: number, value: unknown): void {
  const at = base(frame);
  if (value instanceof Promise) {
    if (words[at + FRAME.attrs]! & ATTR_NO_WAIT) {
      value.catch(() => {});
      refuse(port, frame);
    } else if (qemu.script_replay_active() !== 0) {
      // How long it takes would have to be in the log.
      value.catch(() => {});
      fail(port, frame, new TypeError("a handler cannot be asynchronous with record/replay"));
      words[at + FRAME.status] = STATUS.DONE;
    } else {
      wait(port, frame, value);
    }
    return;
  }
  setValue(at, value);
  updateRoom(port.owner, false);
  words[at + FRAME.status] = STATUS.DONE;
}

/** Is one of its handlers on the stack? An access from there comes from the device itself. */
export function isActive(owner: Instance): boolean {
  const at = base(FIBER_FRAME);
  const byNumber =
    words[SHARED.irqOwner] !== IRQ.NEVER &&
    words[at + FRAME.status] === STATUS.ASKED &&
    (words[at + FRAME.attrs]! & ATTR_HANDLER) !== 0;
  return owner.active > 0 || (byNumber && ports[words[at + FRAME.target]!]?.owner === owner);
}

/** Serves an access that a script caused, through C, from inside a handler. */
export function serveNestedAccess(frame: number): void {
  const at = base(frame);
  words[at + FRAME.attrs]! |= ATTR_NO_WAIT;
  const owner = ports[words[at + FRAME.target]!]?.owner;
  if (owner !== undefined && isActive(owner)) {
    report(new Error(`${owner.cls.spec.type} accesses itself`), "access from its own handler");
    words[at + FRAME.value] = 0;
    words[at + FRAME.result] = MEMTX.ACCESS_ERROR;
    words[at + FRAME.status] = STATUS.DONE;
    return;
  }
  const port = ports[words[at + FRAME.target]!];
  if (port?.owner.queue !== undefined) {
    refuse(port, frame);
    return;
  }
  serveAccess(frame);
}

/** Accesses in queues that cannot wait long. */
const impatient = new Map<number, ReturnType<typeof setTimeout>>();

/** The main loop must not wait for good behind a handler that does not settle. */
function giveUp(port: Port, frame: number): void {
  const { queue } = port.owner;
  const place = queue?.indexOf(frame) ?? -1;
  if (queue !== undefined && place >= 0) {
    queue.splice(place, 1);
    refuse(port, frame);
    finish(frame);
  }
}

/** An asynchronous handler, and a caller that cannot wait: only a vCPU can. */
function refuse(port: Port, frame: number): void {
  const at = base(frame);
  fail(port, frame, new TypeError("an asynchronous handler can answer a vCPU only"));
  words[at + FRAME.result] = MEMTX.ERROR;
  words[at + FRAME.status] = STATUS.DONE;
}

// --- asynchronous handlers ---------------------------------------------------------------------------------------

interface Waiting {
  readonly port: Port;
  readonly frame: number;
}

const waiting = new Map<number, Waiting>();

function wait(port: Port, frame: number, promise: Promise<unknown>): void {
  const entry = { port, frame };
  words[base(frame) + FRAME.status] = STATUS.PENDING;
  waiting.set(frame, entry);
  port.owner.queue = [];
  qemu.script_instance_hold(port.owner.pointer, 1);
  promise.then(
    (value) => settle(entry, value),
    (error: unknown) => settle(entry, waiting.get(frame) === entry ? fail(port, frame, error) : 0),
  );
}

function settle(entry: Waiting, value: unknown): void {
  const { port, frame } = entry;
  if (waiting.get(frame) !== entry) {
    return;
  }
  waiting.delete(frame);
  setValue(base(frame), value);
  if (instances[port.owner.id] === port.owner) {
    updateRoom(port.owner, false, 0, false);
  }
  const queue = port.owner.queue ?? [];
  port.owner.queue = undefined;
  finish(frame);
  for (const next of queue) {
    clearTimeout(impatient.get(next));
    serveAccess(next);
    if (words[base(next) + FRAME.status] === STATUS.DONE) {
      finish(next);
    }
  }
  const { owner } = port;
  if (instances[owner.id] === owner && owner.queue === undefined) {
    qemu.script_instance_hold(owner.pointer, 0);
  }
}

/** Wakes the vCPU that waits for the frame. */
function finish(frame: number): void {
  qemu.script_done(frame);
}

/** A device is unrealized: its asynchronous handler has some time left, for what it waits for may never come now. */
export function endAccesses(owner: Instance): void {
  for (const entry of waiting.values()) {
    if (entry.port.owner === owner) {
      setTimeout(() => giveNothing(entry), GRACE);
    }
  }
}

/** Is an asynchronous handler of the device not through? */
export function isWaiting(owner: Instance): boolean {
  return owner.queue !== undefined;
}

/** Ends the asynchronous access to a device, and those behind it, without waiting for its handler. */
export function abandon(owner: Instance): void {
  for (const entry of [...waiting.values()]) {
    if (entry.port.owner === owner) {
      settle(entry, entry.port.errorValue);
    }
  }
}

function giveNothing(entry: Waiting): void {
  if (waiting.get(entry.frame) === entry) {
    words[base(entry.frame) + FRAME.result] = MEMTX.ERROR;
    settle(entry, 0);
  }
}

/** Ends asynchronous accesses whose vCPU must not wait any longer; call it now and then. */
export function endAborted(): void {
  if (waiting.size === 0) {
    return;
  }
  for (const entry of waiting.values()) {
    if (words[base(entry.frame) + FRAME.abort] === 1) {
      words[base(entry.frame) + FRAME.abort] = 2;
      setTimeout(() => settle(entry, entry.port.errorValue), GRACE);
    }
  }
}

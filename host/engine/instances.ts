import type { Pointer } from "bun:ffi";
import type { Bank } from "../device/bank.ts";
import type { AccessTrace } from "../device/bank-trace.ts";
import type { OldState } from "../device/carry.ts";
import type { Chardev } from "../device/chardev.ts";
import type { ClockRate } from "../device/clocks.ts";
import type { DeviceClass, QomObject } from "../device/device.ts";
import type { InputPort } from "../device/gpio.ts";
import type { HasViews } from "../device/state.ts";
import type { HasTimers, Timer } from "../device/timer.ts";
import type { ResetType } from "../device/traits.ts";
import type { ChardevPort, Receiver } from "./chardevs.ts";
import type { ClockPort } from "./clocks.ts";
import type { Parts } from "./parts.ts";

/** Methods of the traits, as the engine looks for them. */
export interface Traits {
  init?(): unknown;
  realize?(): unknown;
  unrealize?(): unknown;
  unparent?(): unknown;
  finalize?(): unknown;
  nmi?(cpu: number): unknown;
  reset?(): unknown;
  resetEnter?(type: ResetType): unknown;
  resetHold?(type: ResetType): unknown;
  resetExit?(type: ResetType): unknown;
  readonly room?: number;
  receive?(bytes: Uint8Array, name: string): unknown;
  receiveBreak?(name: string): unknown;
  chardevEvent?(name: string, event: string): unknown;
  gpioChanged?(name: string, line: number, level: boolean): unknown;
  preSave?(): unknown;
  postSave?(): unknown;
  preLoad?(): unknown;
  postLoad?(version: number): unknown;
  migrate?(old: OldState): unknown;
  reloaded?(): unknown;
  retire?(): unknown;
  save?(): unknown;
  load?(bytes: Uint8Array, version: number): unknown;
  clockChanged?(name: string, rate: ClockRate): unknown;
  configRead?(address: number, length: number): unknown;
  configWrite?(address: number, value: number, length: number): unknown;
}

export type ScriptedDevice = QomObject & HasViews & HasTimers & Traits;

/** One region of one device, as an access finds it. */
export interface Port {
  readonly owner: Instance;
  readonly device: ScriptedDevice;
  readonly bank: Bank;
  /** Tells its accesses. */
  readonly trace: AccessTrace | undefined;
  /** What the guest reads when the handler fails. */
  readonly errorValue: number;
}

/** The method that a timer calls, as the script wrote it. */
export interface Expiry {
  /** Of the field. */
  readonly name: string;
  /** Place in an array; 0 for one by itself. */
  readonly index: number;
  readonly method: string;
  readonly timer: Timer;
  readonly run: (this: ScriptedDevice, name: string, index: number) => unknown;
}

/** One device, from realize to unrealize. */
export interface Instance {
  readonly id: number;
  readonly pointer: Pointer;
  /** Its class, as of the generation whose code it runs. */
  readonly registered: RegisteredClass;
  readonly cls: DeviceClass;
  readonly device: ScriptedDevice;
  readonly parts: Parts;
  readonly chardevs: readonly ChardevPort[];
  /** The chardev that it receives from, if it is one, with `room` for it. */
  readonly receiver: Chardev | undefined;
  /** Those that it receives from otherwise. */
  readonly receivers: readonly Receiver[] | undefined;
  readonly inputs: readonly InputPort[];
  /** Of its regions; undefined for those that no script serves. */
  readonly slots: readonly (number | undefined)[];
  /** What it does when its clock inputs change. */
  readonly clocks: readonly ClockPort[];
  /** What each of its timers does when it expires. */
  readonly expiries: readonly Expiry[];
  /** Numbers of the handlers of its registers. */
  readonly handlers: number[];
  /** Accesses that wait until an asynchronous one is over; undefined while none is. */
  queue: number[] | undefined;
  /** How many of its handlers are on the stack, but for one that was asked for by its number: see isActive(). */
  active: number;
}

/** What serves a region's accesses. */
export interface RegionCode {
  readonly bank: Bank;
  readonly trace: AccessTrace | undefined;
}

/** What one loading of a script made. */
export interface Generation {
  /** Runs code of the script: timers, sockets and servers that it opens are the generation's. */
  run<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): R;
}

/** A class that has a QOM type. */
export interface RegisteredClass {
  readonly generation: Generation;
  readonly cls: DeviceClass;
  /** For each region; undefined for one that the guest uses without a script. */
  readonly regions: readonly (RegionCode | undefined)[];
  /** ScriptType of qapi/script.json. */
  readonly description: string;
  /** Its state block before the first reset. */
  readonly initial: Uint8Array;
}

/** By region slot. */
export const ports: (Port | undefined)[] = [];

/** By instance id. */
export const instances: (Instance | undefined)[] = [];

/** Device classes that scripts registered, by the name of their type, with what each region does. */
export const classes = new Map<string, RegisteredClass>();

/** Only the guest can wait for a promise; QEMU cannot. @throws TypeError that names the method */
export function synchronous(name: string, result: unknown): void {
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new TypeError(`${name}() cannot be asynchronous: only methods that read and write registers can`);
  }
}

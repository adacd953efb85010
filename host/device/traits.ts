/**
 * What a device may do beyond having registers. Each trait is a small interface; a device implements those it needs,
 * and what it does not implement is not installed.
 */

import type { OldState } from "./carry.ts";
import type { ChardevEvent } from "./chardev.ts";
import type { ClockRate } from "./clocks.ts";

/** What a method returns that nobody waits for: nothing. Only methods that read and write registers can be `async`. */
// biome-ignore lint/suspicious/noConfusingVoidType: `void` by itself lets a promise pass
export type Synchronous = void | undefined;

/** Acts as soon as there is an object of its type: properties are not set yet, and `config` is not known. */
export interface Initializable {
  init(): Synchronous;
}

/** Leaves the composition tree; if it is realized, that ends afterwards. */
export interface Unparentable {
  unparent(): Synchronous;
}

/** Learns, some time after, that its object is gone. Nothing of QEMU's can be used any more. */
export interface Finalizable {
  finalize(): Synchronous;
}

/** Takes the monitor's `inject-nmi` and `nmi`; the declaration names the interface: `interfaces: ["nmi"]`. */
export interface NmiHandler {
  /** @param cpu index of the monitor's CPU */
  nmi(cpu: number): Synchronous;
}

/** Comes into being, with its configuration known. A throw refuses the device with that message. */
export interface Realizable {
  realize(): Synchronous;
}

/** Goes away: `device_del`, or a failed start. */
export interface Unrealizable {
  unrealize(): Synchronous;
}

/**
 * Has more to do at a reset than to take on the reset values of its fields, which the host does before. The simple form:
 * all happens in the hold phase, in which lines may be driven.
 */
export interface Resettable {
  reset(): Synchronous;
}

/** Why a reset: the machine's, or a bus's; a snapshot is about to be loaded; the machine wakes up; two of s390's CPUs. */
export type ResetType = "cold" | "snapshot-load" | "wakeup" | "s390-cpu-initial" | "s390-cpu-normal";

/**
 * Takes on its reset values, which the host does before, and does what else concerns nobody but itself: it must not drive
 * lines or access memory. All devices of a reset have entered it before the first of them is held in it. Like each phase,
 * it comes after that of a parent type of QEMU's.
 */
export interface ResetEnter {
  resetEnter(type: ResetType): Synchronous;
}

/** Acts on others, now that all are in reset: drives its lines to their inactive levels. */
export interface ResetHold {
  resetHold(type: ResetType): Synchronous;
}

/** Leaves the reset: starts what runs by itself. */
export interface ResetExit {
  resetExit(type: ResetType): Synchronous;
}

/**
 * Takes input from its character devices, except from those that name methods of their own. Input comes after what the
 * device is doing: a backend that answers at once, even into the same device, is heard when the handler that wrote to it
 * is over.
 */
export interface CharReceiver {
  /** Bytes that can be received now. Of several character devices, each needs room of its own: name it there. */
  readonly room: number;
  /**
   * Never more than {@link room} bytes; they are valid only during the call.
   *
   * @param name key of the character device's property
   */
  receive(bytes: Uint8Array, name: string): Synchronous;
  /** The line was held low for longer than a character. */
  receiveBreak?(name: string): Synchronous;
}

/** Takes note of what becomes of the other end of its character devices. */
export interface ChardevListener {
  /** @param name key of the character device's property */
  chardevEvent(name: string, event: ChardevEvent): Synchronous;
}

/**
 * Takes note of its GPIO inputs, except of those that name a method of their own.
 *
 * It is called each time that a line is driven, also with the level that the line had; in the order in which lines were
 * driven; before the guest's next instruction and before the next access; and never in the middle of a handler, its own or
 * another device's (one that awaits something is not in the middle). So a line that leads from a device to itself,
 * directly or through others, is safe. Changes that follow from each other without end (a ring of inverters) are cut off
 * after 64, with a warning.
 */
export interface GpioListener {
  /**
   * @param name key of the array in `inputs`
   * @param line place in it
   * @param level true is high
   */
  gpioChanged(name: string, line: number, level: boolean): Synchronous;
}

/** Brings its state up to date before it is migrated or saved. A throw makes that fail with its message. */
export interface PreSave {
  preSave(): Synchronous;
}

/** Takes note that its state was migrated or saved, or that this failed. */
export interface PostSave {
  postSave(): Synchronous;
}

/**
 * Prepares its state for being overwritten: what a stream of an older version lacks keeps its value. A throw makes the
 * migration fail with that message.
 */
export interface PreLoad {
  preLoad(): Synchronous;
}

/**
 * Migrates what fields cannot express, as bytes of its own making. They are in a subsection that devices without this
 * trait do not have, of the section's version.
 */
export interface Saver {
  /** At most 16 MiB; undefined if there is nothing to save. */
  save(): Uint8Array | undefined;
  /**
   * Takes back what {@link save} made; called before `postLoad()`, and not at all if the stream has none. When the script
   * is loaded anew, the new code's takes what the old code's `save()` made.
   *
   * @param bytes a copy, the device's to keep
   * @param version of the section that is loaded, or of the old code
   * @throws anything, which makes the migration fail with that message, or leaves the old code in charge
   */
  load(bytes: Uint8Array, version: number): Synchronous;
}

/**
 * Checks or mends its state after a migration. A throw makes the migration fail with that message, and `false` with no
 * more than QEMU's own, as of a device in C whose `post_load` returns -1.
 */
export interface PostLoad {
  /** @param version of the stream */
  postLoad(version: number): boolean | Synchronous;
}

/** Acts when one of its timers expires that names no method of its own. */
export interface TimerListener {
  /**
   * @param name of the field
   * @param index place in an array of timers; 0 for one by itself
   */
  timerExpired(name: string, index: number): Synchronous;
}

/**
 * Answers the guest's reads of a PCI device's configuration space. What it does not know,
 * `this.pci.defaultConfigRead()` does.
 */
export interface ConfigReader {
  /** @param length 1, 2 or 4 bytes, at `address` in configuration space */
  configRead(address: number, length: number): number;
}

/**
 * Takes the guest's writes to a PCI device's configuration space. Nothing happens but what it does: it calls
 * `this.pci.defaultConfigWrite()` for all that is as on other devices.
 */
export interface ConfigWriter {
  /** @param length 1, 2 or 4 bytes, at `address` in configuration space */
  configWrite(address: number, value: number, length: number): Synchronous;
}

/** Takes note when one of its clock inputs changes, except those that name a method of their own. */
export interface ClockListener {
  /**
   * @param name of the clock input
   * @param rate what the clock changed to; it may have changed again since
   */
  clockChanged(name: string, rate: ClockRate): Synchronous;
}

/**
 * Makes of the old state what the new code wants, when the script was loaded anew while the machine runs. Before it is
 * called, fields have the values of those of the same name, if these are of the same kind or of integers that fit in any
 * case; other fields have their reset values; and `load()` has taken what the old code's `save()` made.
 */
export interface Migrator {
  /**
   * Changes the state, and acts on nobody else: while it runs, the old code is in charge, and another device may still
   * refuse the new one.
   *
   * @param old what the fields held under the old code, by their names. Who knows those may say so:
   * `migrate(old: { readonly seconds: number })`
   * @throws anything, which leaves the old code in charge of all devices of the script
   */
  migrate(old: OldState): Synchronous;
}

/**
 * Takes over from older code a device that is realized: makes what {@link Realizable.realize} made in JavaScript, such as
 * servers and properties with accessors. Neither `init()` nor `realize()` is called again. What QEMU has of the device is
 * there: state, timers, levels of lines, children, connections.
 */
export interface Reloaded {
  /** Called once all devices of the script run the new code. A throw is printed, and changes nothing. */
  reloaded(): Synchronous;
}

/**
 * Lets go of the device, because new code takes over; `unrealize()` is not called. It closes the servers and sockets that
 * methods of its registers opened, and what is outside of the process. Timers, and what its other methods and its module
 * opened, end by themselves.
 */
export interface Retiring {
  /**
   * The last that the old code does with the device: what it keeps of it throws {@link StaleError} from then on. What this
   * writes to the state is lost: the new code has it already. A throw is printed, and changes nothing.
   */
  retire(): Synchronous;
}

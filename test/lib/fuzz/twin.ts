/**
 * What a differential test must know of a device that exists twice, in C and as a script. One such description for each
 * device; the driver does the rest.
 *
 * An operation is one line of text, so that a sequence of them can be printed, kept and done again:
 *
 *     readb|readw|readl|readq PLACE           an access of 1, 2, 4 or 8 bytes, aligned or not
 *     writeb|writew|writel|writeq PLACE VALUE
 *     dump PLACE SIZE                         reads SIZE bytes, as a guest would who copies them
 *     pin LINE LEVEL                          drives an incoming line
 *     clock NS                                lets virtual time pass
 *     input BYTE...                           bytes come on the serial line: as soon as there is room for them
 *     offer BYTE...                           as many bytes come as there is room for, if none wait
 *     break                                   a break comes on the serial line
 *     reset                                   of the machine
 *     trace on|off                            the twin's trace events are told, or not: C serves some registers of a
 *                                             script only while nothing is traced
 *
 * PLACE is an offset in the device, or `SPACE+OFFSET` in another of the board's {@link Site.spaces}.
 */

import type { Qemu } from "../qemu.ts";

/** A random number from 0 below `limit`. */
export type Below = (limit: number) => number;

/** Where a device is in a running machine. */
export interface Site {
  /** QOM path of the device. */
  readonly path: string;
  /** Absolute addresses; the device's own registers have the name "". */
  readonly spaces: Readonly<Record<string, number>>;
}

export interface Board {
  /** Options of QEMU that make the machine with QEMU's own model. */
  readonly args: readonly string[];
  /** The type there that the script takes the place of. */
  readonly replaces: string;
  /** The type of the script's that does, if it is not what it exports as default. */
  readonly by?: string;
  /** Whether the board's serial port `chardev:uart` is the device's. */
  readonly serial?: boolean;
  /** Finds the device, brings it to work as firmware would, and lets qtest follow lines. */
  start(qemu: Qemu): Promise<Site>;
}

/** Knows how many bytes a device would take from its serial line; follows what is done with it. */
export interface Receiver {
  readonly room: number;
  /** One access as it comes to the device: 4 bytes at most, and aligned. */
  read(offset: number): void;
  write(offset: number, value: number): void;
  received(bytes: number): void;
  receivedBreak(): void;
  reset(): void;
}

/** Does an operation in between, of which nothing is compared. @returns what it read */
export type Ask = (operation: string) => Promise<bigint>;

export interface Twin {
  readonly name: string;
  /** The script that is compared with QEMU's model. */
  readonly script: string;
  readonly boards: Readonly<Record<string, Board>>;
  /** A read that changes nothing. A script has had what came before it when it serves it. */
  readonly tick: string;
  /** Trace events that are compared too: names and patterns. */
  readonly traces?: readonly string[];
  /** The next operations, some that belong together. */
  next(below: Below, board: string): readonly string[];
  receiver?(): Receiver;
  /** Waits until a device is done with an operation that it goes on with by itself. */
  wait?(operation: string, ask: Ask): Promise<void> | undefined;
  /** What is compared of the guest's errors that it logged, and of its trace events. */
  logged?(text: string): string;
}

/** QEMU's trace events, which users switch by `-trace` and the monitor's `trace-event`. */

import type { Pointer } from "bun:ffi";
import { borrow, cstring } from "../native/convert.ts";
import { qemu } from "../native/library.ts";
import { DeclarationError } from "./errors.ts";

/** A trace event: call it with what is to be said. */
export interface TraceEvent {
  /** A function is run only if somebody wants to see the event. */
  (text: string | (() => string)): void;
  /** Does somebody want to see it? One load from memory. */
  readonly enabled: boolean;
}

/** One access, as its trace event tells it. */
export interface TracedAccess {
  /** Bytes from the start of the region. */
  readonly offset: number;
  /** What was read or written. */
  readonly value: number | bigint;
  /** Bytes. */
  readonly size: number;
  /** Does the guest write? */
  readonly writes: boolean;
  /** The register there, such as `LCRH`, or `LOAD[2]` of an array. */
  readonly register: string | undefined;
  /** The fields of the register that are not 0, such as `FEN WLEN=3`. */
  readonly fields: string;
}

/** The trace events of a region. */
export interface TraceSpec {
  /** Name of the event of each read. */
  readonly read?: string;
  /** Name of the event of each write. */
  readonly write?: string;
  /** What follows the event's name; `LCRH <- 0x70 FEN WLEN=3` if absent. */
  readonly text?: (access: TracedAccess) => string;
}

/** Letters, digits and underscores: no pattern, no blank. */
export const isEventName = (name: string): boolean => /^\w+$/.test(name);

const events = new Map<string, TraceEvent>();

/**
 * The event of this name: QEMU's own if it has one, otherwise it has one now.
 *
 * @throws DeclarationError if it is no name for an event
 */
export function traceEvent(name: string): TraceEvent {
  const known = events.get(name);
  if (known) {
    return known;
  }
  if (!isEventName(name)) {
    throw new DeclarationError(`'${name}' is no name for a trace event`);
  }
  const state = new Uint16Array(borrow(qemu.script_trace_event(cstring(name)) as Pointer, 2));
  const event = (text: string | (() => string)) => {
    if (state[0] !== 0) {
      const words = typeof text === "function" ? text() : text;
      qemu.script_trace(name, cstring(words.replaceAll("\0", "")));
    }
  };
  Object.defineProperty(event, "enabled", { get: () => state[0] !== 0 });
  events.set(name, event as TraceEvent);
  return event as TraceEvent;
}

/** The trace events of a type, by their names. */
export function traceEvents(names: readonly string[]): Readonly<Record<string, TraceEvent>> {
  return Object.freeze(Object.fromEntries(names.map((name) => [name, traceEvent(name)])));
}

const hex = (value: number | bigint) => `0x${value.toString(16)}`;

/** What an event says of an access if its device does not say it otherwise. */
export function accessText({ offset, value, writes, register, fields }: TracedAccess): string {
  const text = `${register ?? hex(offset)} ${writes ? "<-" : "->"} ${hex(value)}`;
  return fields ? `${text} ${fields}` : text;
}

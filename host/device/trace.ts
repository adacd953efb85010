/** QEMU's trace events, which users switch by `-trace` and the monitor's `trace-event`. */

import type { Pointer } from "bun:ffi";
import { borrow, cstring } from "../native/convert.ts";
import { qemu } from "../native/library.ts";
import type { DeviceRef } from "../qom/devices.ts";
import { DeclarationError } from "./errors.ts";
import { hex } from "./hex.ts";
import { fromSource } from "./source.ts";

/** A trace event: call it with what it is to tell. */
export interface TraceEvent<Args extends readonly unknown[]> {
  (...args: Args): void;
  /** Does somebody want to see it? One load from memory. */
  readonly enabled: boolean;
}

/** What follows the name of an event: made of what the event is called with, only if somebody wants to see it. */
export type TraceText = (...args: never[]) => string;

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
  /** Its key in the table: `LOAD` for `LOAD[2]`. */
  readonly name: string | undefined;
  /** The fields of the register that are not 0, such as `FEN WLEN=3`. */
  readonly fields: string;
}

/** The trace events of a region. */
export interface TraceSpec {
  /** Name of the event of each read. */
  readonly read?: string;
  /** Name of the event of each write. */
  readonly write?: string;
  /**
   * What follows the event's name; `LCRH <- 0x70 FEN WLEN=3` if absent. TypeScript wants the types of its parameters:
   * `({ offset }: TracedAccess, { path }: DeviceRef) => ...`.
   */
  readonly text?: (access: TracedAccess, device: DeviceRef) => string;
}

/** Letters, digits and underscores: no pattern, no blank. */
export const isEventName = (name: string): boolean => /^\w+$/.test(name);

/** By event: a word that is not 0 if somebody wants to see it. */
const states = new Map<string, Uint16Array>();

/** The state of the event of this name: QEMU's own if it has one, otherwise it has one now. */
function stateOf(name: string): Uint16Array {
  if (!isEventName(name)) {
    throw new DeclarationError(`'${name}' is no name for a trace event`);
  }
  let state = states.get(name);
  if (state === undefined) {
    state = new Uint16Array(borrow(qemu.script_trace_event(cstring(name)) as Pointer, 2));
    states.set(name, state);
  }
  return state;
}

/**
 * An event of QEMU's tracing.
 *
 * @throws DeclarationError if it is no name for an event
 */
export function traceEvent<Args extends readonly unknown[]>(
  name: string,
  text: (...args: Args) => string,
): TraceEvent<Args> {
  return switchedEvent(stateOf(name), name, text);
}

/** To call it costs one load from memory while nobody wants to see it; nothing is allocated. */
export function switchedEvent<Args extends readonly unknown[]>(
  state: Uint16Array,
  name: string,
  text: (...args: Args) => string,
): TraceEvent<Args> {
  const told = {
    tell: (...args: Args) => qemu.script_trace(name, cstring(text(...args).replaceAll("\0", ""))),
  };
  // A member that nobody asked for yet is no way out for the JIT compiler, which so keeps what it knows of the device.
  const event = fromSource("(...args) => { if (state[0] !== 0) told.tell(...args); }", {
    state,
    told,
  }) as object;
  Object.defineProperty(event, "enabled", { get: () => state[0] !== 0 });
  return event as TraceEvent<Args>;
}

/** The trace events of a type, by their names. */
export function traceEvents(texts: Readonly<Record<string, TraceText>>): object {
  const events = Object.entries(texts).map(([name, text]) => [name, traceEvent(name, text)]);
  return Object.freeze(Object.fromEntries(events));
}

/** What an event says of an access if its device does not say it otherwise. */
export function accessText({ offset, value, writes, register, fields }: TracedAccess): string {
  const text = `${register ?? hex(offset)} ${writes ? "<-" : "->"} ${hex(value)}`;
  return fields ? `${text} ${fields}` : text;
}

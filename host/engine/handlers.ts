/**
 * The handlers of registers, by the numbers that C calls them by: an access of the first vCPU to a register finds its
 * handler without a look at the region or the offset.
 */

import { wordTable } from "../device/direct.ts";
import type { Reader, Writer } from "../device/register-code.ts";
import type { Instance, Port, ScriptedDevice } from "./instances.ts";

/** One register's reads, or its writes. */
export interface Handler {
  readonly port: Port;
  readonly owner: Instance;
  readonly device: ScriptedDevice;
  readonly read: Reader | undefined;
  readonly write: Writer | undefined;
  /** Can the room for input be another afterwards? */
  readonly changesRoom: boolean;
}

/** By number; C takes 0 for none. */
export const handlers: (Handler | undefined)[] = [undefined];
/** Numbers that nobody has any more. */
const spare: number[] = [];

function add(handler: Handler): number {
  const number = spare.pop() ?? handlers.length;
  handlers[number] = handler;
  return number;
}

/** Gives numbers to the handlers of a region. @returns what C is told of its words, and the numbers */
export function addHandlers(port: Port): {
  readonly table: Uint32Array;
  readonly numbers: readonly number[];
} {
  const { bank, owner, device } = port;
  const receives = owner.receiver !== undefined || owner.receivers !== undefined;
  const make = (read: Reader | undefined, write: Writer | undefined, plain: boolean): number =>
    read === undefined && write === undefined
      ? 0
      : add({ port, owner, device, read, write, changesRoom: receives && !plain });
  const readers = bank.readers.map((read, word) =>
    bank.direct[word]?.reads ? 0 : make(read, undefined, bank.plain[word]!),
  );
  // A direct one may still have a handler, for the bits that are watched.
  const writers = bank.writers.map((write) => make(undefined, write, false));
  const table = wordTable(bank.direct, readers, writers);
  return { table, numbers: [...readers, ...writers].filter((number) => number !== 0) };
}

/** C does not use them any more. */
export function dropHandlers(numbers: readonly number[]): void {
  for (const number of numbers) {
    handlers[number] = undefined;
    spare.push(number);
  }
}

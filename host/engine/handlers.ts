/**
 * The handlers of registers, by the numbers that C calls them by: an access of the first vCPU to a register finds its
 * handler without a look at the region or the offset.
 */

import type { Chardev } from "../device/chardev.ts";
import { wordTable } from "../device/direct.ts";
import type { IoRegionSpec } from "../device/regions.ts";
import type { Reader, Writer } from "../device/register-code.ts";
import { FIBER_FRAME, FRAME } from "../native/abi.ts";
import { words } from "../native/library.ts";
import { base } from "./access.ts";
import type { Instance, Port, ScriptedDevice } from "./instances.ts";

/** One register's reads, or its writes. */
export interface Handler {
  readonly port: Port;
  readonly owner: Instance;
  readonly device: ScriptedDevice;
  readonly read: Reader | undefined;
  readonly write: Writer | undefined;
  /** The room for input may be another afterwards: of this chardev, if `room` is it ... */
  readonly receiver: Chardev | undefined;
  /** ... and of all that the device has, if not. */
  readonly changesRooms: boolean;
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

/** What C is told of a region. */
export interface Numbered {
  /** Of its words, with the numbers of their handlers. */
  readonly table: Uint32Array;
  /** Of what handles all accesses, in a region without registers; or 0. */
  readonly reader: number;
  readonly writer: number;
  /** All of them. */
  readonly numbers: readonly number[];
}

/** What serves the accesses of a region that has no registers, but methods of its own. */
function handlersOfAll({ bank }: Port, { handled }: IoRegionSpec) {
  if (bank.readers.length > 0) {
    return {};
  }
  const offset = base(FIBER_FRAME) + FRAME.offset;
  const write: Writer = function (value, access) {
    return bank.writeOther(this, words[offset]!, value, access);
  };
  const read: Reader = function (access) {
    return bank.readOther(this, words[offset]!, access);
  };
  // The answer to a number has 4 bytes.
  return handled?.max === 8 ? { write } : { read, write };
}

/** Gives numbers to the handlers of a region. */
export function addHandlers(port: Port, spec: IoRegionSpec): Numbered {
  const { bank, owner, device } = port;
  const make = (read: Reader | undefined, write: Writer | undefined, plain = false): number =>
    read === undefined && write === undefined
      ? 0
      : add({
          port,
          owner,
          device,
          read,
          write,
          receiver: plain ? undefined : owner.receiver,
          changesRooms: owner.receivers !== undefined && !plain,
        });
  const readers = bank.readers.map((read, word) =>
    bank.direct[word]?.reads ? 0 : make(read, undefined, bank.plain[word]!),
  );
  // A direct one may still have a handler, for the bits that are watched.
  const writers = bank.writers.map((write) => make(undefined, write));
  const all = handlersOfAll(port, spec);
  const [reader, writer] = [make(all.read, undefined), make(undefined, all.write)];
  const numbers = [...readers, ...writers, reader, writer].filter((number) => number !== 0);
  return { table: wordTable(bank.direct, readers, writers), reader, writer, numbers };
}

/** C does not use them any more. */
export function dropHandlers(numbers: readonly number[]): void {
  for (const number of numbers) {
    handlers[number] = undefined;
    spare.push(number);
  }
}

/**
 * Direct registers: those whose reading or writing is no more than a load from the state, or a store to it, as the
 * declaration says. C serves them by itself, from the same memory, and no code of the script runs.
 */

import { DIRECT, WORD_WORDS } from "../native/abi.ts";
import { type Masks, masksOf, partsOf } from "./bits.ts";
import type { DeviceClass } from "./device.ts";
import type { FieldKind } from "./fields.ts";
import { clears, stores } from "./register-check.ts";
import type { One } from "./register-code.ts";
import type { AnyRegister } from "./registers.ts";

/** What C does by itself for one word of a region: see ScriptWord of api.h. */
export interface Direct {
  readonly reads: boolean;
  readonly writes: boolean;
  /** Of the field in the state block, in bytes. */
  readonly offset: number;
  /** Of the field: 1, 2 or 4 bytes; 0 for a constant. */
  readonly size: number;
  /** Bits that a read shows; the value itself, of a constant. */
  readonly shown: number;
  readonly masks: Pick<Masks, "rw" | "w1c" | "w1s" | "w0c" | "wc">;
  /** Writing a 1 to one of these is the script's to tell. */
  readonly watched: number;
}

const ALL = 0xffffffff;
const NOTHING = { rw: 0, w1c: 0, w1s: 0, w0c: 0, wc: 0 };
const NOT_DIRECT: Direct = {
  reads: false,
  writes: false,
  offset: 0,
  size: 0,
  shown: 0,
  masks: NOTHING,
  watched: 0,
};

/** Of these, a register shows the bits as they are in memory, and 0 above. */
const PLAIN: readonly FieldKind[] = ["uint8", "uint16", "uint32", "int32"];

interface Place {
  readonly offset: number;
  readonly size: number;
}

/** Where the value is in the state block; undefined if it is not there as it is. */
function placeOf(cls: DeviceClass, { field }: AnyRegister, index: number | undefined): Place | undefined {
  const [name, inner] = (field ?? "").split(".");
  const slot = cls.layout.slots.find((candidate) => candidate.name === name);
  if (slot === undefined) {
    return undefined;
  }
  const element = index ?? 0;
  if (slot.layout === undefined) {
    const { kind, bytes } = slot.field;
    return PLAIN.includes(kind) ? { offset: slot.offset + element * bytes, size: bytes } : undefined;
  }
  const part = slot.layout.slots.find((candidate) => candidate.name === inner);
  return part && PLAIN.includes(part.field.kind)
    ? { offset: slot.offset + element * slot.layout.size + part.offset, size: part.field.bytes }
    : undefined;
}

function readsDirectly(register: AnyRegister): boolean {
  const { read, wasRead, mode, writeOnly } = register;
  const shows = mode !== "wo" && mode !== "reserved" && !writeOnly;
  return shows && read === undefined && wasRead === undefined && !clears(register);
}

function writesDirectly(register: AnyRegister): boolean {
  const { write, written, changed, ignoresWrites } = register;
  return (
    write === undefined &&
    written === undefined &&
    changed === undefined &&
    (ignoresWrites || stores(register))
  );
}

/** @returns what C can do of a register by itself; undefined if nothing */
export function directOf({ cls, register, index, place: which }: One): Direct | undefined {
  const { values, mode = "rw", mask = ALL, bits, ignoresWrites } = register;
  if (values !== undefined) {
    const shown = values[which]! >>> 0;
    return {
      reads: register.read === undefined && register.wasRead === undefined,
      writes: false,
      offset: 0,
      size: 0,
      shown,
      masks: NOTHING,
      watched: 0,
    };
  }
  const place = placeOf(cls, register, index);
  const reads = place !== undefined && readsDirectly(register);
  const writes = writesDirectly(register) && (ignoresWrites === true || place !== undefined);
  if (!reads && !writes) {
    return undefined;
  }
  const all = masksOf(mode, mask >>> 0, partsOf(bits ?? {}));
  const { rw, w1c, w1s, w0c, wc, wo, reserved, unhandled } = all;
  return {
    ...{ offset: 0, size: 0, ...place, reads, writes },
    shown: ~wo >>> 0,
    masks: ignoresWrites ? NOTHING : { rw, w1c, w1s, w0c, wc },
    watched: bits && !ignoresWrites ? (reserved | unhandled) >>> 0 : 0,
  };
}

/** What C is told of the words of a region: an array of ScriptWord. */
export function wordTable(
  words: readonly (Direct | undefined)[],
  readers: readonly number[],
  writers: readonly number[],
): Uint32Array {
  const table = new Uint32Array(words.length * WORD_WORDS);
  for (const [word, direct] of words.entries()) {
    const { reads, writes, offset, size, shown, masks, watched } = direct ?? NOT_DIRECT;
    const how = (reads ? DIRECT.READS : 0) | (writes ? DIRECT.WRITES : 0);
    const { rw, w1c, w1s, w0c, wc } = masks;
    const served = [how, offset, size, shown, rw, w1c, w1s, w0c, wc, watched];
    table.set([...served, readers[word] ?? 0, writers[word] ?? 0], word * WORD_WORDS);
  }
  return table;
}

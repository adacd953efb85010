/** GPIO lines of a device, as its script uses them. */

import type { Pointer } from "bun:ffi";
import { cstring, text } from "../native/convert.ts";
import { qemu } from "../native/library.ts";
import { QemuError } from "../qom/error.ts";
import type { Handle } from "./handle.ts";
import { type Lines, lineName } from "./lines.ts";

/**
 * An input of a device: what a line can be connected to. Comes from `this.inputs.NAME.input(i)` and from `input()` of
 * other devices' handles.
 */
export class GpioInput {
  /** Name of the array; `undefined` for unnamed lines. */
  readonly name: string | undefined;
  /** Place in the array. */
  readonly line: number;
  readonly #object: () => Pointer;

  /** @internal `object` throws StaleError when the device is gone. */
  constructor(name: string | undefined, line: number, object: () => Pointer) {
    this.name = name;
    this.line = line;
    this.#object = object;
  }

  /** @internal The device as QEMU's object. */
  get object(): Pointer {
    return this.#object();
  }
}

/** An array of GPIO inputs. */
export interface InputLines {
  /** How many lines there are. */
  readonly count: number;
  /**
   * The level that the device was told last; low before anybody drove the line. It does not migrate: a device keeps in
   * its state what it must know.
   *
   * @throws RangeError for a line that is not there; StaleError when the device is gone
   */
  level(line: number): boolean;
  /**
   * Bit i is the level of line i.
   *
   * @throws RangeError if there are more than 32 lines
   */
  readonly levels: number;
  /** A line to connect others to. @throws RangeError for a line that is not there */
  input(line: number): GpioInput;
}

/** An array of GPIO outputs. */
export interface OutputLines {
  /** How many lines there are. */
  readonly count: number;
  /** True is high. @throws RangeError for a line that is not there; StaleError when the device is gone. So do all. */
  set(line: number, level: boolean): void;
  /** Sets the line high. */
  raise(line: number): void;
  /** Sets the line low. */
  lower(line: number): void;
  /** Raised and lowered at once. */
  pulse(line: number): void;
  /**
   * Sets every line, from the first on: bit i is the level of line i.
   *
   * @throws RangeError if there are more than 32 lines
   */
  drive(levels: number): void;
  /** The level that the line was given last; low before. It does not migrate. */
  level(line: number): boolean;
  /**
   * Bit i is the level of line i.
   *
   * @throws RangeError if there are more than 32 lines
   */
  readonly levels: number;
  /**
   * Has the line lead to an input, which learns its level if that is high. What it led to before is no longer driven.
   * The line leads nowhere once the other device is gone, or this one is unrealized.
   *
   * @throws QemuError if the other device has no such input
   */
  connect(line: number, target: GpioInput): void;
}

/** Bits of a word. */
const WORD = 32;

/** Levels of some lines. */
class Levels {
  readonly count: number;
  readonly #handle: Handle;
  readonly #levels: Uint8Array;

  constructor(handle: Handle, levels: Uint8Array) {
    this.count = levels.length;
    this.#handle = handle;
    this.#levels = levels;
  }

  /** The device, for C. @throws StaleError, RangeError */
  at(line: number): Pointer {
    if (!(Number.isInteger(line) && line >= 0 && line < this.count)) {
      throw new RangeError(`there is no line ${line}: there are ${this.count}`);
    }
    return this.#handle.pointer;
  }

  /** The same, for all lines as bits of a word. */
  all(): Pointer {
    if (this.count > WORD) {
      throw new RangeError(`${this.count} lines do not fit into a number of ${WORD} bits`);
    }
    return this.#handle.pointer;
  }

  get(line: number): boolean {
    return this.#levels[line] !== 0;
  }

  set(line: number, level: boolean | number): void {
    this.#levels[line] = level ? 1 : 0;
  }

  get bits(): number {
    let bits = 0;
    for (let line = 0; line < this.count; line++) {
      bits |= this.#levels[line]! << line;
    }
    return bits >>> 0;
  }

  set bits(bits: number) {
    for (let line = 0; line < this.count; line++) {
      this.#levels[line] = (bits >>> line) & 1;
    }
  }
}

/** @internal An array of inputs, and how the host tells it of a level. */
export interface InputPort {
  readonly key: string;
  readonly lines: InputLines;
  /** Learns what was driven before there was a device to be told. */
  look(): void;
  take(line: number, level: boolean): void;
}

/** @internal */
export function inputPort(handle: Handle, key: string, array: Lines, index: number): InputPort {
  const levels = new Levels(handle, new Uint8Array(array.count));
  const look = () => {
    for (let line = 0; line < array.count; line++) {
      levels.set(line, qemu.script_gpio_level(handle.pointer, index, line));
    }
  };
  const name = lineName(key, array);
  const lines: InputLines = {
    count: array.count,
    level(line) {
      levels.at(line);
      return levels.get(line);
    },
    get levels() {
      levels.all();
      return levels.bits;
    },
    input(line) {
      const first = qemu.script_gpio_first(levels.at(line), index);
      return new GpioInput(name, first + line, () => qemu.script_instance_object(handle.pointer) as Pointer);
    },
  };
  return { key, lines: Object.freeze(lines), look, take: (line, level) => levels.set(line, level) };
}

/** @internal */
export type Connect = (
  instance: Pointer,
  line: number,
  object: Pointer,
  input: string | null,
  inputLine: number,
) => unknown;

/** @internal @throws QemuError that says what is wrong with the target */
export function connectTo(connect: Connect, instance: Pointer, line: number, target: GpioInput): void {
  const { name, object } = target;
  const input = name === undefined ? null : cstring(name);
  const message = connect(instance, line, object, input, target.line) as Pointer | null;
  if (message) {
    throw new QemuError(text(message));
  }
}

/**
 * @internal
 * @param first place of its first line among all outputs of the device
 * @param memory what its lines were given last
 */
export function outputLines(handle: Handle, first: number, memory: Uint8Array): OutputLines {
  const count = memory.length;
  const levels = new Levels(handle, memory);
  const { script_gpio_set, script_gpio_drive } = qemu;
  const set = (line: number, level: boolean) => {
    const instance = levels.at(line);
    levels.set(line, level);
    script_gpio_set(instance, first + line, level ? 1 : 0);
  };
  const lines: OutputLines = {
    count,
    set,
    raise: (line) => set(line, true),
    lower: (line) => set(line, false),
    pulse(line) {
      set(line, true);
      set(line, false);
    },
    drive(bits) {
      const instance = levels.all();
      levels.bits = bits;
      script_gpio_drive(instance, first, count, bits >>> 0);
    },
    level(line) {
      levels.at(line);
      return levels.get(line);
    },
    get levels() {
      levels.all();
      return levels.bits;
    },
    connect(line, target) {
      connectTo(qemu.script_gpio_connect as Connect, levels.at(line), first + line, target);
      if (levels.get(line)) {
        set(line, true);
      }
    },
  };
  return Object.freeze(lines);
}

/** @internal Room for the levels of arrays of outputs, which outlive the code that set them; all low. */
export const outputMemory = (arrays: Readonly<Record<string, Lines>> = {}): Uint8Array[] =>
  Object.values(arrays).map(({ count }) => new Uint8Array(count));

/** @internal All arrays of outputs, by their keys. */
export function outputArrays(
  handle: Handle,
  arrays: Readonly<Record<string, Lines>> = {},
  memory: readonly Uint8Array[] = outputMemory(arrays),
): object {
  let first = 0;
  const entries = Object.keys(arrays).map((key, index) => {
    const lines = outputLines(handle, first, memory[index]!);
    first += lines.count;
    return [key, lines];
  });
  return Object.freeze(Object.fromEntries(entries));
}

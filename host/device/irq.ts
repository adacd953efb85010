import { IRQ, SHARED } from "../native/abi.ts";
import { qemu, words } from "../native/library.ts";
import { type Connect, connectTo, type GpioInput } from "./gpio.ts";
import type { Handle } from "./handle.ts";
import { entryName } from "./names.ts";
import { fromSource } from "./source.ts";

/** An outgoing interrupt line. */
export interface IrqLine {
  /** Drives the line high or low. */
  set(level: boolean): void;
  /** Drives the line high. */
  raise(): void;
  /** Drives the line low. */
  lower(): void;
  /** Raised and lowered at once, as for an edge-triggered input. */
  pulse(): void;
  /** The level that the line was given last; low before. It does not migrate. */
  readonly level: boolean;
  /**
   * Has the line lead to an input of a device, which learns its level if that is high. The board's own connection, if
   * it made one, is gone then. The line leads nowhere once the other device is gone, or this one is unrealized.
   *
   * @throws QemuError if the other device has no such input
   */
  connect(target: GpioInput): void;
}

/** A line that carries bits of a status. */
export interface IrqSpec {
  /** Of the line. */
  readonly name: string;
  /** The bits, as a mask: `follow()` has the line high while one of them is set. */
  readonly bits: number;
}

/** All lines of a device: each by name, and together. */
export type IrqLines<Names extends string> = { readonly [N in Names]: IrqLine } & {
  /** Sets every line at once: bit i of `levels` is the level of the line declared at place i. */
  drive(levels: number): void;
};

const ALL = -1;

/** Of a device with lines that carry bits of a status. */
export interface FollowingLines {
  /**
   * Sets each line that was declared with bits: high if one of them is set in `status`, low if not. The other lines
   * stay as they are.
   */
  follow(status: number): void;
}

/** Levels of all lines of a device, as bits. They outlive the code that set them. */
export interface IrqLevels {
  bits: number;
}

/**
 * Leaves lines to C, which drives them when the access that is being served is over, or when the script calls C for
 * anything else: that saves a call.
 *
 * @param id of the device
 * @param mask which lines; 0 for the pin of a PCI device, whose level is bit 0
 * @returns whether C will do it
 */
export function leaveLines(id: number, levels: number, mask: number): boolean {
  if (words[SHARED.irqOwner] !== IRQ.NONE) {
    return false;
  }
  words[SHARED.irqLevels] = levels;
  words[SHARED.irqMask] = mask;
  words[SHARED.irqOwner] = IRQ.OF + id;
  return true;
}

function line(instance: Handle, id: number, index: number, levels: IrqLevels): IrqLine {
  const bit = 1 << index;
  const { script_irq_set, script_irq_connect } = qemu;
  const set = (level: boolean) => {
    const { pointer } = instance;
    const bits = level ? bit : 0;
    levels.bits = (levels.bits & ~bit) | bits;
    if (!leaveLines(id, bits, bit)) {
      script_irq_set(pointer, index, level ? 1 : 0);
    }
  };
  const raise = () => set(true);
  const lower = () => set(false);
  return {
    set,
    raise,
    lower,
    pulse() {
      raise();
      lower();
    },
    get level() {
      return instance.pointer !== undefined && (levels.bits & bit) !== 0;
    },
    connect(target) {
      connectTo(script_irq_connect as Connect, instance.pointer, index, target);
      if (levels.bits & bit) {
        raise();
      }
    },
  };
}

type Levels = (status: number) => number;

/** By their source: lines that are declared alike have the same, so that the JIT compiler can inline it. */
const known = new Map<string, Levels>();

/** Levels of the lines that carry bits, by the status. One expression of constants, for the JIT compiler. */
function levelsOf(lines: readonly (string | IrqSpec)[]): Levels {
  const levels = lines.map((line, index) =>
    typeof line === "string" ? "0" : `((status & ${line.bits >>> 0}) !== 0 ? ${1 << index} : 0)`,
  );
  const source = `(status) => ${["0", ...levels].join(" | ")}`;
  const made = known.get(source) ?? (fromSource(source) as Levels);
  known.set(source, made);
  return made;
}

/** @param id of the device */
export function irqLines<Names extends string>(
  instance: Handle,
  id: number,
  declared: readonly (Names | (IrqSpec & { readonly name: Names }))[],
  levels: IrqLevels = { bits: 0 },
): IrqLines<Names> & FollowingLines {
  const named = Object.fromEntries(
    declared.map((one, index) => [entryName(one), line(instance, id, index, levels)]),
  );
  const following = declared.reduce((mask, one, i) => (typeof one === "string" ? mask : mask | (1 << i)), 0);
  const levelsIn = levelsOf(declared);
  const { script_irq_drive } = qemu;
  // Alike, but apart: the JIT goes only so deep, and these are called from deep down.
  const drive = (bits: number) => {
    const { pointer } = instance;
    levels.bits = bits;
    if (!leaveLines(id, bits, ALL)) {
      script_irq_drive(pointer, bits >>> 0, ALL >>> 0);
    }
  };
  const follow = (status: number) => {
    const { pointer } = instance;
    const bits = levelsIn(status);
    levels.bits = (levels.bits & ~following) | bits;
    if (!leaveLines(id, bits, following)) {
      script_irq_drive(pointer, bits >>> 0, following >>> 0);
    }
  };
  // What is used most comes first, as in QomObject.
  return Object.freeze({
    drive,
    ...(following !== 0 && { follow }),
    ...named,
  }) as unknown as IrqLines<Names> & FollowingLines;
}

import type { Pointer } from "bun:ffi";
import { SHARED } from "../native/abi.ts";
import { doubles, qemu, words } from "../native/library.ts";
import { type Connect, connectTo, type GpioInput } from "./gpio.ts";
import type { Handle } from "./handle.ts";

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

/** All lines of a device: each by name, and together. */
export type IrqLines<Names extends string> = { readonly [N in Names]: IrqLine } & {
  /** Sets every line at once: bit i of `levels` is the level of the line declared at place i. */
  drive(levels: number): void;
};

/** Levels of all lines of a device, as bits. They outlive the code that set them. */
export interface IrqLevels {
  bits: number;
}

function line(instance: Handle, index: number, levels: IrqLevels): IrqLine {
  const bit = 1 << index;
  const { script_irq_set, script_irq_connect } = qemu;
  const raise = () => {
    const { pointer } = instance;
    levels.bits |= bit;
    script_irq_set(pointer, index, 1);
  };
  const lower = () => {
    const { pointer } = instance;
    levels.bits &= ~bit;
    script_irq_set(pointer, index, 0);
  };
  return {
    set: (level) => (level ? raise() : lower()),
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

export function irqLines<Names extends string>(
  instance: Handle,
  names: readonly Names[],
  levels: IrqLevels = { bits: 0 },
): IrqLines<Names> {
  const named = Object.fromEntries(names.map((name, index) => [name, line(instance, index, levels)]));
  const { script_irq_drive } = qemu;
  const [shared, numbers] = [words, doubles];
  const drive = (bits: number) => {
    const pointer: Pointer = instance.pointer;
    levels.bits = bits;
    if (shared[SHARED.irqDeferred] !== 0 && numbers[SHARED.irqInstance / 2] === 0) {
      // C does it when the handler is done, or does anything else: that saves a call.
      shared[SHARED.irqLevels] = bits;
      numbers[SHARED.irqInstance / 2] = pointer as number;
    } else {
      script_irq_drive(pointer, bits >>> 0);
    }
  };
  return Object.freeze({ ...named, drive }) as IrqLines<Names>;
}

import { qemu } from "../native/library.ts";
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
}

/** All lines of a device: each by name, and together. */
export type IrqLines<Names extends string> = { readonly [N in Names]: IrqLine } & {
  /** Sets every line at once: bit i of `levels` is the level of the line declared at place i. */
  drive(levels: number): void;
};

function line(instance: Handle, index: number): IrqLine {
  return {
    set: (level) => qemu.script_irq_set(instance.pointer, index, level ? 1 : 0),
    raise: () => qemu.script_irq_set(instance.pointer, index, 1),
    lower: () => qemu.script_irq_set(instance.pointer, index, 0),
    pulse: () => {
      qemu.script_irq_set(instance.pointer, index, 1);
      qemu.script_irq_set(instance.pointer, index, 0);
    },
  };
}

export function irqLines<Names extends string>(instance: Handle, names: readonly Names[]): IrqLines<Names> {
  const named = Object.fromEntries(names.map((name, index) => [name, line(instance, index)]));
  const { script_irq_drive } = qemu;
  const drive = (levels: number) => script_irq_drive(instance.pointer, levels >>> 0);
  return Object.freeze({ ...named, drive }) as IrqLines<Names>;
}

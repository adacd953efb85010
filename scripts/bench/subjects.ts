/** Which programs are compared on this machine. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { paths, STOCK_VARIABLE } from "../lib/paths.ts";
import type { Side, Subject } from "./bench.ts";

/** Names a program to measure in place of build/qemu-system-aarch64, which then is not built. */
export const PROGRAM_VARIABLE = "QEMU_SCRIPT_PROGRAM";

export const givenProgram = process.env[PROGRAM_VARIABLE];

/** Is there an unpatched QEMU without building one? */
export function hasStock(): boolean {
  return Boolean(process.env[STOCK_VARIABLE]) || existsSync(paths.stockQemu);
}

/** The subjects that `sides` name. */
export function subjectsOf(sides: readonly Side[]): Subject[] {
  const ours = givenProgram ? resolve(givenProgram) : paths.qemu;
  const script = ["-script", `path=${escapeComma(join(paths.root, "devices", "pl011.ts"))},replaces=pl011`];
  const all = {
    stock: { program: paths.stockQemu, args: [] },
    library: { program: ours, args: [] },
    script: { program: ours, args: script },
  } as const satisfies Record<Side, Omit<Subject, "side">>;
  return sides.map((side) => ({ side, ...all[side] }));
}

/** QEMU ends an option's value at a comma; a doubled one is part of it. */
export function escapeComma(value: string): string {
  return value.replaceAll(",", ",,");
}

/** Which programs are compared on this machine. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../lib/errors.ts";
import { paths, STOCK_VARIABLE } from "../lib/paths.ts";
import type { Side, Subject } from "./bench.ts";

/** Names the program to measure in place of build/qemu-system-aarch64: a command line, split at blanks. */
const PROGRAM_VARIABLE = "QEMU_SCRIPT_PROGRAM";

/** The words of the program that the user names; then none is built. */
export const givenProgram = process.env[PROGRAM_VARIABLE]?.split(/\s+/).filter(Boolean);

/** A program that the user names and that is not there is an error, not a reason to build one. */
export function checkGiven(): void {
  const [program] = givenProgram ?? [];
  if (program !== undefined && Bun.which(program) === null)
    throw new UserError(`${PROGRAM_VARIABLE}: there is no program ${program}`);
}

/** Is there an unpatched QEMU without building one? */
export function hasStock(): boolean {
  return Boolean(process.env[STOCK_VARIABLE]) || existsSync(paths.stockQemu);
}

/** The subjects that `sides` name. */
export function subjectsOf(sides: readonly Side[]): Subject[] {
  const [program = paths.qemu, ...words] = givenProgram ?? [];
  const script = ["-script", `path=${escapeComma(join(paths.root, "devices", "pl011.ts"))},replaces=pl011`];
  const all = {
    stock: { program: paths.stockQemu, args: [] },
    library: { program, args: words },
    script: { program, args: [...words, ...script] },
  } as const satisfies Record<Side, Omit<Subject, "side">>;
  return sides.map((side) => ({ side, ...all[side] }));
}

/** Options that make a device of a script, whose path is from the project's root. */
export function scriptDevice(path: string, properties = ""): string[] {
  return ["-device", `script,path=${escapeComma(join(paths.root, path))}${properties}`];
}

/** The same of scripts/bench/devices/NAME.ts. */
export function benchDevice(name: string, properties = ""): string[] {
  return scriptDevice(join("scripts", "bench", "devices", `${name}.ts`), properties);
}

/** QEMU ends an option's value at a comma; a doubled one is part of it. */
export function escapeComma(value: string): string {
  return value.replaceAll(",", ",,");
}

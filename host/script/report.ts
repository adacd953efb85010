/**
 * What a script did wrong, for the person at the terminal: one line `file:line:column: message`, then the script's own
 * frames of the stack. Everything goes to stderr; stdout is QEMU's.
 */

import { existsSync, writeSync } from "node:fs";
import { QemuError } from "../qom/error.ts";

/** Thrown by process.exit() so that the script stops there; reported to nobody. */
export class ExitRequest extends Error {
  readonly status: number;

  constructor(status: number) {
    super("process.exit");
    this.status = status;
  }
}

const PROGRAM = "qemu-system-aarch64";
const HOST = import.meta.dir.replace(/\/script$/, "");

export function printLine(line: string): void {
  try {
    writeSync(2, `${line}\n`);
  } catch {
    // Nobody reads stderr: there is nobody to tell.
  }
}

interface Site {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** In the compiled program, the host's own files have names that lead nowhere. */
function isHost(frame: string): boolean {
  const file = frame.match(/\(?((?:\/|file:)[^()]*):\d+:\d+\)?$/)?.[1];
  return (
    file === undefined || file.startsWith("/$bunfs/") || file.startsWith(`${HOST}/`) || !existsSync(file)
  );
}

/** Lines of the stack that are the script's. */
function scriptFrames(error: Error): string[] {
  return (error.stack ?? "").split("\n").filter((line) => line.startsWith("    at ") && !isHost(line));
}

function siteOf(error: unknown): Site | undefined {
  const position: unknown = error instanceof Object ? Reflect.get(error, "position") : undefined;
  if (position instanceof Object) {
    const { file, line, column } = position as Site;
    if (file && line > 0) {
      return { file, line, column };
    }
  }
  const frame = error instanceof Error ? scriptFrames(error)[0] : undefined;
  const match = frame?.match(/\(?((?:\/|file:).*):(\d+):(\d+)\)?$/);
  return match ? { file: match[1]!, line: Number(match[2]), column: Number(match[3]) } : undefined;
}

/** `instanceof`, which what a script throws can answer with a throw. */
export function isA<T>(error: unknown, cls: abstract new (...args: never[]) => T): error is T {
  try {
    return error instanceof cls;
  } catch {
    return false;
  }
}

/** What a script throws can be anything, even something that throws when one looks at it. */
function looked<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

/** Does the error say where in a script it comes from? */
export function hasSite(error: unknown): boolean {
  return looked(() => siteOf(error) !== undefined, false);
}

/** Errors whose name tells the reader nothing. */
const PLAIN: ReadonlySet<string> = new Set(["Error", "DeclarationError", "QemuError", "BuildMessage"]);

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) {
    const message: unknown = error instanceof Object ? Reflect.get(error, "message") : undefined;
    return typeof message === "string" ? message : `thrown: ${Bun.inspect(error)}`;
  }
  return PLAIN.has(error.name) ? error.message : `${error.name}: ${error.message}`;
}

/** One line: where and what; of several build errors, the first. */
export function oneLine(error: unknown): string {
  return looked(() => lineOf(error), "thrown: what cannot be shown");
}

function lineOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return oneLine(error.errors[0]);
  }
  const site = siteOf(error);
  const message = messageOf(error).split("\n")[0]!;
  if (error instanceof QemuError && /^\/.*:\d+:\d+: /.test(message)) {
    // It came from a script, through QEMU, and has its place.
    return message;
  }
  return site ? `${site.file}:${site.line}:${site.column}: ${message}` : message;
}

/** How many errors came from each place. */
const counts = new Map<string, number>();

/** New code: its errors are new, too, wherever they come from. */
export function forgetReports(): void {
  counts.clear();
}

/**
 * Prints an error the first time it comes from its place; counts it always.
 *
 * @param where it came to light, such as `read of pl011-ts at 0x18`
 */
export function report(error: unknown, where: string): void {
  if (isA(error, ExitRequest)) {
    return;
  }
  const site = looked(() => siteOf(error), undefined);
  const line = oneLine(error);
  const key = site ? `${site.file}:${site.line}:${site.column}` : line;
  const count = (counts.get(key) ?? 0) + 1;
  counts.set(key, count);
  if (count > 1) {
    return;
  }
  const stack = looked(() => (error instanceof Error ? scriptFrames(error).slice(1) : []), []);
  const hint = isA(error, QemuError) && error.hint !== "" ? [error.hint.trimEnd()] : [];
  printLine([`${PROGRAM}: ${line} (${where})`, ...hint, ...stack].join("\n"));
}

/**
 * What scripts find in place of globals that would disturb QEMU: stdout is the guest's serial line or QMP, and the
 * process is QEMU's to end.
 */

import { Console } from "node:console";
import { qemu } from "../native/library.ts";
import { ExitRequest } from "./report.ts";

const toStderr = new Console({ stdout: process.stderr, stderr: process.stderr });

/** Asks QEMU to shut down with this status, and ends what the script was doing. */
function exit(code?: number | string | null): never {
  const status = Number(code ?? process.exitCode ?? 0) & 0xff;
  qemu.script_request_shutdown(status);
  throw new ExitRequest(status);
}

let scripted: NodeJS.Process | undefined;

function scriptProcess(): NodeJS.Process {
  scripted ??= Object.create(process, {
    exit: { value: exit },
    reallyExit: { value: exit },
    abort: { value: () => exit(1) },
    stdout: { get: () => process.stderr },
  }) as NodeJS.Process;
  return scripted;
}

type AnyFunction = (...args: never[]) => unknown;

/**
 * For Bun.ModuleGraph: free identifiers in scripts.
 *
 * @param run runs a function so that what it opens belongs to the script: handlers of registers, which the host calls
 * directly, start timers and requests too
 */
export function scriptGlobals(run: (fn: AnyFunction, ...args: never[]) => unknown): Record<string, unknown> {
  const inScript =
    (fn: AnyFunction) =>
    (...args: never[]) =>
      run(fn, ...args);
  return {
    console: toStderr,
    process: scriptProcess(),
    setTimeout: inScript(setTimeout),
    setInterval: inScript(setInterval),
    setImmediate: inScript(setImmediate),
    fetch: inScript(fetch as AnyFunction),
  };
}

/** The same for code that goes through globalThis, and for modules outside a graph. */
export function guardGlobals(): void {
  globalThis.console = toStderr as typeof globalThis.console;
  process.exit = exit;
  Object.defineProperty(process, "reallyExit", { value: exit, configurable: true });
}

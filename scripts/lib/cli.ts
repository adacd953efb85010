/** How every script here ends: its status, and errors in the form a user can act on. */
import { Interrupted, ToolFailed, UserError } from "./errors.ts";
import { shown } from "./paths.ts";
import { handleInterrupts, signalStatus } from "./process.ts";

/** Runs a script's body; the number it answers is the exit status. */
export async function runMain(body: () => Promise<number>): Promise<void> {
  handleInterrupts();
  try {
    process.exitCode = await body();
  } catch (error) {
    process.exitCode = explain(error);
  }
}

/** Prints a line on standard error; console.error would colour it on a terminal. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function explain(error: unknown): number {
  if (error instanceof Interrupted) {
    say("interrupted");
    return signalStatus(error.signal);
  }
  if (error instanceof ToolFailed) {
    for (const line of error.tail) say(`  | ${line}`);
    say(`error: ${error.message}`);
    say(`The whole output is in ${shown(error.log)}`);
    return 1;
  }
  if (error instanceof UserError) {
    say(`error: ${error.message}`);
    return 1;
  }
  say(Bun.inspect(error));
  return 1;
}

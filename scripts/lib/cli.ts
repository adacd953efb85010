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

function explain(error: unknown): number {
  if (error instanceof Interrupted) {
    console.error("interrupted; run the same command again to go on");
    return signalStatus(error.signal);
  }
  if (error instanceof ToolFailed) {
    for (const line of error.tail) console.error(`  | ${line}`);
    console.error(`error: ${error.message}`);
    console.error(`The whole output is in ${shown(error.log)}`);
    return 1;
  }
  if (error instanceof UserError) {
    console.error(`error: ${error.message}`);
    return 1;
  }
  console.error(error);
  return 1;
}

/** Gives the terminal to QEMU and takes it back as it was, however QEMU ended. */
import { dlopen, FFIType } from "bun:ffi";
import { isatty } from "node:tty";
import { $ } from "zx";
import { UserError } from "./errors.ts";
import type { CommandLine } from "./machine.ts";
import { signalStatus, throwIfInterrupted, tracked } from "./process.ts";

const STANDARD_DESCRIPTORS = [0, 1, 2] as const;
// fcntl(2)
const F_GETFL = 3;
const F_SETFL = 4;

/**
 * Runs a program on this process's own standard input, output and error.
 *
 * @returns its exit status; after a signal, what a shell would say.
 * @throws UserError when it still runs after `seconds`.
 */
export async function runOnTerminal({ program, args }: CommandLine, seconds?: number): Promise<number> {
  const restore = await saveTerminal();
  const child = $({ quiet: true, nothrow: true, detached: false, stdio: "inherit" })`exec ${program} ${args}`;
  let late = false;
  const onLate = (): void => {
    late = true;
    if (child.pid !== undefined) process.kill(child.pid);
  };
  const timer = seconds === undefined ? undefined : setTimeout(onLate, seconds * 1000);
  try {
    const { exitCode, signal } = await tracked(child);
    throwIfInterrupted();
    if (late) throw new UserError(`QEMU was ended because ${seconds} s had passed`);
    return signal ? signalStatus(signal as NodeJS.Signals) : (exitCode ?? 1);
  } finally {
    clearTimeout(timer);
    await restore();
  }
}

/**
 * Remembers the terminal's settings and the flags of our descriptors, which QEMU changes (raw mode, O_NONBLOCK) and
 * puts back only when it ends in order. The flags belong to the shell we return to as well.
 */
async function saveTerminal(): Promise<() => Promise<void>> {
  const { symbols } = dlopen("libc.so.6", {
    // int fcntl(int fd, int cmd, int arg)
    fcntl: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  });
  const flags = STANDARD_DESCRIPTORS.map((descriptor) => symbols.fcntl(descriptor, F_GETFL, 0));
  const settings = isatty(0) ? (await stty(["-g"])).trim() : "";
  return async () => {
    for (const [index, descriptor] of STANDARD_DESCRIPTORS.entries()) {
      const value = flags[index] ?? -1;
      if (value >= 0) symbols.fcntl(descriptor, F_SETFL, value);
    }
    if (settings !== "") await stty([settings]);
  };
}

/** Runs stty on the terminal that is our standard input. */
async function stty(args: readonly string[]): Promise<string> {
  const child = $({ quiet: true, nothrow: true, detached: false, stdio: ["inherit", "pipe", "pipe"] });
  return (await child`exec stty ${args}`).stdout;
}

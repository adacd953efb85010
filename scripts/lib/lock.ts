/**
 * One run at a time may write under build/. The lock is flock(2) on a descriptor that every tool of the set-up
 * inherits: it is free when this process and all of them are gone, however they ended.
 */
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { $ } from "zx";
import { UserError } from "./errors.ts";
import { inheritByTools, throwIfInterrupted, tracked } from "./process.ts";

const BUSY = 75;

/** Runs `body` while holding the lock file at `path`; `onWait` is called first if somebody else holds it. */
export async function withLock<T>(path: string, onWait: () => void, body: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, "a");
  try {
    if (!(await flock(file, ["--nonblock", "--conflict-exit-code", String(BUSY)]))) {
      onWait();
      await flock(file, []);
    }
    inheritByTools(file);
    return await body();
  } finally {
    inheritByTools(undefined);
    closeSync(file);
  }
}

/** Locks the open file; the lock belongs to our descriptor, so it stays when flock(1) has ended. */
async function flock(file: number, flags: readonly string[]): Promise<boolean> {
  const child = $({
    quiet: true,
    nothrow: true,
    detached: true,
    stdio: ["ignore", "pipe", "pipe", file],
  })`exec flock ${flags} 3`;
  const { exitCode } = await tracked(child);
  throwIfInterrupted();
  if (exitCode === 0) return true;
  if (exitCode === BUSY) return false;
  throw new UserError(`cannot lock the build directory: flock (of util-linux) gave status ${exitCode}`);
}

/** Runs guests for benches: to their end, or until they are up. */
import { UserError } from "../lib/errors.ts";
import { Guest, GuestError } from "../lib/guest.ts";
import { throwIfInterrupted } from "../lib/process.ts";
import type { Subject } from "./bench.ts";
import { guestArguments, parseTimings } from "./guest-program.ts";

const LIMIT_MS = 120_000;

/**
 * How often this process does nothing meanwhile. Where all cores but one sleep, that one may run at another clock (12 %
 * slower on the machine where this was found), and which subjects let the others sleep differs.
 */
const AWAKE_MS = 1;

/**
 * Runs a guest that prints timings and powers off.
 *
 * @param more options of QEMU's
 * @throws UserError when it does not end in time or with status 0
 */
export async function timings(
  subject: Subject,
  program: string,
  more: readonly string[] = [],
  limit = LIMIT_MS,
): Promise<ReadonlyMap<string, readonly number[]>> {
  return parseTimings(await printed(subject, program, limit, more));
}

/**
 * Runs a guest that powers off. @returns all that it printed
 *
 * @throws UserError when it does not end within `limit` ms or with status 0
 */
export async function printed(
  subject: Subject,
  program: string,
  limit = LIMIT_MS,
  more: readonly string[] = [],
): Promise<string> {
  return await withGuest(subject, [...guestArguments(subject, program), ...more], async (guest) => {
    const awake = setInterval(() => {}, AWAKE_MS);
    const { status, signal } = await guest.waitForExit(limit).finally(() => clearInterval(awake));
    throwIfInterrupted();
    if (status !== 0)
      throw new GuestError(`QEMU ended badly (${signal ?? `status ${status}`})`, guest.everything());
    return guest.transcript;
  });
}

/**
 * Starts QEMU, or another program, and ends it when `body` is done. An interrupt is told as such and not by what it did to the guest.
 *
 * @throws UserError with all that the guest printed, when it did not do what `body` waited for
 */
export async function withGuest<T>(
  { program }: Pick<Subject, "program">,
  args: readonly string[],
  body: (guest: Guest) => Promise<T>,
): Promise<T> {
  throwIfInterrupted();
  await using guest = Guest.spawn(program, args);
  try {
    return await body(guest);
  } catch (error) {
    throwIfInterrupted();
    if (!(error instanceof GuestError)) throw error;
    throw new UserError(error.message, { cause: error });
  }
}

/** @throws GuestError when the guest ends before `ms` have passed */
export async function letRun(guest: Guest, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ended = await Promise.race([
    guest.exited.then(() => true),
    new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), ms);
    }),
  ]);
  clearTimeout(timer);
  throwIfInterrupted();
  if (ended) throw new GuestError("QEMU ended", guest.everything());
}

/** How often it is looked whether QEMU, or a script in it, has said something. */
const LOOK_MS = 20;

/** Waits for what a script prints. @throws GuestError when it does not come within `limit` ms */
export async function said(
  guest: Guest,
  pattern: RegExp,
  limit: number,
  what: string,
): Promise<RegExpExecArray> {
  const end = performance.now() + limit;
  for (;;) {
    const match = pattern.exec(guest.stderr);
    if (match) return match;
    if (performance.now() > end) throw new GuestError(`${what} did not come`, guest.everything());
    await letRun(guest, LOOK_MS);
  }
}

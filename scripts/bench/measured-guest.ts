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
 * @throws UserError when it does not end in time or with status 0
 */
export async function timings(
  subject: Subject,
  program: string,
): Promise<ReadonlyMap<string, readonly number[]>> {
  return await withGuest(subject, guestArguments(subject, program), async (guest) => {
    const awake = setInterval(() => {}, AWAKE_MS);
    const { status, signal } = await guest.waitForExit(LIMIT_MS).finally(() => clearInterval(awake));
    throwIfInterrupted();
    if (status !== 0)
      throw new GuestError(`QEMU ended badly (${signal ?? `status ${status}`})`, guest.everything());
    return parseTimings(guest.transcript);
  });
}

/**
 * Starts QEMU, and ends it when `body` is done. An interrupt is told as such and not by what it did to the guest.
 *
 * @throws UserError with all that the guest printed, when it did not do what `body` waited for
 */
export async function withGuest<T>(
  subject: Subject,
  args: readonly string[],
  body: (guest: Guest) => Promise<T>,
): Promise<T> {
  throwIfInterrupted();
  await using guest = Guest.spawn(subject.program, args);
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

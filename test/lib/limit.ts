/** Time limits. Nothing in the tests sleeps to synchronise: they wait for what happens, and no longer than this. */

/** Starting the program on a loaded machine. */
export const START_MS = 20_000;
/** A whole test; each wait in it has a limit of its own. */
export const TEST_MS = 120_000;
/** What should happen at once, on a loaded machine. */
export const SOON_MS = 10_000;

/**
 * The promise's outcome, if it comes in time.
 *
 * @throws Error that says what did not come; `detail` adds what is known then.
 */
export async function within<T>(
  ms: number,
  what: string,
  promise: Promise<T>,
  detail = () => "",
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms\n${detail()}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

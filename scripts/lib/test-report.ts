/** The totals of bun test, read from the summary it ends with. */

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what it is about
const COLOURS = /\x1b\[[\d;]*m/g;

/**
 * Reads lines such as ` 12 pass` and ` 1 fail`, the paragraph before the last `Ran 13 tests across 2 files.`;
 * undefined when there is no such line. A file that does not load counts as failed, a test marked todo as skipped.
 */
export function readCounts(output: string): Counts | undefined {
  const text = output.replace(COLOURS, "");
  const end = text.lastIndexOf("\nRan ");
  if (end < 0) return undefined;
  const summary =
    text
      .slice(0, end)
      .split(/\n\s*\n/)
      .at(-1) ?? "";
  const count = (name: string): number =>
    Number(new RegExp(`^ *(\\d+) ${name}$`, "m").exec(summary)?.[1] ?? 0);
  return { passed: count("pass"), failed: count("fail"), skipped: count("skip") + count("todo") };
}

/** `12 passed, 1 failed, 2 skipped`, the last only when there are any. */
export function countLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly samples: readonly number[];
}

export function summary(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN, samples };
}

/** Of values in ascending order; between two of them, in proportion. */
export function quantile(sorted: readonly number[], q: number): number {
  const place = q * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)] ?? NaN, sorted[Math.ceil(place)] ?? NaN];
  return below + (above - below) * (place - Math.floor(place));
}

/**
 * How surely one set of samples lies above another: the share of all pairs of an old and a new sample in which the new
 * one is larger; ties count half. Of samples of the same thing it is near 0.5.
 */
export function shareAbove(old: readonly number[], now: readonly number[]): number {
  const wins = now.flatMap((b) => old.map((a): number => (b > a ? 1 : b === a ? 0.5 : 0)));
  return wins.reduce((sum, win) => sum + win, 0) / wins.length;
}

/** Of the times of many calls, the one that a tenth of them stay below. */
const UNDISTURBED = 0.1;

/**
 * The time of a call while the host does nothing else: calls that something took the CPU from, or half of it, are the
 * longer ones. Whatever belongs to every call, such as turns of an event loop, stays in it if calls are long enough.
 *
 * @returns that time, and how much longer calls took on average, in percent
 */
export function undisturbed(calls: readonly number[]): { readonly time: number; readonly above: number } {
  const sorted = [...calls].sort((a, b) => a - b);
  const time = quantile(sorted, UNDISTURBED);
  const mean = calls.reduce((sum, call) => sum + call, 0) / calls.length;
  return { time, above: 100 * (mean / time - 1) };
}

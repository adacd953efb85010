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

/** A call that took longer than this many times the median was interrupted by something else that the host did. */
const DISTURBED = 1.5;

/**
 * The mean of many short calls without those in which the host did something else for long. What happens all the
 * time, such as turns of an event loop, stays in it.
 *
 * @returns the mean, and the part of the whole time, in percent, that the calls left out had more than the others
 */
export function steadyMean(calls: readonly number[]): { readonly mean: number; readonly disturbed: number } {
  const limit = DISTURBED * summary(calls).median;
  const mean = meanOf(calls.filter((call) => call <= limit));
  return { mean, disturbed: 100 * (1 - mean / meanOf(calls)) };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Runs benches: rounds, and in each round every subject once, so that what disturbs the machine disturbs all. */
import { type Bench, type Sample, type Side, type Subject, TITLES } from "./bench.ts";
import { type Summary, summary } from "./statistics.ts";

export interface Result {
  readonly bench: Bench;
  /** By side and figure; what a side does not have is missing. */
  readonly sides: ReadonlyMap<Side, ReadonlyMap<string, Summary>>;
}

/** Says one line about how far the run is. */
export type Progress = (line: string) => void;

export async function runBench(
  bench: Bench,
  subjects: readonly Subject[],
  rounds: number,
  progress: Progress,
): Promise<Result> {
  await bench.prepare?.();
  const samples = new Map<Side, Sample[]>(subjects.map(({ side }) => [side, []]));
  for (let round = 0; round < rounds; round++) {
    // Every other round backwards, so that nobody always comes after the same one.
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const sample = await bench.run(subject);
      samples.get(subject.side)?.push(sample);
      progress(`${bench.name} ${round + 1}/${rounds} ${TITLES[subject.side]}: ${told(bench, sample)}`);
    }
  }
  return { bench, sides: new Map([...samples].map(([side, list]) => [side, summaries(bench, list)])) };
}

function summaries(bench: Bench, samples: readonly Sample[]): ReadonlyMap<string, Summary> {
  const figures = new Map<string, Summary>();
  for (const name of Object.keys(bench.figures)) {
    const values = samples.map((sample) => sample[name]).filter((value) => value !== undefined);
    if (values.some(Number.isNaN)) throw new Error(`${bench.name}: a run gave no ${name}`);
    if (values.length > 0) figures.set(name, summary(values));
  }
  return figures;
}

function told(bench: Bench, sample: Sample): string {
  return Object.entries(bench.figures)
    .flatMap(([name, { title, unit, digits }]) => {
      const value = sample[name];
      return value === undefined ? [] : [`${title} ${value.toFixed(digits)} ${unit}`];
    })
    .join(", ");
}

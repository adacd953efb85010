/** Runs benches: rounds, and in each round every subject once, so that what disturbs the machine disturbs all. */
import { loadavg } from "node:os";
import { type Bench, type Column, type Sample, type Settings, type Subject, TITLES } from "./bench.ts";
import { type Summary, summary } from "./statistics.ts";

/** What a bench says about itself; a file of results has it too. */
export type About = Pick<Bench, "name" | "about" | "details" | "baseline" | "figures" | "targets">;

export interface Result {
  readonly bench: About;
  /** By column and figure; what a column does not have is missing. Samples are in the order of rounds. */
  readonly sides: ReadonlyMap<Column, ReadonlyMap<string, Summary>>;
  /** How many processes wanted a CPU, on average over a minute, before the first run and after the last. */
  readonly load: readonly [number, number];
  /** Markdown, for people. */
  readonly notes: string | undefined;
}

/** Says one line about how far the run is. */
export type Progress = (line: string) => void;

/** One column, once. */
interface Runner {
  readonly column: Column;
  run(): Promise<Sample>;
}

export async function runBench(
  bench: Bench,
  subjects: readonly Subject[],
  asked: number,
  settings: Settings,
  progress: Progress,
): Promise<Result> {
  const before = load();
  await bench.prepare?.(settings);
  const taking = subjects.filter(({ side }) => bench.sides?.includes(side) ?? true);
  const runners: Runner[] = taking.map((subject) => ({
    column: subject.side,
    run: () => bench.run(subject),
  }));
  for (const peer of (await bench.peers?.()) ?? [])
    runners.push({ column: peer, run: async () => (await bench.runPeer?.(peer)) ?? {} });
  const rounds = Math.min(asked * (bench.repeats ?? 1), bench.rounds ?? Infinity);
  const samples = new Map<Column, Sample[]>(runners.map(({ column }) => [column, []]));
  for (let round = 0; round < rounds; round++) {
    // Every other round backwards, so that nobody always comes after the same one.
    for (const { column, run } of round % 2 === 0 ? runners : runners.toReversed()) {
      const sample = await run();
      samples.get(column)?.push(sample);
      progress(`${bench.name} ${round + 1}/${rounds} ${TITLES[column]}: ${told(bench, sample)}`);
    }
  }
  const sides = new Map([...samples].map(([column, list]) => [column, summaries(bench, list)]));
  return { bench, sides, load: [before, load()], notes: bench.notes?.() };
}

function load(): number {
  return Math.round((loadavg()[0] ?? NaN) * 100) / 100;
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

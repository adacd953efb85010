/** What a run of benches found, as a file. Names in it are kept, so that files of two commits can be compared. */
import { readFileSync } from "node:fs";
import { UserError } from "../lib/errors.ts";
import type { Column, Target } from "./bench.ts";
import { verdicts } from "./report.ts";
import type { About, Result } from "./runner.ts";
import type { Summary } from "./statistics.ts";

const FORMAT = 1;

/** Where and with what the figures were measured. */
export interface Setting {
  readonly date: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly rounds: number;
}

/** The results of a run. */
export interface Run {
  readonly setting: Setting;
  readonly results: readonly Result[];
}

/** A file, as JSON has it. */
interface File {
  readonly format: number;
  readonly setting: Setting;
  readonly benches: Readonly<
    Record<
      string,
      Pick<About, "about" | "details" | "baseline" | "figures"> & {
        readonly load?: readonly [number, number];
        readonly notes?: string;
        readonly sides: Readonly<Partial<Record<Column, Readonly<Record<string, Summary>>>>>;
      }
    >
  >;
  readonly targets: readonly (Target & { readonly bench: string })[];
}

export function json({ setting, results }: Run): string {
  const benches = results.map(({ bench, sides, load, notes }) => [
    bench.name,
    {
      about: bench.about,
      details: bench.details,
      baseline: bench.baseline,
      ...{ load, notes },
      figures: bench.figures,
      sides: Object.fromEntries([...sides].map(([side, figures]) => [side, Object.fromEntries(figures)])),
    },
  ]);
  const targets = results.flatMap(verdicts).map(({ target, ...verdict }) => ({ ...target, ...verdict }));
  const whole = { format: FORMAT, setting, benches: Object.fromEntries(benches), targets };
  return `${JSON.stringify(whole, null, 2)}\n`;
}

/** @throws UserError for what is no file of results */
export function readRun(path: string): Run {
  const { setting, benches, targets } = parsed(path);
  const results = Object.entries(benches).map(
    ([name, { sides, load, notes, ...about }]): Result => ({
      bench: { ...about, name, targets: targets.filter(({ bench }) => bench === name) },
      sides: new Map(
        Object.entries(sides).map(([side, own]) => [side as Column, new Map(Object.entries(own))]),
      ),
      load: load ?? [NaN, NaN],
      notes,
    }),
  );
  return { setting, results };
}

function parsed(path: string): File {
  let file: Partial<File>;
  try {
    file = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new UserError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (file?.format !== FORMAT || !file.setting || !file.benches || !file.targets)
    throw new UserError(`${path} is no file of results: npm run bench -- --out FILE writes one`);
  return file as File;
}

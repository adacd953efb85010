/** The command line of `npm run bench`. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { UserError } from "../lib/errors.ts";
import type { Bench, Settings } from "./bench.ts";
import { hasStock } from "./subjects.ts";

const DEFAULT_ROUNDS = 7;
const DEFAULT_SECONDS = 60;

export interface Options {
  readonly rounds: number;
  readonly benches: readonly Bench[];
  readonly settings: Settings;
  readonly stock: boolean;
  /** A file of results to show in place of measuring. */
  readonly from: string | undefined;
  /** A file of results to compare with. */
  readonly compare: string | undefined;
  readonly json: boolean;
  readonly out: string | undefined;
  readonly svg: string | undefined;
  /** A page whose tables are to be replaced. */
  readonly page: string | undefined;
}

export const help = (benches: readonly Bench[]): string => `Usage: npm run bench [-- OPTIONS]

Measures devices in TypeScript against QEMU's own in the same library, and both against unpatched
QEMU when there is one: most of it with the UART, devices/pl011.ts. In each round every one of them
runs once, so that what else the machine does falls on all. Prints medians, extremes and ratios as
Markdown tables, and which targets are met. docs/performance.md explains each bench. All of them
take about 40 minutes.

${benches.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join("\n")}

OPTIONS
  --rounds N      rounds (${DEFAULT_ROUNDS}); some benches do fewer, linux three times as many
  --only NAME     this bench only; may be given again
  --seconds N     how long \`latency\` accesses a device, each time (${DEFAULT_SECONDS})
  --stock         build unpatched QEMU to compare with if it is not there
  --json          print JSON in place of the tables
  --out FILE      write the JSON to FILE as well
  --svg FILE      draw the picture of docs/performance.md; needs the benches access and peers
  --page FILE     replace the tables of docs/performance.md, or another page that has such places
  --compare FILE  compare with the JSON in FILE, and mark what is more than noise
  --from FILE     measure nothing: take the JSON in FILE
  -h, --help      show this

Two commits: \`npm run bench -- --out old.json\` at one, \`npm run bench -- --compare old.json\` at the
other.

Environment:
  STOCK_QEMU=FILE           the unpatched QEMU to compare with
  QEMU_SCRIPT_PROGRAM=CMD   the program to measure, in place of building one
`;

export function parse(argv: readonly string[], all: readonly Bench[]): Options | "help" {
  const values = parsed(argv);
  if (values.help) return "help";
  const benches = (values.only ?? all.map(({ name }) => name)).map((name) => {
    const bench = all.find((candidate) => candidate.name === name);
    if (!bench) throw usage(`there is no bench "${name}"; there are ${all.map((b) => b.name).join(", ")}`);
    return bench;
  });
  const { from, compare, page } = values;
  return {
    rounds: whole("--rounds", values.rounds, DEFAULT_ROUNDS),
    benches,
    settings: { seconds: whole("--seconds", values.seconds, DEFAULT_SECONDS) },
    stock: (values.stock ?? false) || hasStock(),
    from: from === undefined ? undefined : file(from),
    compare: compare === undefined ? undefined : file(compare),
    json: values.json ?? false,
    out: values.out,
    svg: values.svg,
    page: page === undefined ? undefined : file(page),
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        rounds: { type: "string" },
        only: { type: "string", multiple: true },
        seconds: { type: "string" },
        stock: { type: "boolean" },
        json: { type: "boolean" },
        out: { type: "string" },
        svg: { type: "string" },
        page: { type: "string" },
        compare: { type: "string" },
        from: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function whole(option: string, text: string | undefined, otherwise: number): number {
  const value = Number(text ?? otherwise);
  if (text === "" || !Number.isSafeInteger(value) || value < 1)
    throw usage(`${option} takes a whole number from 1, not "${text}"`);
  return value;
}

function file(name: string): string {
  const path = resolve(name);
  if (!existsSync(path)) throw new UserError(`there is no file ${name}`);
  return path;
}

function usage(problem: string): UserError {
  return new UserError(`${problem}\nnpm run bench -- --help tells how it is used`);
}

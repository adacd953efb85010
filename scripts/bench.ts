/** npm run bench: what scripted devices cost, against QEMU's own, measured side by side. */
import { writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { parseArgs } from "node:util";
import { access } from "./bench/access.ts";
import type { Bench, Side } from "./bench/bench.ts";
import { busy } from "./bench/busy.ts";
import { idle } from "./bench/idle.ts";
import { linux } from "./bench/linux.ts";
import { reload } from "./bench/reload.ts";
import { json, type Setting, table } from "./bench/report.ts";
import { runBench } from "./bench/runner.ts";
import { startup } from "./bench/startup.ts";
import { checkGiven, givenProgram, hasStock, subjectsOf } from "./bench/subjects.ts";
import { wake } from "./bench/wake.ts";
import { runMain } from "./lib/cli.ts";
import { UserError } from "./lib/errors.ts";
import { paths } from "./lib/paths.ts";
import { prepare } from "./lib/prepare.ts";
import { output } from "./lib/process.ts";

const BENCHES: readonly Bench[] = [access, busy, startup, wake, idle, linux, reload];

const DEFAULT_ROUNDS = 5;

const HELP = `Usage: npm run bench [-- OPTIONS]

Measures the UART in TypeScript (devices/pl011.ts) against QEMU's own in the same library, and both
against unpatched QEMU when there is one. In each round every one of them runs once, so that what
else the machine does falls on all. Prints medians, extremes and ratios as Markdown tables.

${BENCHES.map(({ name, about }) => `  ${name.padEnd(8)} ${about}`).join("\n")}

OPTIONS
  --rounds N    rounds (${DEFAULT_ROUNDS})
  --only NAME   this bench only; may be given again
  --stock       build unpatched QEMU to compare with if it is not there
  --json        print JSON in place of the tables
  --out FILE    write the JSON to FILE as well
  -h, --help    show this

Environment:
  STOCK_QEMU=FILE           the unpatched QEMU to compare with
  QEMU_SCRIPT_PROGRAM=CMD   the program to measure, in place of building one
`;

interface Options {
  readonly rounds: number;
  readonly benches: readonly Bench[];
  readonly stock: boolean;
  readonly json: boolean;
  readonly out: string | undefined;
}

await runMain(async () => {
  const options = parse(Bun.argv.slice(2));
  if (options === "help") {
    process.stdout.write(HELP);
    return 0;
  }
  const { benches, rounds, stock } = options;
  checkGiven();
  await prepare({
    guests: benches.some((bench) => bench.linux) ? ["linux"] : [],
    stock,
    patched: !givenProgram,
  });
  if (!stock) console.error("There is no unpatched QEMU to compare with: --stock builds one.");
  const sides: Side[] = stock ? ["stock", "library", "script"] : ["library", "script"];
  const results = [];
  for (const bench of benches) {
    results.push(await runBench(bench, subjectsOf(sides), rounds, (line) => console.error(line)));
    if (!options.json) console.log(`\n${table(results.at(-1)!)}\n`);
  }
  const text = json(await setting(rounds), results);
  if (options.json) process.stdout.write(text);
  if (options.out !== undefined) writeFileSync(options.out, text);
  return 0;
});

async function setting(rounds: number): Promise<Setting> {
  const [cpu] = cpus();
  return {
    date: new Date().toISOString(),
    commit: (await output("git", ["-C", paths.root, "describe", "--always", "--dirty"])) ?? "unknown",
    cpu: cpu?.model.trim() ?? "unknown",
    cores: cpus().length,
    kernel: release(),
    rounds,
  };
}

function parse(argv: readonly string[]): Options | "help" {
  const values = parsed(argv);
  if (values.help) return "help";
  const rounds = Number(values.rounds ?? DEFAULT_ROUNDS);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw usage(`--rounds takes a whole number from 1, not "${values.rounds}"`);
  const benches = (values.only ?? BENCHES.map(({ name }) => name)).map((name) => {
    const bench = BENCHES.find((candidate) => candidate.name === name);
    if (!bench)
      throw usage(`there is no bench "${name}"; there are ${BENCHES.map((b) => b.name).join(", ")}`);
    return bench;
  });
  return {
    rounds,
    benches,
    stock: (values.stock ?? false) || hasStock(),
    json: values.json ?? false,
    out: values.out,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        rounds: { type: "string" },
        only: { type: "string", multiple: true },
        stock: { type: "boolean" },
        json: { type: "boolean" },
        out: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function usage(problem: string): UserError {
  return new UserError(`${problem}\nnpm run bench -- --help tells how it is used`);
}

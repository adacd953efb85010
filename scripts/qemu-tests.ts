/** npm run qemu-tests: QEMU's own tests, unchanged, with our program as the QEMU under test. */
import { parseArgs } from "node:util";
import { checkGiven, givenProgram } from "./bench/subjects.ts";
import { runMain } from "./lib/cli.ts";
import { UserError } from "./lib/errors.ts";
import { prepare } from "./lib/prepare.ts";
import { type Options, qemuTests } from "./qemu-tests/qemu-tests.ts";
import { SIDES, type SideName } from "./qemu-tests/sides.ts";
import { SUITES, type Suite } from "./qemu-tests/suites.ts";

const LIST = SUITES.map(({ name, about }) => `  ${name.padEnd(22)} ${about}`).join("\n");

const HELP = `Usage: npm run qemu-tests [-- OPTIONS]

Builds tests of QEMU's own from its unpatched source and runs them: with stock QEMU, with ours where
devices/pl011.ts replaces every pl011, and with ours where many scripts are loaded and nothing is
replaced. Prints how many cases passed, failed and were skipped on each side, which did not pass and
why, and which differ from stock QEMU. All that was printed is in build/logs.

${LIST}

OPTIONS
  --only NAME   this test only; may be given again
  --side NAME   this side only: ${SIDES.join(", ")}; may be given again
  --case PATH   this case, or those below it, only: /aarch64/qom/raspi3b; may be given again
  --slow        also what QEMU's own CI leaves out, for hours: old versions of boards, ...
  --list        list the tests, and run none
  --json        print JSON in place of the table
  -h, --help    show this

Exit status: 0 if nothing that passes with stock QEMU fails, 1 if something does or went wrong.

Environment:
  STOCK_QEMU=FILE           the unpatched QEMU to compare with, in place of building one
  QEMU_SCRIPT_PROGRAM=CMD   the program to test, in place of building one
  QTEST_LOG=1               what goes over the tests' sockets is in the logs as well
`;

await runMain(async () => {
  const options = parse(Bun.argv.slice(2));
  if (typeof options === "string") {
    process.stdout.write(options);
    return 0;
  }
  checkGiven();
  await prepare({
    guests: [],
    qtests: true,
    stock: options.sides.includes("stock") || options.suites.some(({ stockIs }) => stockIs !== undefined),
    patched: !givenProgram && options.sides.some((side) => side !== "stock"),
  });
  return await qemuTests(options);
});

/** @returns options, or the text that is asked for */
function parse(argv: readonly string[]): Options | string {
  const values = parsed(argv);
  if (values.help) return HELP;
  if (values.list) return `${LIST}\n`;
  const asked = (values.side ?? SIDES).map((name) => one("side", name, SIDES, (side) => side));
  const sides = SIDES.filter((side) => asked.includes(side));
  const suites = suitesOf(values.only, sides);
  if (suites.length === 0) throw usage(`${values.only?.join(", ")}: not run on ${sides.join(", ")}`);
  return {
    suites,
    sides,
    chosen: values.case ?? [],
    slow: values.slow ?? false,
    json: values.json ?? false,
  };
}

/** Those that are asked for, in their own order, without those that none of the sides has. */
function suitesOf(names: readonly string[] | undefined, sides: readonly SideName[]): Suite[] {
  const only = names?.map((name) => one("test", name, SUITES, (suite) => suite.name)) ?? SUITES;
  return SUITES.filter(
    (suite) => only.includes(suite) && (suite.sides?.some((side) => sides.includes(side)) ?? true),
  );
}

function one<T>(what: string, name: string, all: readonly T[], nameOf: (one: T) => string): T {
  const found = all.find((candidate) => nameOf(candidate) === name);
  if (found === undefined)
    throw usage(`there is no ${what} "${name}"; there are ${all.map(nameOf).join(", ")}`);
  return found;
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: "string", multiple: true },
        side: { type: "string", multiple: true },
        case: { type: "string", multiple: true },
        slow: { type: "boolean" },
        list: { type: "boolean" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function usage(problem: string): UserError {
  return new UserError(`${problem}\nnpm run qemu-tests -- --help tells how it is used`);
}

/** npm run fuzz: a scripted device and QEMU's own model of it do the same random operations, and must not differ. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { checkGiven, givenProgram } from "./bench/subjects.ts";
import type { Options } from "./fuzz/fuzz.ts";
import { runMain } from "./lib/cli.ts";
import { UserError } from "./lib/errors.ts";
import { prepare } from "./lib/prepare.ts";

const DEFAULT_OPS = 200_000;

const HELP = `Usage: npm run fuzz -- [OPTIONS]
       npm run fuzz -- --replay FILE [--script FILE]

Does random operations on a scripted device and on QEMU's own model of the same device, each in a
machine without a guest: accesses of all sizes, input and breaks on the serial line, levels of pins,
time that passes, resets. Every value read, every interrupt line, every byte sent, every error logged
and every trace event must be equal. The sequence that led to a difference is made as short as it can
be, printed, and kept in build/fuzz, from where --replay does it again.

OPTIONS
  --device NAME   pl011, pl061 or edu (pl011)
  --board NAME    on this board only; otherwise the operations are shared among all that it knows
  --ops N         operations (${DEFAULT_OPS})
  --seed S        a number that decides all that is random; printed if it is not given
  --script FILE   the script to compare, in place of devices/NAME.ts
  --replay FILE   do the operations of this file
  -h, --help      show this

Exit status: 0 if there is no difference, 1 if there is one or if something went wrong.

Environment:
  QEMU_SCRIPT_PROGRAM=CMD   the program to test, in place of building one
`;

await runMain(async () => {
  const options = parse(Bun.argv.slice(2));
  if (options === "help") {
    process.stdout.write(HELP);
    return 0;
  }
  checkGiven();
  await prepare({ guests: [], patched: !givenProgram });
  // The rest needs the program.
  const { fuzz } = await import("./fuzz/fuzz.ts");
  return await fuzz(options);
});

function parse(argv: readonly string[]): Options | "help" {
  const values = parsed(argv);
  if (values.help) return "help";
  const { device, board, script, replay } = values;
  return {
    device,
    board,
    script: script === undefined ? undefined : file(script),
    replay: replay === undefined ? undefined : file(replay),
    ops: whole("--ops", values.ops, 1) ?? DEFAULT_OPS,
    seed: whole("--seed", values.seed, 0) ?? Math.floor(Math.random() * 2 ** 32),
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        device: { type: "string" },
        board: { type: "string" },
        ops: { type: "string" },
        seed: { type: "string" },
        script: { type: "string" },
        replay: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function whole(option: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text.replaceAll("_", ""));
  if (text === "" || !Number.isSafeInteger(value) || value < least)
    throw usage(`${option} takes a whole number from ${least}, not "${text}"`);
  return value;
}

function file(name: string): string {
  const path = resolve(name);
  if (!existsSync(path)) throw new UserError(`there is no file ${name}`);
  return path;
}

function usage(problem: string): UserError {
  return new UserError(`${problem}\nnpm run fuzz -- --help tells how it is used`);
}

/** The C programs and libraries of benches: scripts/bench/native/*.c. */
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../lib/paths.ts";
import { run, startLog } from "../lib/process.ts";

const FLAGS = ["-O2", "-Wall", "-Werror"];

/** @returns the program that NAME.c makes */
export function compileProgram(name: string): Promise<string> {
  return compile(name, join(paths.build, "bench", name), []);
}

/** @returns the library that NAME.c makes */
export function compileLibrary(name: string): Promise<string> {
  return compile(name, join(paths.build, "bench", `${name}.so`), ["-shared", "-fPIC"]);
}

async function compile(name: string, to: string, flags: readonly string[]): Promise<string> {
  const own = `${to}.${process.pid}`;
  const log = join(paths.build, "logs", `bench-${name}.log`);
  mkdirSync(join(paths.build, "bench"), { recursive: true });
  startLog(log);
  const source = join(paths.root, "scripts", "bench", "native", `${name}.c`);
  const what = `compiling scripts/bench/native/${name}.c`;
  await run("gcc", [...FLAGS, ...flags, "-o", own, source], { what, log });
  // Another run may be using the one that was there.
  renameSync(own, to);
  return to;
}

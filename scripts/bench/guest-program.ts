/** Bare-metal arm64 guests: test/guests/*.S, assembled with their constants, and how QEMU runs them. */
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { paths } from "../lib/paths.ts";
import { run, startLog } from "../lib/process.ts";
import type { Subject } from "./bench.ts";

/** Where "virt" has the RAM that it leaves to a kernel; the device tree lies at its start. */
const LOAD_ADDRESS = "0x40080000";

const TOOLS = "aarch64-linux-gnu-";

/** @returns the ELF file of a guest assembled with these values of its constants */
export async function assemble(
  name: string,
  constants: Readonly<Record<string, number>> = {},
): Promise<string> {
  const sources = join(paths.root, "test", "guests");
  const symbols = Object.entries(constants).map(([key, value]) => `${key}=${value}`);
  const stem = join(paths.build, "bench", [name, ...symbols].join(","));
  const own = `${stem}.${process.pid}`;
  const log = join(paths.build, "logs", `guest-${name}.log`);
  mkdirSync(dirname(stem), { recursive: true });
  startLog(log);
  const what = `assembling test/guests/${name}.S`;
  const defines = symbols.flatMap((symbol) => ["--defsym", symbol]);
  await run(`${TOOLS}as`, ["-I", sources, ...defines, "-o", `${own}.o`, join(sources, `${name}.S`)], {
    what,
    log,
  });
  await run(`${TOOLS}ld`, [`-Ttext=${LOAD_ADDRESS}`, "-o", `${own}.elf`, `${own}.o`], { what, log });
  rmSync(`${own}.o`);
  // Another run may be using the one that was there.
  renameSync(`${own}.elf`, `${stem}.elf`);
  return `${stem}.elf`;
}

/** Arguments that run a guest with its console on the character device `serial` names (as -serial takes it). */
export function guestArguments(subject: Subject, program: string, serial = "stdio"): string[] {
  const machine = ["-M", "virt", "-cpu", "cortex-a57", "-m", "128", "-nic", "none", "-display", "none"];
  return [...subject.args, ...machine, "-monitor", "none", "-serial", serial, "-kernel", program];
}

/** A line `NAME COUNT TICKS` that a guest printed. */
export interface Line {
  readonly name: string;
  readonly count: number;
  /** Of the guest's counter. */
  readonly ticks: number;
}

/**
 * The lines that a guest printed, and how many ticks of its counter are a second.
 *
 * @throws Error when that is not among the lines
 */
export function parseLines(transcript: string): {
  readonly lines: readonly Line[];
  readonly frequency: number;
} {
  const all = [...transcript.matchAll(/^(\w+) ([0-9a-f]{16}) ([0-9a-f]{16})\r?$/gm)].map(
    ([, name = "", count = "", ticks = ""]) => ({
      name,
      count: Number(`0x${count}`),
      ticks: Number(`0x${ticks}`),
    }),
  );
  const frequency = all.find(({ name }) => name === "frequency")?.ticks;
  if (!frequency) throw new Error(`the guest did not tell its counter's frequency:\n${transcript}`);
  return { lines: all.filter(({ name }) => name !== "frequency"), frequency };
}

/** The times that a guest printed, by name: ns for one of what it repeated, in each of the calls it timed. */
export function parseTimings(transcript: string): ReadonlyMap<string, readonly number[]> {
  const { lines, frequency } = parseLines(transcript);
  const times = new Map<string, number[]>();
  for (const { name, count, ticks } of lines) {
    const own = times.get(name) ?? [];
    times.set(name, own);
    own.push(((ticks / frequency) * 1e9) / count);
  }
  return times;
}

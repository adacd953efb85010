/** The accesses that took longest: what collecting garbage, compiling and the event loop add now and then. */
import { type Bench, type Figure, type Sample, type Subject, TITLES } from "./bench.ts";
import { assemble, type Line, parseLines } from "./guest-program.ts";
import { printed } from "./measured-guest.ts";
import { benchDevice } from "./subjects.ts";

/** UARTMIS. */
const UART_MIS = 0x0900_0040;
const DEVICE = 0x0c00_0000;
const WARMUP = 1_000_000;
/** Beyond what the guest takes by itself: to start, and to print. */
const LIMIT_MS = 60_000;

const SHARES = { p50: 0.5, p99: 0.99, p999: 0.999, max: 1 } as const;
const NAMES = { p50: "median", p99: "p99", p999: "p99.9", max: "longest" } as const;

const figures = (prefix: string, title: string): [string, Figure][] => [
  ...Object.entries(NAMES).map(([name, text]): [string, Figure] => [
    prefix + name,
    { title: `${title}, ${text}`, unit: "µs", digits: name === "max" ? 0 : 2 },
  ]),
  [`${prefix}long`, { title: `${title}, over 1 ms`, unit: "a minute", digits: 0 }],
];

const programs = { uart: "", device: "" };
let ms = 0;

export const latency: Bench = {
  name: "latency",
  about: "each of many reads by itself: the slowest",
  details: `Reads of the PL011's MIS, and, ${TITLES.script} only, of a register whose getter leaves garbage behind.`,
  baseline: "library",
  rounds: 1,
  figures: Object.fromEntries([...figures("", "MIS"), ...figures("careless_", "careless getter")]),
  targets: [],

  async prepare({ seconds }) {
    ms = 1000 * seconds;
    programs.uart = await assemble("latency", { ADDRESS: UART_MIS, WARMUP, MS: ms });
    programs.device = await assemble("latency", { ADDRESS: DEVICE, WARMUP, MS: ms });
  },

  async run(subject) {
    const uart = await accesses(subject, programs.uart);
    if (subject.side !== "script") return uart;
    const args = [...subject.args, ...benchDevice("careless")];
    const careless = Object.entries(await accesses({ ...subject, args }, programs.device));
    return { ...uart, ...Object.fromEntries(careless.map(([name, us]) => [`careless_${name}`, us])) };
  },
};

async function accesses(subject: Subject, program: string): Promise<Sample> {
  return latencies(parseLines(await printed(subject, program, ms + LIMIT_MS)), ms);
}

/** Quantiles in µs, of lines that each stand for `count` accesses; and how many took long, of what took `during` ms. */
export function latencies(
  { lines, frequency }: { lines: readonly Line[]; frequency: number },
  during: number,
): Sample {
  const sorted = [...lines].sort((a, b) => a.ticks - b.ticks);
  const all = sorted.reduce((sum, { count }) => sum + count, 0);
  const at = (share: number): number => {
    let left = share * all;
    for (const { count, ticks } of sorted) {
      left -= count;
      if (left <= 0) return (ticks / frequency) * 1e6;
    }
    return NaN;
  };
  const long = lines.filter(({ ticks }) => ticks > frequency / 1000);
  return {
    ...Object.fromEntries(Object.entries(SHARES).map(([name, share]) => [name, at(share)])),
    long: long.reduce((sum, { count }) => sum + count, 0) * (60_000 / during),
  };
}

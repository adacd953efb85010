/** Four vCPUs on one device: is every access served, and every vCPU? */
import { type Bench, type Sample, TITLES } from "./bench.ts";
import { assemble, type Line, parseLines } from "./guest-program.ts";
import { printed } from "./measured-guest.ts";
import { benchDevice } from "./subjects.ts";

const MS = 3_000;
/** UARTICR: a write of 1 clears nothing that is ever set. */
const UART_ICR = 0x0900_0044;
const DEVICE = 0x0c00_0000;

const programs = { uart: "", sum: "" };

export const fair: Bench = {
  name: "fair",
  about: "four vCPUs on one device, multi-threaded TCG",
  details: `All four write for ${MS / 1000} s. ${TITLES.script}: to a small device that counts; C: to the PL011's ICR.`,
  baseline: "library",
  figures: {
    total: { title: "all of them", unit: "accesses/ms", digits: 0, moreIsBetter: true },
    least: { title: "the vCPU with the fewest", unit: "accesses/ms", digits: 1, moreIsBetter: true },
    spread: { title: "the vCPU with the most, compared with it", unit: "times", digits: 2 },
    longest: { title: "longest access of all", unit: "ms", digits: 2 },
    lost: { title: "accesses that the device did not see", unit: "accesses", digits: 0 },
  },
  targets: [
    { figure: "lost", side: "script", compare: "value", atMost: 0 },
    { figure: "longest", side: "script", against: "library", compare: "difference", atMost: 100 },
  ],

  async prepare() {
    programs.uart = await assemble("fair", { ADDRESS: UART_ICR, TOTAL: 0, MS });
    programs.sum = await assemble("fair", { ADDRESS: DEVICE, TOTAL: DEVICE + 4, MS });
  },

  async run(subject) {
    const scripted = subject.side === "script";
    const device = scripted ? benchDevice("sum") : [];
    const args = [...subject.args, ...device, "-smp", "4", "-accel", "tcg,thread=multi"];
    return shares(
      parseLines(await printed({ ...subject, args }, scripted ? programs.sum : programs.uart)),
      MS,
    );
  },
};

/** What the guest counted during `ms`. */
export function shares(
  { lines, frequency }: { lines: readonly Line[]; frequency: number },
  ms: number,
): Sample {
  const cpus = lines.filter(({ name }) => /^cpu\d$/.test(name));
  const counts = cpus.map(({ count }) => count);
  const all = counts.reduce((sum, count) => sum + count, 0);
  const seen = lines.find(({ name }) => name === "total")?.count;
  return {
    total: all / ms,
    least: Math.min(...counts) / ms,
    spread: Math.max(...counts) / Math.min(...counts),
    longest: (Math.max(...cpus.map(({ ticks }) => ticks)) / frequency) * 1000,
    ...(seen === undefined ? {} : { lost: all - seen }),
  };
}

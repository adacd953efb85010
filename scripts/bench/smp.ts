/** What an access costs a vCPU that has a thread of its own, and has to hand each access over. */
import type { Bench, Subject } from "./bench.ts";
import { assemble } from "./guest-program.ts";
import { timings } from "./measured-guest.ts";
import { quantile } from "./statistics.ts";

const COUNT = 1_000;
const WARMUP = 20_000;
/** Of MIS. */
const OFFSET = 0x40;

const programs = { busy: "", asleep: "" };

export const smp: Bench = {
  name: "smp",
  about: "one read of MIS by the second vCPU, multi-threaded TCG",
  baseline: "library",
  figures: {
    busyMedian: { title: "the first computes, median", unit: "µs", digits: 2 },
    busyP99: { title: "the same, p99", unit: "µs", digits: 1 },
    asleepMedian: { title: "the first sleeps, median", unit: "µs", digits: 2 },
    asleepP99: { title: "the same, p99", unit: "µs", digits: 1 },
  },
  targets: [
    { figure: "busyMedian", side: "script", compare: "value", atMost: 6 },
    { figure: "asleepMedian", side: "script", compare: "value", atMost: 30 },
  ],

  async prepare() {
    programs.busy = await assemble("smp", { BUSY: 1, COUNT, WARMUP, OFFSET });
    programs.asleep = await assemble("smp", { BUSY: 0, COUNT, WARMUP, OFFSET });
  },

  async run(subject) {
    const [busyMedian, busyP99] = await read(subject, programs.busy);
    const [asleepMedian, asleepP99] = await read(subject, programs.asleep);
    return { busyMedian, busyP99, asleepMedian, asleepP99 };
  },
};

/** @returns median and 99th percentile in µs */
async function read(subject: Subject, program: string): Promise<[number, number]> {
  const args = [...subject.args, "-smp", "2", "-accel", "tcg,thread=multi"];
  const times = (await timings({ ...subject, args }, program)).get("read") ?? [];
  const sorted = [...times].sort((a, b) => a - b);
  return [quantile(sorted, 0.5) / 1000, quantile(sorted, 0.99) / 1000];
}

/** What there is to pay before the guest's first instruction. */
import type { Bench, Sample, Subject } from "./bench.ts";
import { assemble, guestArguments } from "./guest-program.ts";
import { withGuest } from "./measured-guest.ts";
import { peakMegabytes } from "./process-figures.ts";
import { summary } from "./statistics.ts";

const LIMIT_MS = 30_000;
/** In each round. */
const STARTS = 5;

let program = "";

export const startup: Bench = {
  name: "startup",
  about: "from starting the program to the first byte that its guest sends",
  baseline: "stock",
  figures: {
    time: { title: "time", unit: "ms", digits: 0 },
    memory: { title: "peak resident memory by then", unit: "MB", digits: 1 },
  },
  targets: [
    { figure: "time", side: "script", against: "stock", compare: "difference", atMost: 120 },
    { figure: "memory", side: "script", against: "stock", compare: "difference", atMost: 80 },
  ],

  async prepare() {
    program = await assemble("idle", { HZ: 0 });
  },

  async run(subject) {
    const starts: Sample[] = [];
    for (let i = 0; i < STARTS; i++) starts.push(await start(subject));
    const median = (name: string): number => summary(starts.map((sample) => sample[name] ?? NaN)).median;
    return { time: median("time"), memory: median("memory") };
  },
};

async function start(subject: Subject): Promise<Sample> {
  const began = performance.now();
  return await withGuest(subject, guestArguments(subject, program), async (guest) => {
    await guest.waitFor("R", LIMIT_MS, "the guest's first byte");
    const time = performance.now() - began;
    return { time, memory: guest.pid === undefined ? NaN : peakMegabytes(guest.pid) };
  });
}

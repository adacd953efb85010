/** What there is to pay before the guest's first instruction. */
import type { Bench } from "./bench.ts";
import { assemble, guestArguments } from "./guest-program.ts";
import { withGuest } from "./measured-guest.ts";
import { peakMegabytes } from "./process-figures.ts";

const LIMIT_MS = 30_000;

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
    { figure: "time", side: "script", against: "stock", compare: "difference", atMost: 200 },
    { figure: "memory", side: "script", against: "stock", compare: "difference", atMost: 100 },
  ],

  async prepare() {
    program = await assemble("idle", { HZ: 0 });
  },

  async run(subject) {
    const start = performance.now();
    return await withGuest(subject, guestArguments(subject, program), async (guest) => {
      await guest.waitFor("R", LIMIT_MS, "the guest's first byte");
      const time = performance.now() - start;
      return { time, memory: guest.pid === undefined ? NaN : peakMegabytes(guest.pid) };
    });
  },
};

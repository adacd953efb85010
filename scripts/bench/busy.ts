/** What a guest loses that only computes. */
import type { Bench } from "./bench.ts";
import { assemble } from "./guest-program.ts";
import { timings } from "./measured-guest.ts";
import { undisturbed } from "./statistics.ts";

/** About 8 ms: turns of the event loop, every 4 ms, are in each call. */
const CHUNK = 560_000;
const CALLS = 250;
const WARMUP = 1_000_000;
const INSTRUCTIONS = 16;

let program = "";

export const busy: Bench = {
  name: "busy",
  about: "a guest loop that never leaves the CPU",
  baseline: "stock",
  figures: {
    loop: { title: "time of 1,000 guest instructions", unit: "ns", digits: 1 },
    above: { title: "average above that", unit: "%", digits: 1 },
  },
  targets: [
    { figure: "loop", side: "script", against: "stock", compare: "ratio", atMost: 1.02 },
    { figure: "loop", side: "library", against: "stock", compare: "ratio", atMost: 1.02 },
  ],

  async prepare() {
    program = await assemble("busy", { CHUNK, CALLS, WARMUP });
  },

  async run(subject) {
    const { time, above } = undisturbed((await timings(subject, program)).get("busy") ?? []);
    return { loop: (time * 1000) / INSTRUCTIONS, above };
  },
};

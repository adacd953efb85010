/** What a guest loses that only computes. */
import type { Bench } from "./bench.ts";
import { assemble } from "./guest-program.ts";
import { timings } from "./measured-guest.ts";

const ROUNDS = 60_000_000;
const WARMUP = 1_000_000;

let program = "";

export const busy: Bench = {
  name: "busy",
  about: "a guest loop of 960 million instructions that never leaves the CPU",
  baseline: "stock",
  figures: { loop: { title: "time of the loop", unit: "ms", digits: 1 } },
  targets: [
    { figure: "loop", side: "script", against: "stock", compare: "ratio", atMost: 1.02 },
    { figure: "loop", side: "library", against: "stock", compare: "ratio", atMost: 1.02 },
  ],

  async prepare() {
    program = await assemble("busy", { ROUNDS, WARMUP });
  },

  async run(subject) {
    return { loop: ((await timings(subject, program)).get("busy")?.ns ?? NaN) / 1e6 };
  },
};

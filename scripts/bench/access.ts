/** The price of one guest access to a register, as the guest sees it. */
import type { Bench, Figure, Sample } from "./bench.ts";
import { assemble } from "./guest-program.ts";
import { timings } from "./measured-guest.ts";
import { undisturbed } from "./statistics.ts";

/** About 8 ms: turns of the event loop, every 4 ms, are in each call. */
const CHUNK = 64_000;
const CALLS = 100;
/** Enough for the JIT compiler to be done with what an access runs. */
const WARMUP = 1_000_000;

const LOOPS = {
  read_fr: "read of FR",
  read_mis: "read of MIS",
  write_imsc: "write of IMSC",
} as const;

let program = "";

export const access: Bench = {
  name: "access",
  about: "one guest access to a PL011 register, the loop around it subtracted (bare metal, MMU off)",
  baseline: "library",
  figures: {
    ...Object.fromEntries(
      Object.entries(LOOPS).map(([name, title]): [string, Figure] => [
        name,
        { title, unit: "ns", digits: 1 },
      ]),
    ),
    above: { title: "average above these", unit: "%", digits: 1 },
  },
  targets: ["read_fr", "read_mis"].map((figure) => ({
    figure,
    side: "script",
    against: "library",
    compare: "ratio",
    atMost: 1.45,
  })),

  async prepare() {
    program = await assemble("access", { CHUNK, CALLS, WARMUP });
  },

  async run(subject) {
    return perAccess(await timings(subject, program));
  },
};

/** ns of one access of each kind. */
export function perAccess(times: ReadonlyMap<string, readonly number[]>): Sample {
  const of = (name: string) => undisturbed(times.get(name) ?? []);
  const empty = of("empty").time;
  const names = Object.keys(LOOPS);
  return {
    ...Object.fromEntries(names.map((name) => [name, of(name).time - empty])),
    above: names.reduce((sum, name) => sum + of(name).above, 0) / names.length,
  };
}

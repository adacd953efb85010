/** The price of one guest access to a register, as the guest sees it. */
import type { Bench, Figure, Sample, Target } from "./bench.ts";
import { assemble } from "./guest-program.ts";
import { timings } from "./measured-guest.ts";
import { undisturbed } from "./statistics.ts";

/** About 2 ms, so that many calls lose the CPU to nobody. What turns of the event loop cost is in the bench `busy`. */
export const CHUNK = 16_000;
const CALLS = 400;
/** Enough for the JIT compiler to be done with what an access runs. */
const WARMUP = 1_000_000;

/** What an access may take of the time that C does; QEMU's model in Rust takes 1.07 for FR and 1.15 for IMSC. */
const LOOPS = {
  read_fr: { title: "read of FR, direct", atMost: 1.03 },
  write_ilpr: { title: "write of ILPR, direct", atMost: 1.03 },
  read_mis: { title: "read of MIS, a getter", atMost: 1.2 },
  write_imsc: { title: "write of IMSC, six lines", atMost: 1.15 },
} as const;

const MOST_OF_STOCK = 1.02;

let program = "";

export const access: Bench = {
  name: "access",
  about: "one guest access to a PL011 register",
  details: "The loop around it is subtracted. Bare metal, MMU off.",
  baseline: "library",
  figures: {
    ...Object.fromEntries(
      Object.entries(LOOPS).map(([name, { title }]): [string, Figure] => [
        name,
        { title, unit: "ns", digits: 1 },
      ]),
    ),
    above: { title: "average above these", unit: "%", digits: 1 },
  },
  targets: Object.entries(LOOPS).flatMap(([figure, { atMost }]): Target[] => [
    { figure, side: "script", against: "library", compare: "ratio", atMost },
    { figure, side: "library", against: "stock", compare: "ratio", atMost: MOST_OF_STOCK },
  ]),

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

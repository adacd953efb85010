/** The price of one guest access to a register, as the guest sees it. */
import type { Bench, Figure } from "./bench.ts";
import { assemble, type Timing } from "./guest-program.ts";
import { timings } from "./measured-guest.ts";

const ACCESSES = 4_000_000;
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
  figures: Object.fromEntries(
    Object.entries(LOOPS).map(([name, title]): [string, Figure] => [name, { title, unit: "ns", digits: 1 }]),
  ),
  targets: ["read_fr", "read_mis"].map((figure) => ({
    figure,
    side: "script",
    against: "library",
    compare: "ratio",
    atMost: 1.45,
  })),

  async prepare() {
    program = await assemble("access", { ACCESSES, WARMUP });
  },

  async run(subject) {
    return perAccess(await timings(subject, program));
  },
};

/** ns of one access of each kind. */
export function perAccess(times: ReadonlyMap<string, Timing>): Record<string, number> {
  const each = (name: string): number => {
    const { ns, count } = times.get(name) ?? { ns: NaN, count: 1 };
    return ns / count;
  };
  return Object.fromEntries(Object.keys(LOOPS).map((name) => [name, each(name) - each("empty")]));
}

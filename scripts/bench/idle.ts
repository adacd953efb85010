/** What a guest costs that does nothing. */
import type { Bench, Subject } from "./bench.ts";
import { assemble, guestArguments } from "./guest-program.ts";
import { letRun, withGuest } from "./measured-guest.ts";
import { cpuSeconds } from "./process-figures.ts";

const START_LIMIT_MS = 30_000;
/** Until start-up is over, with what it leaves for later. */
const SETTLE_MS = 2_000;
const WINDOW_MS = 10_000;

const FREQUENCIES = { asleep: 0, tick250: 250 } as const;

const programs = new Map<string, string>();

export const idle: Bench = {
  name: "idle",
  about: `CPU time of a guest that sleeps (WFI), over ${WINDOW_MS / 1000} s`,
  baseline: "stock",
  figures: {
    asleep: { title: "no timer", unit: "% of a core", digits: 2 },
    tick250: { title: "timer at 250 Hz", unit: "% of a core", digits: 2 },
  },
  targets: ["asleep", "tick250"].map((figure) => ({
    figure,
    side: "script",
    against: "stock",
    compare: "difference",
    atMost: 1,
  })),

  async prepare() {
    for (const [figure, HZ] of Object.entries(FREQUENCIES))
      programs.set(figure, await assemble("idle", { HZ }));
  },

  async run(subject) {
    const sample: Record<string, number> = {};
    for (const [figure, program] of programs) sample[figure] = await percent(subject, program);
    return sample;
  },
};

async function percent(subject: Subject, program: string): Promise<number> {
  return await withGuest(subject, guestArguments(subject, program), async (guest) => {
    await guest.waitFor("R", START_LIMIT_MS, "the guest's first byte");
    const { pid } = guest;
    if (pid === undefined) return NaN;
    await letRun(guest, SETTLE_MS);
    const [start, used] = [performance.now(), cpuSeconds(pid)];
    await letRun(guest, WINDOW_MS);
    return ((cpuSeconds(pid) - used) * 100_000) / (performance.now() - start);
  });
}

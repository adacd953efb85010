/** How late a script learns that a timer of its device expired. */
import type { Bench, Subject } from "./bench.ts";
import { assemble, guestArguments } from "./guest-program.ts";
import { said, withGuest } from "./measured-guest.ts";
import { quantile } from "./statistics.ts";
import { benchDevice } from "./subjects.ts";

const ALARMS = 1_500;
/** The first ones, not counted, while code is compiled. */
const WARMUP = 300;
const LIMIT_MS = 60_000;

const programs = { busy: "", idle: "" };

export const timer: Bench = {
  name: "timer",
  about: "from a timer's time to the method that it calls",
  baseline: "script",
  sides: ["script"],
  figures: {
    busyMedian: { title: "guest that computes, median", unit: "µs", digits: 1 },
    busyP99: { title: "the same, p99", unit: "µs", digits: 1 },
    idleMedian: { title: "guest that sleeps, median", unit: "µs", digits: 1 },
    idleP99: { title: "the same, p99", unit: "µs", digits: 1 },
  },
  targets: [
    { figure: "busyMedian", side: "script", compare: "value", atMost: 30 },
    { figure: "idleMedian", side: "script", compare: "value", atMost: 60 },
  ],

  async prepare() {
    programs.busy = await assemble("spin");
    programs.idle = await assemble("idle", { HZ: 0 });
  },

  async run(subject) {
    const [busyMedian, busyP99] = await lateness(subject, programs.busy);
    const [idleMedian, idleP99] = await lateness(subject, programs.idle);
    return { busyMedian, busyP99, idleMedian, idleP99 };
  },
};

/** @returns median and 99th percentile in µs */
async function lateness(subject: Subject, program: string): Promise<[number, number]> {
  const device = benchDevice("alarm", `,count=${ALARMS},warmup=${WARMUP}`);
  return await withGuest(subject, [...guestArguments(subject, program), ...device], async (guest) => {
    const [, list = ""] = await said(guest, /^late (\[.*\])$/m, LIMIT_MS, "the alarms");
    const sorted = (JSON.parse(list) as number[]).sort((a, b) => a - b);
    return [quantile(sorted, 0.5) / 1000, quantile(sorted, 0.99) / 1000];
  });
}

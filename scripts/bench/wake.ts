/** How soon a sleeping guest, or a script, answers a byte. */
import { type Guest, GuestError } from "../lib/guest.ts";
import type { Bench, Subject } from "./bench.ts";
import { assemble, guestArguments } from "./guest-program.ts";
import { letRun, withGuest } from "./measured-guest.ts";
import { PipeLine } from "./ping.ts";
import { quantile } from "./statistics.ts";
import { benchDevice, escapeComma } from "./subjects.ts";

const PINGS = 1_000;
/** The first ones, not counted, while code is compiled. */
const WARMUP = 300;
/** Everything is asleep again by then. */
const PAUSE_MS = 1;
const START_LIMIT_MS = 30_000;

let echoing = "";
let sleeping = "";

export const wake: Bench = {
  name: "wake",
  about: "from a byte sent to a serial line to its echo, everything asleep before",
  baseline: "library",
  figures: {
    guestMedian: { title: "echo by the guest, median", unit: "µs", digits: 1 },
    guestP99: { title: "echo by the guest, p99", unit: "µs", digits: 1 },
    deviceMedian: { title: "echo by a scripted device, median", unit: "µs", digits: 1 },
    deviceP99: { title: "echo by a scripted device, p99", unit: "µs", digits: 1 },
  },
  targets: [],

  async prepare() {
    echoing = await assemble("echo");
    sleeping = await assemble("idle", { HZ: 0 });
  },

  async run(subject) {
    const [guestMedian, guestP99] = await echoOfGuest(subject);
    if (subject.side !== "script") return { guestMedian, guestP99 };
    const [deviceMedian, deviceP99] = await echoOfDevice(subject);
    return { guestMedian, guestP99, deviceMedian, deviceP99 };
  },
};

async function echoOfGuest(subject: Subject): Promise<[number, number]> {
  using line = await PipeLine.make();
  const args = [...guestArguments(subject, echoing, "chardev:line"), ...chardevOf(line)];
  return await withGuest(subject, args, async (guest) => {
    if (line.take(START_LIMIT_MS) !== "R".charCodeAt(0))
      throw new GuestError("the guest's first byte did not come", guest.everything());
    return await pings(line, guest);
  });
}

/** The guest does nothing; its first byte tells that the device is there. */
async function echoOfDevice(subject: Subject): Promise<[number, number]> {
  using line = await PipeLine.make();
  const device = benchDevice("echo", ",chardev=line");
  const args = [...guestArguments(subject, sleeping), ...chardevOf(line), ...device];
  return await withGuest(subject, args, async (guest) => {
    await guest.waitFor("R", START_LIMIT_MS, "the guest's first byte");
    return await pings(line, guest);
  });
}

function chardevOf(line: PipeLine): string[] {
  return ["-chardev", `pipe,id=line,path=${escapeComma(line.path)}`];
}

/** @returns median and 99th percentile in µs */
async function pings(line: PipeLine, guest: Guest): Promise<[number, number]> {
  const times: number[] = [];
  for (let i = 0; i < WARMUP + PINGS; i++) {
    await letRun(guest, PAUSE_MS);
    const time = line.ping(0x20 + (i % 0x5f));
    if (time === undefined) throw new GuestError(`byte ${i} was not answered`, guest.everything());
    if (i >= WARMUP) times.push(time);
  }
  times.sort((a, b) => a - b);
  return [quantile(times, 0.5), quantile(times, 0.99)];
}

/** How soon a script that was saved serves the guest. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../lib/errors.ts";
import { type Guest, GuestError } from "../lib/guest.ts";
import { paths } from "../lib/paths.ts";
import type { Bench, Subject } from "./bench.ts";
import { assemble, guestArguments } from "./guest-program.ts";
import { letRun, withGuest } from "./measured-guest.ts";
import { quantile } from "./statistics.ts";
import { escapeComma } from "./subjects.ts";

const SAVES = 40;
/** The first ones, not counted, while code is compiled. */
const WARMUP = 10;
/** Between two saves, at least. */
const PAUSE_MS = 50;
const LIMIT_MS = 30_000;
/** How often the guest looks that sleeps: the time until it does is in what is measured. */
const HZ = 1000;

const programs = { busy: "", idle: "" };

export const reload: Bench = {
  name: "reload",
  about: "from a save of the script to the first access that its new code serves",
  baseline: "script",
  sides: ["script"],
  figures: {
    busyMedian: { title: "guest that accesses it all the time, median", unit: "ms", digits: 1 },
    busyMax: { title: "the same, longest", unit: "ms", digits: 1 },
    idleMedian: { title: `guest that sleeps and looks at ${HZ} Hz, median`, unit: "ms", digits: 1 },
    idleMax: { title: "the same, longest", unit: "ms", digits: 1 },
  },
  targets: ["busyMedian", "idleMedian"].map((figure) => ({
    figure,
    side: "script",
    compare: "value",
    atMost: 50,
  })),

  async prepare() {
    programs.busy = await assemble("poll", { HZ: 0 });
    programs.idle = await assemble("poll", { HZ });
  },

  async run(subject) {
    const [busyMedian, busyMax] = await saves(subject, programs.busy);
    const [idleMedian, idleMax] = await saves(subject, programs.idle);
    return { busyMedian, busyMax, idleMedian, idleMax };
  },
};

/** devices/pl011.ts, but the first access in each generation tells when it was. */
function telling(number: number): string {
  const text = readFileSync(join(paths.root, "devices", "pl011.ts"), "utf8");
  const getter = "get activeInterrupts() {";
  if (!text.includes(getter))
    throw new UserError(`devices/pl011.ts has no ${getter}: scripts/bench/reload.ts wants it`);
  return `${text.replace(getter, `${getter}\n    tell();`)}
let told = false;
function tell() {
  if (!told) {
    told = true;
    console.error(\`<\${${number}} \${performance.timeOrigin + performance.now()}>\`);
  }
}
`;
}

/** @returns median and longest, in ms */
async function saves(subject: Subject, program: string): Promise<[number, number]> {
  const folder = mkdtempSync(join(tmpdir(), "reload-"));
  try {
    const path = join(folder, "pl011.ts");
    writeFileSync(path, telling(0));
    const script = ["-script", `path=${escapeComma(path)},replaces=pl011,watch=on`];
    const words = subject.args.slice(0, subject.args.indexOf("-script"));
    const args = guestArguments({ ...subject, args: [...words, ...script] }, program);
    return await withGuest(subject, args, (guest) => measured(guest, path));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** When a generation served its first access, in ms since 1970. */
async function timeOf(guest: Guest, number: number): Promise<number> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    const [, time] = new RegExp(`<${number} ([\\d.]+)>`).exec(guest.stderr) ?? [];
    if (time !== undefined) return Number(time);
    if (performance.now() > end)
      throw new GuestError(`generation ${number} served nothing`, guest.everything());
    await letRun(guest, 1);
  }
}

async function measured(guest: Guest, path: string): Promise<[number, number]> {
  const times: number[] = [];
  await guest.waitFor("R", LIMIT_MS, "the guest's first byte");
  for (let i = 1; i <= WARMUP + SAVES; i++) {
    await letRun(guest, PAUSE_MS);
    const text = telling(i);
    const begin = performance.timeOrigin + performance.now();
    writeFileSync(path, text);
    const served = await timeOf(guest, i);
    if (i > WARMUP) times.push(served - begin);
  }
  times.sort((a, b) => a - b);
  return [quantile(times, 0.5), times.at(-1) ?? NaN];
}

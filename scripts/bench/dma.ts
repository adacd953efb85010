/** What a device pays to copy between guest memory and a buffer of its own. */
import { type Bench, type Sample, TITLES } from "./bench.ts";
import { assemble, guestArguments } from "./guest-program.ts";
import { said, withGuest } from "./measured-guest.ts";
import { compileLibrary } from "./native.ts";
import { undisturbed } from "./statistics.ts";
import { benchDevice, escapeComma } from "./subjects.ts";

const TURNS = 20;
const WARMUP = 3;
const LIMIT_MS = 60_000;

const SIZES = { "4k": "4 KiB", "1m": "1 MiB" } as const;
const FIGURES = (["read", "write"] as const).flatMap((way) =>
  Object.entries(SIZES).map(([size, title]) => ({
    name: `${way}${size}`,
    title: `${way} of ${title}`,
    size,
  })),
);

let program = "";
let native = "";

export const dma: Bench = {
  name: "dma",
  about: "a device copies to and from guest memory",
  details:
    "From guest memory to a buffer of the device (read), and back (write). " +
    `${TITLES.library}: address_space_rw() as dma_memory_read() and dma_memory_write() call it for 4 KiB, memcpy() for ` +
    "1 MiB; in a loop in C, in the same process.",
  baseline: "library",
  sides: ["library", "script"],
  figures: Object.fromEntries(FIGURES.map(({ name, title }) => [name, { title, unit: "ns", digits: 0 }])),
  targets: FIGURES.map(({ name: figure, size }) => ({
    ...{ figure, side: "script", against: "library" },
    ...(size === "4k" ? { compare: "difference", atMost: 300 } : { compare: "ratio", atMost: 1.05 }),
  })),

  async prepare() {
    program = await assemble("idle", { HZ: 0 });
    native = await compileLibrary("copy");
  },

  async run(subject) {
    const how = subject.side === "script" ? "" : `,native=${escapeComma(native)}`;
    const device = benchDevice("copier", `,turns=${TURNS},warmup=${WARMUP}${how}`);
    const args = [...guestArguments(subject, program), ...device];
    return await withGuest(subject, args, async (guest): Promise<Sample> => {
      const [, json = ""] = await said(guest, /^copied (\{.*\})$/m, LIMIT_MS, "the copies");
      const times = Object.entries(JSON.parse(json) as Record<string, number[]>);
      return Object.fromEntries(times.map(([name, list]) => [name, undisturbed(list).time]));
    });
  },
};

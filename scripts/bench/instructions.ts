/** How many instructions the host runs for one guest access, and where. */
import { type Bench, type Sample, type Side, type Subject, TITLES } from "./bench.ts";
import { assemble, guestArguments } from "./guest-program.ts";
import { letRun, withGuest } from "./measured-guest.ts";
import { aligned } from "./report.ts";
import { PARTS, type Part, type Share, sharesOf, TRANSLATED_MB } from "./steps.ts";

const START_LIMIT_MS = 30_000;
/** Until compilers are done with what an access runs: some millions of accesses. */
const WARMUP_MS = 2_500;

const KINDS = {
  read_fr: { title: "read of FR, direct", OFFSET: 0x18, WRITE: 0 },
  write_ilpr: { title: "write of ILPR, direct", OFFSET: 0x20, WRITE: 1 },
  read_mis: { title: "read of MIS, a getter", OFFSET: 0x40, WRITE: 0 },
  write_imsc: { title: "write of IMSC, six lines", OFFSET: 0x38, WRITE: 1 },
} as const;

/** Whose functions are told one by one: those with so many instructions. */
const TOLD = "read_mis";
const LEAST = 20;

const programs = new Map<string, string>();
const told = new Map<Side, readonly Share[]>();

export const instructions: Bench = {
  name: "instructions",
  about: "host instructions for one guest access, and where",
  details:
    "The access and the branch back to it, counted instruction by instruction (ptrace) when nothing else happens.",
  baseline: "library",
  rounds: 1,
  figures: Object.fromEntries(
    Object.entries(KINDS).flatMap(([name, { title }]) => [
      [name, { title, unit: "instructions", digits: 0 }],
      ...Object.entries(PARTS).map(([part, where]) => [
        `${name}_${part}`,
        { title: `... in ${where}`, unit: "", digits: 0 },
      ]),
    ]),
  ),
  targets: [],

  async prepare() {
    for (const [name, { OFFSET, WRITE }] of Object.entries(KINDS))
      programs.set(name, await assemble("repeat", { OFFSET, WRITE }));
  },

  async run(subject) {
    const sample: Record<string, number> = {};
    for (const [name, { WRITE }] of Object.entries(KINDS)) {
      const place = WRITE ? "memory_region_dispatch_write" : "memory_region_dispatch_read";
      const shares = await ofOneAccess(subject, programs.get(name) ?? "", place);
      if (name === TOLD) told.set(subject.side, shares);
      Object.assign(sample, byPart(name, shares));
    }
    return sample;
  },

  notes() {
    const { title } = KINDS[TOLD];
    return `By function, ${title}; those with ${LEAST} instructions or more:\n\n${byFunction(told).join("\n")}`;
  },
};

/** A row for each function that has many instructions on any side. */
export function byFunction(sides: ReadonlyMap<Side, readonly Share[]>): string[] {
  const functions = new Map<string, { part: Part; name: string; counts: Map<Side, number> }>();
  for (const [side, shares] of sides) {
    for (const { part, name, count } of shares) {
      const key = `${part} ${name}`;
      const known = functions.get(key) ?? { part, name, counts: new Map() };
      known.counts.set(side, count);
      functions.set(key, known);
    }
  }
  const most = ({ counts }: { counts: ReadonlyMap<Side, number> }) => Math.max(...counts.values());
  const rows = [...functions.values()].filter((known) => most(known) >= LEAST);
  rows.sort((a, b) => most(b) - most(a));
  return aligned([
    ["in", "function", ...[...sides.keys()].map((side) => TITLES[side])],
    ...rows.map(({ part, name, counts }) => [
      PARTS[part],
      name === PARTS[part] ? "" : name,
      ...[...sides.keys()].map((side) => `${counts.get(side) ?? ""}`),
    ]),
  ]);
}

async function ofOneAccess(subject: Subject, program: string, place: string): Promise<Share[]> {
  const accelerator = ["-accel", `tcg,tb-size=${TRANSLATED_MB}`];
  const args = [...guestArguments(subject, program), ...accelerator];
  return await withGuest(subject, args, async (guest) => {
    await guest.waitFor("R", START_LIMIT_MS, "the guest's first byte");
    await letRun(guest, WARMUP_MS);
    return await sharesOf(guest, place);
  });
}

/** All of them, and those of each part that has some. */
export function byPart(name: string, shares: readonly Share[]): Sample {
  const sample: Record<string, number> = { [name]: shares.reduce((sum, { count }) => sum + count, 0) };
  for (const part of Object.keys(PARTS) as Part[]) {
    const own = shares.filter((share) => share.part === part);
    if (own.length > 0) sample[`${name}_${part}`] = own.reduce((sum, { count }) => sum + count, 0);
  }
  return sample;
}

/** Does an access cost more if there are many scripted devices? */
import { CHUNK } from "./access.ts";
import type { Bench, Subject } from "./bench.ts";
import { assemble } from "./guest-program.ts";
import { timings } from "./measured-guest.ts";
import { undisturbed } from "./statistics.ts";
import { benchDevice } from "./subjects.ts";

/** Each has a page of virt's platform bus. */
const MANY = 64;
const CALLS = 250;
const WARMUP = 1_000_000;

const programs = { one: "", many: "" };

export const many: Bench = {
  name: "many",
  about: `one read of a register, with one and with ${MANY} scripted devices`,
  baseline: "script",
  sides: ["script"],
  figures: {
    one: { title: "of the only device", unit: "ns", digits: 1 },
    amongMany: { title: `of one of ${MANY}`, unit: "ns", digits: 1 },
    inTurn: { title: `of ${MANY} in turn`, unit: "ns", digits: 1 },
    ratio: { title: `of one of ${MANY} against the only one`, unit: "times", digits: 3 },
    ratioInTurn: { title: `of ${MANY} in turn against the only one`, unit: "times", digits: 3 },
  },
  targets: ["ratio", "ratioInTurn"].map((figure) => ({
    figure,
    side: "script",
    compare: "value",
    atMost: 1.05,
  })),

  async prepare() {
    programs.one = await assemble("many", { DEVICES: 1, CHUNK, CALLS, WARMUP });
    programs.many = await assemble("many", { DEVICES: MANY, CHUNK, CALLS, WARMUP });
  },

  async run(subject) {
    const one = await perRead(subject, 1, programs.one);
    const amongMany = await perRead(subject, MANY, programs.one);
    const inTurn = await perRead(subject, MANY, programs.many);
    return { one, amongMany, inTurn, ratio: amongMany / one, ratioInTurn: inTurn / one };
  },
};

/** @returns ns */
async function perRead(subject: Subject, devices: number, program: string): Promise<number> {
  const made = Array.from({ length: devices }, () => benchDevice("counter")).flat();
  const times = await timings({ ...subject, args: [...subject.args, ...made] }, program);
  const of = (name: string): number => undisturbed(times.get(name) ?? []).time;
  return of("read") - of("empty");
}

/** The PL011's state as it migrates: that of the script is that of QEMU's model, and each goes on with the other's. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Pair } from "../lib/fuzz/pair.ts";
import { operationsOf } from "../lib/fuzz/run.ts";
import type { Board, Twin } from "../lib/fuzz/twin.ts";
import { PL011 } from "../lib/fuzz/twins/pl011.ts";
import { TEST_MS } from "../lib/limit.ts";
import { endAll } from "../lib/qemu.ts";
import { sectionOf } from "../lib/stream.ts";
import { DR } from "./manual.ts";
import { clockPeriod, FIELD } from "./pl011-stream.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const FIFO_DEPTH = 16;

/** Another one each time; the tests' names tell it. */
const SEED = Math.floor(Math.random() * 2 ** 32);

const { virt, raspi, stellaris } = PL011.boards as Record<"virt" | "raspi" | "stellaris", Board>;

const without = (board: Board): Board => ({
  ...board,
  args: [...board.args, "-global", "pl011.migrate-clk=off"],
});
/** hw_compat_5_1 says migrate-clk=off. */
const old: Board = { ...virt, args: virt.args.map((word) => (word === "virt" ? "virt-5.1" : word)) };

const BOARDS = [
  { name: "virt", board: virt, clock: "stands" },
  { name: "virt, migrate-clk=off", board: without(virt), clock: "is not in it" },
  { name: "virt-5.1", board: old, clock: "is not in it" },
  { name: "raspi", board: raspi, clock: "runs" },
  { name: "raspi, migrate-clk=off", board: without(raspi), clock: "is not in it" },
  { name: "stellaris", board: stellaris, clock: "stands" },
] as const;

function subjectOf({ name, board }: (typeof BOARDS)[number]) {
  const args = [...board.args, "-rtc", "base=2020-01-01,clock=vm"];
  // Only for raspi there are other operations.
  const key = name.split(",")[0]!;
  const twin: Twin = { ...PL011, boards: { [key]: { ...board, args } } };
  return { twin, board: key, script: twin.script };
}

/** Where two machines' states are not the same; but for the section "timer", which has the host's time. */
function difference(ours: Buffer, theirs: Buffer): string | undefined {
  for (const stream of [ours, theirs]) {
    sectionOf(stream, "timer").bytes.fill(0);
  }
  const at = ours.findIndex((byte, index) => byte !== theirs[index]);
  return at < 0 && ours.length === theirs.length
    ? undefined
    : `at ${at}, after ${JSON.stringify(ours.subarray(Math.max(at - 80, 0), at).toString("latin1"))}`;
}

/** How many characters are in the FIFO. */
async function waiting(pair: Pair): Promise<number> {
  const [stream] = await pair.save();
  return sectionOf(stream, "pl011").bytes.readInt32BE(FIELD.readCount);
}

describe.each(BOARDS)(`$name, seed ${SEED}`, (board) => {
  const STATES = 50;
  const OPS = 40;

  test(`${STATES} random states are the same in the stream, byte for byte; the clock ${board.clock}`, async () => {
    const subject = subjectOf(board);
    const pair = await Pair.start(subject);
    const source = operationsOf(subject, SEED);
    const seen = {
      states: new Set<string>(),
      periods: new Set<bigint | undefined>(),
      counts: new Set<number>(),
    };
    for (let i = 0; i < STATES; i++) {
      expect(await pair.perform(Array.from({ length: OPS }, () => source.next().value))).toBeUndefined();
      const [ours, theirs] = await pair.save();
      const { whole, bytes } = sectionOf(theirs, "pl011");
      expect(sectionOf(ours, "pl011").whole.toString("hex")).toBe(whole.toString("hex"));
      // Other devices of raspi's save memory that they never wrote to.
      expect(board.name.startsWith("raspi") ? undefined : difference(ours, theirs)).toBeUndefined();
      seen.states.add(whole.toString("hex"));
      seen.periods.add(clockPeriod(bytes));
      seen.counts.add(bytes.readInt32BE(FIELD.readCount));
    }
    expect(seen.states.size).toBeGreaterThan(STATES / 2);
    expect(seen.counts.size).toBeGreaterThan(3);
    if (board.clock === "runs") {
      expect(seen.periods.size).toBeGreaterThan(1);
    } else {
      expect([...seen.periods]).toEqual([board.clock === "stands" ? 0n : undefined]);
    }
  });

  test("each model goes on from the other's state as the other would", async () => {
    const subject = subjectOf(board);
    const pair = await Pair.start(subject);
    const source = operationsOf(subject, SEED);
    for (let i = 0; i < 2; i++) {
      expect(await pair.perform(Array.from({ length: 500 }, () => source.next().value))).toBeUndefined();
      // A FIFO with more in it than it holds, as loopback leaves it, neither model takes.
      while ((await waiting(pair)) > FIFO_DEPTH) {
        expect(await pair.perform([`readl ${DR}`])).toBeUndefined();
      }
      await pair.swap();
    }
    expect(await pair.perform(Array.from({ length: 500 }, () => source.next().value))).toBeUndefined();
  });
});

/** Random operations on the scripts and on QEMU's own models of the same devices: nothing may tell them apart. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { faulty } from "../lib/fuzz/faulty.ts";
import type { Subject } from "../lib/fuzz/pair.ts";
import { type Found, replay, run } from "../lib/fuzz/run.ts";
import { shrink } from "../lib/fuzz/shrink.ts";
import { tell } from "../lib/fuzz/story.ts";
import type { Twin } from "../lib/fuzz/twin.ts";
import { EDU } from "../lib/fuzz/twins/edu.ts";
import { PL011 } from "../lib/fuzz/twins/pl011.ts";
import { PL061 } from "../lib/fuzz/twins/pl061.ts";
import { TEST_MS } from "../lib/limit.ts";
import { endAll } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

/** Another one each time; the tests' names tell it, for `npm run fuzz -- --seed`. */
const SEED = Math.floor(Math.random() * 2 ** 32);

/** Operations of each device, on all its boards together. */
const AMOUNTS = [
  { twin: PL011, ops: 200_000 },
  { twin: PL061, ops: 60_000 },
  { twin: EDU, ops: 40_000 },
];

const CASES = AMOUNTS.flatMap(({ twin, ops }) => {
  const boards = Object.keys(twin.boards);
  return boards.map((board) => ({ twin, board, ops: Math.ceil(ops / boards.length), name: twin.name }));
});

test.each(CASES)(`$ops operations of $name on $board, seed ${SEED}`, async ({ twin, board, ops }) => {
  const subject = { twin, board, script: twin.script };
  const found = await run(subject, { ops, seed: SEED });
  expect(found && (await story(subject, found))).toBeUndefined();
});

async function story(subject: Subject, found: Found): Promise<string> {
  return tell(subject, await shrink(found, (operations) => replay(subject, operations)));
}

/** What registers and lines say must show a fault even if no trace event did. */
const UNTRACED: Twin = { ...PL011, traces: [] };

describe("a planted fault is found", () => {
  const OPS = 40_000;

  test.each([
    { fault: "a bit too many", right: "mask: 0x3f,", wrong: "mask: 0x7f," },
    { fault: "lines exchanged", right: '"UARTRXINTR", bits: INT.RX', wrong: '"UARTRXINTR", bits: INT.TX' },
    { fault: "another error bit", right: "DR_BE = 0x400", wrong: "DR_BE = 0x200" },
    { fault: "not all is reset", right: "ifl: u32(0x12)", wrong: "ifl: u32(0)" },
    {
      fault: "a FIFO that overflows less",
      right: "this.readCount++)",
      wrong: "(this.room > -3 ? this.readCount++ : this.readCount))",
    },
    { fault: "input in loopback", right: "if (!this.loopback) {\n      for", wrong: "{\n      for" },
    { fault: "an interrupt that stays", right: "this.intLevel &= ~INT.RX", wrong: "this.intLevel &= ~0" },
  ])("in what is read and in lines: $fault", async ({ right, wrong }) => {
    const found = await run(
      { twin: UNTRACED, board: "virt", script: faulty(PL011, right, wrong) },
      { ops: OPS, seed: 1 },
    );
    expect(found?.difference.what).toBe("reads and lines");
  });

  test("in what is sent", async () => {
    const path = faulty(PL011, "chardev.put(byte)", "chardev.put(byte & 0x7f)");
    const found = await run({ twin: UNTRACED, board: "virt", script: path }, { ops: OPS, seed: 1 });
    expect(found?.difference.what).toBe("serial output");
  });

  test("in what is logged", async () => {
    const path = faulty(PL011, "DMA not implemented", "DMA is not implemented");
    const found = await run({ twin: PL011, board: "virt", script: path }, { ops: OPS, seed: 1 });
    expect(found?.difference.what).toBe("log");
    expect(found?.difference.ours).toContain("DMA is not implemented");
  });

  test.each([
    { fault: "another word", right: "RXFF set", wrong: "RXFF is set" },
    { fault: "another baud rate", right: "64 * ibrd + fbrd", wrong: "64 * ibrd" },
    {
      fault: "another order",
      right: "this.rsr = character >>> 8;\n    this.update();",
      wrong: "this.update();\n    this.rsr = character >>> 8;\n    this.update();",
    },
    { fault: "a register without its name", right: "IFLS: {", wrong: "FLS: {" },
  ])("in trace events: $fault", async ({ right, wrong }) => {
    const subject = { twin: PL011, board: "raspi", script: faulty(PL011, right, wrong) };
    const found = await run(subject, { ops: OPS, seed: 1 });
    expect(found?.difference.what).toBe("log");
    expect(found?.difference.theirs).toStartWith("pl011_");
  });

  test("that ends QEMU", async () => {
    const path = faulty(PL011, "refuseDma() {", 'refuseDma() {\n    process.kill(process.pid, "SIGKILL");');
    const found = await run({ twin: PL011, board: "virt", script: path }, { ops: OPS, seed: 1 });
    expect(found?.difference.ours).toContain("QEMU ended (SIGKILL)");
    expect(found?.operations.at(-1)).toMatch(/^write\w 0x4/);
  });

  test("in another device: pins, trace events, time and memory", async () => {
    const pins = faulty(PL061, "if (!(this.dir & bit))", "if (bit)");
    const transfers = faulty(EDU, "+ TRANSFER_TIME)", "+ TRANSFER_TIME + 1)");
    const both = [
      { twin: { ...PL061, traces: [] }, board: "stellaris", script: pins },
      { twin: EDU, board: "virt", script: transfers },
    ];
    for (const subject of both) {
      const found = await run(subject, { ops: OPS, seed: 1 });
      expect(found?.difference.what).toBe("reads and lines");
    }
    const text = faulty(PL061, "} GPIOIE $", "} GPIOIE: $");
    const found = await run({ twin: PL061, board: "realview", script: text }, { ops: OPS, seed: 1 });
    expect(found?.difference.what).toBe("log");
  });
});

test("of the sequence that shows a fault, nothing is left that is not needed", async () => {
  const path = faulty(PL011, "if (!this.loopback) {\n      for", "{\n      for");
  const subject = { twin: PL011, board: "virt", script: path };
  const attempt = (operations: readonly string[]) => replay(subject, operations);
  const { operations, difference } = await shrink((await run(subject, { ops: 40_000, seed: 1 }))!, attempt);
  expect(operations.length).toBeWithin(2, 5);
  expect(difference.at).toBe(operations.length - 1);
  expect(await attempt(operations)).toMatchObject({ difference });
  for (const index of operations.keys()) {
    expect(await attempt(operations.toSpliced(index, 1))).toBeUndefined();
  }
  expect(await replay({ ...subject, script: PL011.script }, operations)).toBeUndefined();
});

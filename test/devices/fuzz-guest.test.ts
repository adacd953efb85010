/**
 * Random accesses by a guest to the scripts and to QEMU's own models: the same values, interrupts and output. qtest, by
 * which fuzz.test.ts does it, has no vCPU; this goes the short way into a script, and to what C serves for it.
 */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { faulty } from "../lib/fuzz/faulty.ts";
import { access } from "../lib/fuzz/operation.ts";
import { operationsOf } from "../lib/fuzz/run.ts";
import { replacement } from "../lib/fuzz/side.ts";
import type { Twin } from "../lib/fuzz/twin.ts";
import { PL011 } from "../lib/fuzz/twins/pl011.ts";
import { PL061 } from "../lib/fuzz/twins/pl061.ts";
import { bareMetal, guest, VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { endAll, folder, Qemu } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

/** Another one each time, which the tests' names tell. */
const SEED = Math.floor(Math.random() * 2 ** 32);
const COUNT = 200_000;

/** As test/fixtures/guests/replay.S has it. */
const TABLE = 0x4300_0000;
const ENTRY = { size: 24, offset: 4, value: 8, pending: 16, write: 256 } as const;

interface Subject {
  readonly twin: Twin;
  readonly base: number;
}

const SUBJECTS: readonly Subject[] = [
  { twin: PL011, base: VIRT.uart },
  { twin: PL061, base: 0x0903_0000 },
];

/** Those of the operations that a guest without an MMU can do: aligned accesses. */
function tableOf(twin: Twin, seed: number, count: number): Buffer {
  const accesses = operationsOf({ twin, board: "virt", script: twin.script }, seed)
    .map(access)
    .filter((found) => found !== undefined)
    .filter(({ offset, size }) => size <= 8 && offset !== undefined && offset % size === 0);
  const table = Buffer.alloc((count + 1) * ENTRY.size);
  let at = 0;
  for (const { write, offset, size, value } of accesses.take(count)) {
    table.writeUInt32LE(size + (write ? ENTRY.write : 0), at);
    table.writeUInt32LE(offset!, at + ENTRY.offset);
    table.writeBigUInt64LE(value, at + ENTRY.value);
    at += ENTRY.size;
  }
  return table;
}

/** Runs the guest on the table. @returns the table as it is then, and what came out of the UART */
async function done({ base }: Subject, table: Buffer, more: readonly string[]) {
  const [before, after] = ["before", "after"].map((name) => join(folder(), name));
  writeFileSync(before!, table);
  const loader = ["-device", `loader,file=${before},addr=${TABLE},force-raw=on`, "-no-shutdown"];
  const qemu = await Qemu.start({
    args: [...bareMetal(guest("replay", { BASE: base })), ...loader, ...more],
    lines: ["console"],
  });
  await qemu.qmp.waitForEvent("SHUTDOWN", SOON_MS);
  await qemu.qmp.execute("pmemsave", { val: TABLE, size: table.length, filename: after });
  await qemu.quit();
  expect(qemu.stderr.all).toBe("");
  const result = readFileSync(after!);
  // It did them all.
  expect(result.readUInt32LE(result.length - ENTRY.size + ENTRY.pending)).toBe(1);
  return { table: result, output: qemu.line("console").text.all };
}

const replacing = ({ twin }: Subject, path = twin.script) => replacement(twin.boards["virt"]!, path);

/** What came of an access, for people. */
function entry(table: Buffer, index: number): string {
  const at = index * ENTRY.size;
  const size = table.readUInt32LE(at);
  const what = `${size & ENTRY.write ? "write" : "read"} of ${size & 0xff} at 0x${table.readUInt32LE(at + 4).toString(16)}`;
  const value = table.readBigUInt64LE(at + ENTRY.value).toString(16);
  return `${index}: ${what}: 0x${value}, pending 0x${table.readUInt32LE(at + ENTRY.pending).toString(16)}`;
}

/** The first access of which something else came, as it was in both. */
function difference(a: Buffer, b: Buffer): readonly [string, string] | undefined {
  const found = a.findIndex((byte, index) => byte !== b[index]);
  const index = Math.floor(found / ENTRY.size);
  return found < 0 ? undefined : [entry(a, index), entry(b, index)];
}

describe.each(SUBJECTS)("$twin.name", (subject) => {
  test.each([
    ["C serves what it can", []],
    [
      "everything is traced",
      ["memory_region_ops_*", "pl0*"].flatMap((events) => ["-trace", events]).concat("-D", "/dev/null"),
    ],
  ])(`${COUNT} accesses while %s, seed ${SEED}`, async (_, more) => {
    const table = tableOf(subject.twin, SEED, COUNT);
    const [ours, theirs] = await Promise.all([
      done(subject, table, [...replacing(subject), ...more]),
      done(subject, table, more),
    ]);
    expect(difference(ours.table, theirs.table)).toBeUndefined();
    expect(ours.output).toBe(theirs.output);
    expect(difference(ours.table, table)).toBeDefined();
  });
});

test.each([
  ["in what is read", "this.rsr = character >>> 8", "this.rsr = character >>> 7"],
  ["in a line", '"UARTINTR", bits: 0x7ff', '"UARTINTR", bits: 0x7df'],
  ["in a direct register", 'field: "ilpr" }', 'field: "ilpr", mask: 0xff }'],
])("a planted fault is found %s", async (_, right, wrong) => {
  const subject = SUBJECTS[0]!;
  const table = tableOf(PL011, 1, 10_000);
  const [ours, theirs] = await Promise.all([
    done(subject, table, replacing(subject, faulty(PL011, right, wrong))),
    done(subject, table, []),
  ]);
  expect(difference(ours.table, theirs.table)).toBeDefined();
});

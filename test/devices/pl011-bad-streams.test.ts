/** Bad streams, made of a real one: what QEMU's PL011 refuses the script refuses, in the same words. */

import { afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { closeSync, copyFileSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { VIRT } from "../lib/guest-code.ts";
import { TEST_MS } from "../lib/limit.ts";
import { NAME } from "../lib/program.ts";
import { endAll, folder, Qemu } from "../lib/qemu.ts";
import { load, makeImage, save, withImage } from "../lib/snapshots.ts";
import { sectionOf } from "../lib/stream.ts";
import { FR, LCR_H } from "./manual.ts";
import { args, cut, FIELD, Original, PERIOD, SIZE, set, start, withBoth } from "./pl011-stream.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

let real: Original;
beforeAll(async () => {
  real = await Original.take();
});

/** What QEMU says. */
const LOADING = "error while loading state for instance 0x0 of device 'pl011'";
const OLD = "pl011: incoming version_id 1 is too old for local minimum version_id  2";
const NEW = "savevm: unsupported version 3 for 'pl011' v2";
const NEW_SUBSECTION = "pl011/clock: incoming version_id 2 is too new for local version_id 1";
const UNKNOWN =
  "Unknown savevm section or instance 'pl011' 7. Make sure that your current VM setup matches your saved VM setup, " +
  "including any hotplugged devices";
const NO_FOOTER = "check_section_footer: Read section footer failed: -5";
/** The last line gives the reason. */
const says = (reason: string, ...before: readonly string[]) => [
  ...before,
  `load of migration failed: ${reason}`,
];
const REFUSED = says("Operation not permitted", LOADING);
const INVALID = "Invalid argument";
const lacks = (...fields: readonly string[]) =>
  says("Input/output error", ...fields.map((field) => `Failed to load ${field}`), LOADING);

test.each([
  ["read_pos 16", set(FIELD.readPos, 16), REFUSED],
  ["read_pos -1", set(FIELD.readPos, -1), REFUSED],
  ["read_count 17", set(FIELD.readCount, 17), REFUSED],
  ["read_count -1", set(FIELD.readCount, -1), REFUSED],
  ["an older version", set(-4, 1), says(INVALID, OLD, LOADING)],
  ["a newer version", set(-4, 3), says(INVALID, NEW)],
  ["a newer subsection", set(PERIOD - 4, 2), says(INVALID, NEW_SUBSECTION, LOADING)],
  ["an unknown subsection", set(PERIOD - 8, 0), says("No such file or directory", LOADING)],
  ["an unknown instance", set(-8, 7), says(INVALID, UNKNOWN)],
  ["the end before the fields", cut(0), lacks("pl011:unused")],
  ["the end in a field", cut(FIELD.cr + 2), lacks("pl011:cr")],
  ["the end in the FIFO", cut(FIELD.readFifo + 32), lacks("pl011:read_fifo")],
  ["the end before the last field", cut(FIELD.readTrigger), lacks("pl011:read_trigger")],
  ["the end after the fields", cut(SIZE), says(INVALID, NO_FOOTER)],
  ["the end in the subsection", cut(PERIOD), lacks("clock:period", "pl011/clock:clk")],
])("%s: both end with the same messages", async (_, change, messages) => {
  const uri = real.changed(change);
  const stderr = messages.map((line) => `${NAME}: ${line}\n`).join("");
  for (const result of await withBoth((model) => Qemu.run([...args(model), "-incoming", uri]))) {
    expect(result).toEqual({ status: 1, signal: null, stdout: "", stderr });
  }
});

test("where it is told not to end, QEMU tells the monitor, and ends well", async () => {
  const uri = real.changed(set(FIELD.readPos, 16));
  const results = await withBoth(async (model) => {
    const qemu = await start(model, ["-incoming", "defer"]);
    const { qmp } = qemu;
    await qmp.execute("migrate-set-capabilities", { capabilities: [{ capability: "events", state: true }] });
    await qmp.execute("migrate-incoming", { uri, "exit-on-error": false });
    while ((await qmp.waitForEvent("MIGRATION")).data?.["status"] !== "failed") {
      // setup, active
    }
    return [await qmp.execute("query-migrate"), await qemu.quit(), qemu.stderr.all];
  });
  for (const result of results) {
    expect(result).toEqual([
      { status: "failed", "error-desc": "load of migration failed: Operation not permitted" },
      { status: 0, signal: null },
      `${NAME}: ${LOADING}\n`,
    ]);
  }
});

/** Changes the section of the snapshot that is the first in an image. */
function spoil(image: string, offset: number, value: number): void {
  const { at } = sectionOf(readFileSync(image), "pl011");
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  const file = openSync(image, "r+");
  writeSync(file, bytes, 0, 4, at + offset);
  closeSync(file);
}

test("a bad snapshot is refused with the same message; another can be loaded then", async () => {
  const first = await start("C");
  const image = await makeImage(first, folder());
  await save(first, "bad");
  await first.qtest.writel(VIRT.uart + LCR_H, 0x10);
  await save(first, "good");
  await first.quit();
  spoil(image, FIELD.readCount, 17);
  const results = await withBoth(async (model) => {
    const copy = join(folder(), "copy");
    copyFileSync(image, copy);
    const qemu = await start(model, withImage(copy));
    const refusal = await load(qemu, "bad").catch(({ message }: Error) => message);
    const flags = await qemu.qtest.readl(VIRT.uart + FR);
    await load(qemu, "good");
    const lcr = await qemu.qtest.readl(VIRT.uart + LCR_H);
    return [refusal, flags, lcr, await qemu.quit(), qemu.stderr.all];
  });
  for (const result of results) {
    const end = { status: 0, signal: null };
    expect(result).toEqual(["Error -1 while loading VM state", 0x90, 0x10, end, `${NAME}: ${LOADING}\n`]);
  }
});

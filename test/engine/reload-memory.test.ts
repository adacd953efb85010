/** What a reload leaves behind. */

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { VIRT } from "../lib/guest-code.ts";
import { TEST_MS } from "../lib/limit.ts";
import { PL011 } from "../lib/program.ts";
import { endAll, HEADLESS, Qemu, script } from "../lib/qemu.ts";
import { reload } from "../lib/reload.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const FLAGS = VIRT.uart + 0x18;
const WARM_UP = 200;
const RELOADS = 1000;
/** Memory goes up and down with the collector's rounds: medians of so many reloads are compared. */
const WINDOW = 100;
const MOST_GROWTH = 5 * 2 ** 20;

test(`${RELOADS} reloads leave nothing behind`, async () => {
  const text = readFileSync(PL011, "utf8");
  const path = script(text);
  const qemu = await Qemu.start({
    args: [
      "-M",
      "virt",
      "-m",
      "64",
      "-accel",
      "qtest",
      ...HEADLESS,
      "-script",
      `path=${path},replaces=pl011`,
    ],
    qtest: true,
  });
  // Of its own: the rest is the program's file, of which more and more has been used.
  const resident = () => {
    const status = readFileSync(`/proc/${qemu.pid}/status`, "utf8");
    return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
  };
  let done = 0;
  async function medianOf(reloads: number): Promise<number> {
    const sizes = [];
    for (let i = 0; i < reloads; i++) {
      writeFileSync(path, `${text}// ${done++}\n`);
      expect(await reload(qemu, path)).toMatchObject({ generation: done + 1, instances: 1 });
      expect(await qemu.qtest.readl(FLAGS)).toBe(0x90);
      sizes.push(resident());
    }
    return sizes.sort((a, b) => a - b)[reloads >> 1]!;
  }
  await medianOf(WARM_UP);
  const before = await medianOf(WINDOW);
  await medianOf(RELOADS - WINDOW);
  const growth = (await medianOf(WINDOW)) - before;
  expect(growth).toBeLessThan(MOST_GROWTH);
});

/** What README.md shows, run. */

import { afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { endAll, HEADLESS, Qemu, script } from "../lib/qemu.ts";

afterEach(endAll);

const README = readFileSync(join(import.meta.dir, "../../README.md"), "utf8");

/** First slot of virt's platform bus. */
const COUNTER = 0x0c000000;

test("the smallest device counts reads and is 0 again after a reset", async () => {
  const example = README.match(/```ts\n(import[^`]*)```/)![1]!;
  const device = `script,path=${script(example)}`;
  const qemu = await Qemu.start({
    args: [...HEADLESS, "-M", "virt", "-accel", "qtest", "-device", device],
    qtest: true,
  });
  const { qtest } = qemu;
  expect(await qtest.readl(COUNTER)).toBe(1);
  expect(await qtest.readl(COUNTER + 4)).toBe(1);
  expect(await qtest.readl(COUNTER)).toBe(2);
  await qtest.writel(COUNTER, 40);
  expect(await qtest.readl(COUNTER)).toBe(41);
  await qemu.qmp.execute("system_reset");
  await qemu.qmp.waitForEvent("RESET");
  expect(await qtest.readl(COUNTER + 4)).toBe(0);
});

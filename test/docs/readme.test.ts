/** What README.md shows, run. */

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TEST_MS } from "../lib/limit.ts";
import { paths } from "../lib/program.ts";
import { endAll, folder, HEADLESS, Qemu, script } from "../lib/qemu.ts";
import { readPage } from "./guide.ts";
import { endShells, play } from "./shell.ts";

setDefaultTimeout(TEST_MS);
afterEach(endShells);
afterEach(endAll);

const README = readFileSync(join(import.meta.dir, "../../README.md"), "utf8");

/** First slot of virt's platform bus. */
const COUNTER = 0x0c000000;

test("U-Boot reads the smallest device as shown", async () => {
  const page = readPage("README.md");
  const at = folder();
  symlinkSync(paths.build, join(at, "build"));
  writeFileSync(join(at, "counter.ts"), page.blocks.find(({ language }) => language === "ts")!.text);
  expect(page.sessions).toHaveLength(1);
  expect(await play(page.sessions[0]!, page, at)).toBeUndefined();
});

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

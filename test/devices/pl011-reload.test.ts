/** The PL011's code is replaced again and again while Linux uses it. */

import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { awaitShell } from "../../scripts/lib/linux-shell.ts";
import { guestArguments } from "../../scripts/lib/machine.ts";
import { LineConsole } from "../lib/console.ts";
import { PL011, paths } from "../lib/program.ts";
import { endAll, HEADLESS, Qemu, script } from "../lib/qemu.ts";
import { reload } from "../lib/reload.ts";
import { exchange, md5, noise, run, TRAFFIC_MS } from "./linux.ts";

/** On a loaded machine. */
const LONG_MS = 400_000;

setDefaultTimeout(LONG_MS);
afterAll(endAll);

const MB = 1_000_000;
const SIZE = 10 * MB;
const RELOADS = 1_000;
const LINES = ["console", "data"];

test(`${RELOADS} reloads while Linux streams ${SIZE / MB} MB each way: each byte arrives once, in order`, async () => {
  const text = readFileSync(PL011, "utf8");
  const path = script(text);
  const qemu = await Qemu.start({
    args: [
      ...["-M", "virt", "-cpu", "cortex-a57", "-m", "512", ...HEADLESS],
      ...LINES.flatMap((line) => ["-serial", `chardev:${line}`]),
      ...guestArguments("linux", paths),
      ...["-script", `path=${path},replaces=pl011`],
    ],
    lines: LINES,
  });
  await awaitShell(new LineConsole(qemu.line("console")), TRAFFIC_MS);
  await run(qemu, "mount -t proc proc /proc; mount -t devtmpfs dev /dev");
  await run(qemu, "stty -F /dev/ttyAMA1 raw -echo crtscts");
  const made = await run(qemu, `head -c ${SIZE} /dev/urandom >/out; md5sum </out`);
  const seed = Date.now() >>> 0;
  const input = noise(seed, SIZE);
  let over = false;
  const command = `cat /out >&3 & head -c ${SIZE} <&3 | md5sum; wait`;
  const traffic = exchange(qemu, { command, ms: LONG_MS }, input, SIZE).finally(() => {
    over = true;
  });
  traffic.catch(() => {});
  let during = 0;
  for (let i = 1; i <= RELOADS; i++) {
    writeFileSync(path, `${text}// ${i}\n`);
    expect(await reload(qemu, path)).toMatchObject({ generation: i + 1, instances: 2 });
    during += over ? 0 : 1;
  }
  const { sent, printed } = await traffic;
  expect(md5(sent)).toBe(made.slice(0, 32));
  expect(printed, `seed ${seed}`).toBe(`${md5(input)}  -\n`);
  expect(during).toBe(RELOADS);
});

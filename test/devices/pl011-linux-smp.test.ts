/** Linux with four CPUs on the PL011 in TypeScript and on QEMU's own: whoever uses it at the same time. */

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { SOON_MS, START_MS } from "../lib/limit.ts";
import { endAll, type Qemu } from "../lib/qemu.ts";
import type { Twins } from "./guests.ts";
import { bootLinux, exchange, md5, noise, run, TRAFFIC_MS, type, withData } from "./linux.ts";

setDefaultTimeout(TRAFFIC_MS);
afterAll(endAll);

const SIZE = 4 * 1024;
const PROMPT = /\n~ # /;

let twins: Twins;
const seed = Date.now() >>> 0;

beforeAll(async () => {
  twins = await bootLinux("-smp", "4");
});

/** Waits for something on the console. */
const seen = async (qemu: Qemu, pattern: string | RegExp) =>
  (await qemu.line("console").text.waitFor(pattern, START_MS))[0];

test("another CPU than the first one serves the line's interrupts while a process computes", async () => {
  const input = noise(seed, SIZE);
  const results = await twins.alike(async (qemu) => {
    await run(qemu, "stty -F /dev/ttyAMA1 raw -echo 115200 crtscts");
    const made = await run(qemu, `head -c ${SIZE} /dev/urandom >/out; md5sum </out`);
    // The line has its interrupt while it is open. 8 is the mask of CPU 3.
    const first =
      "irq() { sed -n '/ uart-pl011/p' /proc/interrupts | tail -1; }; n=$(irq | sed 's/:.*//'); " +
      "echo 8 >/proc/irq/$((n))/smp_affinity; ";
    const command =
      "while :; do :; done & busy=$!; " +
      `cat /out >&3 & out=$!; head -c ${SIZE} <&3 | md5sum; wait $out; kill $busy; irq >/irq`;
    const { sent, printed } = await exchange(qemu, { first, command }, input, SIZE);
    const counts = (await run(qemu, "cat /irq")).trim().split(/ +/).slice(1, 5).map(Number);
    expect(counts.map((count) => count > 0)).toEqual([false, false, false, true]);
    return { received: printed, sent: md5(sent) === made.slice(0, 32) };
  });
  expect(results.received, `seed ${seed}`).toBe(`${md5(input)}  -\n`);
  expect(results.sent).toBe(true);
});

test("init starts a shell on the console: it has ^C, and starts again when it ends", async () => {
  await twins.alike((qemu) => run(qemu, "echo ttyAMA0::respawn:-/bin/sh >/etc/inittab"));
  await twins.alike(async (qemu) => {
    await type(qemu, "exec /bin/busybox init\r");
    await seen(qemu, "built-in shell");
    await seen(qemu, PROMPT);
    await type(qemu, "echo now; cat\r");
    await seen(qemu, "\nnow\r\n");
    await type(qemu, "a line\r");
    await seen(qemu, /a line\r\na line\r\n/);
    await type(qemu, "\x03");
    await seen(qemu, "^C");
    await seen(qemu, PROMPT);
    await type(qemu, "exit\r");
    await seen(qemu, "built-in shell");
    await seen(qemu, PROMPT);
  });
  expect(await twins.alike((qemu) => run(qemu, "[ $$ -gt 1 ]; echo $?"))).toBe("0\n");
});

test("the kernel and four processes write, and a user types, all on the console", async () => {
  const LINES = 100;
  const typed = Array.from({ length: LINES }, (_, i) => `typed line ${i}\n`).join("");
  const results = await twins.alike(async (qemu) => {
    await run(qemu, "stty -echo; dmesg -n 8; echo on >/proc/sys/kernel/printk_devkmsg");
    const loop = (body: string) => `for i in $(seq ${LINES}); do ${body}; done`;
    const writers = ["a", "b", "c", "d"].map((who) => `(${loop(`echo ${who} writes line $i, and more`)}) &`);
    const command =
      `(${loop('echo "<6>kernel\'s line $i" >/dev/kmsg')}) & ${writers.join(" ")} ` +
      `head -n ${LINES} >/typed; wait; md5sum </typed; dmesg -n 1`;
    const { printed } = await withData(qemu, { command });
    await qemu.line("data").write("+");
    await type(qemu, typed);
    const all = await printed;
    const KERNEL = /\[ *\d+\.\d+\] (.*?)\n/g;
    const kernel = [...all.matchAll(KERNEL)].map(([, text]) => text);
    const lines = all.replace(KERNEL, "").replaceAll("\r", "").split("\n");
    return {
      kernel: kernel.filter((text) => text?.startsWith("kernel's")),
      writers: ["a", "b", "c", "d"].map((who) => lines.filter((line) => line.startsWith(`${who} `))),
      rest: lines.filter((line) => !/^[a-d] /.test(line)),
    };
  });
  const numbers = Array.from({ length: LINES }, (_, i) => i + 1);
  expect(results.kernel).toEqual(numbers.map((i) => `kernel's line ${i}`));
  expect(results.writers).toEqual(
    ["a", "b", "c", "d"].map((who) => numbers.map((i) => `${who} writes line ${i}, and more`)),
  );
  expect(results.rest).toEqual([`${md5(Buffer.from(typed))}  -`, ""]);
});

test("poweroff", async () => {
  await twins.alike((qemu) => type(qemu, "poweroff -f\r"));
  expect(await twins.alike((qemu) => qemu.waitForExit(SOON_MS))).toEqual({ status: 0, signal: null });
});

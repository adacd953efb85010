/** Guests whose console is the PL011 in TypeScript, on boards other than virt. */

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { Guest } from "../../scripts/lib/guest.ts";
import { awaitShell, runCommand } from "../../scripts/lib/linux-shell.ts";
import { guest } from "../lib/guest-code.ts";
import { SOON_MS } from "../lib/limit.ts";
import { PL011, PROGRAM, paths } from "../lib/program.ts";
import { endAll, HEADLESS, Qemu } from "../lib/qemu.ts";

/** Linux takes some ten seconds to its shell; on a loaded machine, more. */
const BOOT_MS = 240_000;

setDefaultTimeout(BOOT_MS + 60_000);
afterEach(endAll);

const SCRIPT = ["-script", `path=${PL011.replaceAll(",", ",,")},replaces=pl011`];

test("Linux on a Versal, whose board brings a device tree and two CPUs", async () => {
  const { kernel, initrd } = paths.guests.linux;
  const [program, ...words] = PROGRAM;
  await using linux = Guest.spawn(program!, [
    ...[...words, "-M", "xlnx-versal-virt", "-m", "1G", "-nographic", "-nic", "none", ...SCRIPT],
    ...["-kernel", kernel, "-initrd", initrd, "-append", "rdinit=/bin/sh console=ttyAMA0"],
  ]);
  await awaitShell(linux, BOOT_MS);
  const proc =
    "mkdir -p /proc; mount -t proc proc /proc; grep pl011 /proc/interrupts; grep -c ^processor /proc/cpuinfo";
  const command = `${proc}; i=0; while [ $i -lt 1000 ]; do echo $i; i=$((i + 1)); done`;
  const { output, status } = await runCommand(linux, command, 60_000);
  const [interrupts, cpus, ...numbers] = Buffer.from(output).toString().trimEnd().split("\n");
  expect(interrupts).toMatch(/^ *\d+: +[1-9]\d* .* uart-pl011$/);
  expect(cpus).toBe("2");
  expect(numbers).toEqual(Array.from({ length: 1000 }, (_, i) => `${i}`));
  expect(status).toBe(0);
});

test("a program on a Raspberry Pi 3, which sleeps until the UART's interrupt comes", async () => {
  const qemu = await Qemu.start({
    args: ["-M", "raspi3b", ...HEADLESS, "-serial", "chardev:console", ...SCRIPT, "-kernel", guest("pi")],
    lines: ["console"],
  });
  const console = qemu.line("console");
  await console.text.waitFor("hello from the Pi\n", SOON_MS);
  const text = "every character is an interrupt";
  await console.write(text);
  await console.text.waitFor(text, SOON_MS);
});

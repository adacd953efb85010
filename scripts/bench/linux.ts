/** Debian's arm64 kernel, to the shell. */
import { paths } from "../lib/paths.ts";
import type { Bench, Subject } from "./bench.ts";
import { withGuest } from "./measured-guest.ts";
import { cpuSeconds } from "./process-figures.ts";

const LIMIT_MS = 180_000;

/** The kernel's own clock when it starts the shell, from a line such as `[    3.312345] Run /bin/sh as init process`. */
const RUN_SHELL = /\[ *(\d+\.\d+)\] Run \/bin\/sh as init process/;

export const linux: Bench = {
  name: "linux",
  about: "Debian's arm64 kernel from start to a shell's prompt",
  baseline: "stock",
  linux: true,
  // One boot varies by 4 %.
  repeats: 3,
  figures: {
    guest: { title: "guest's clock when the shell starts", unit: "s", digits: 3 },
    cpu: { title: "CPU time from the kernel's first line to the prompt", unit: "s", digits: 2 },
    wall: { title: "from starting QEMU to the prompt", unit: "s", digits: 3 },
  },
  targets: ["guest", "cpu"].flatMap((figure) =>
    (["library", "script"] as const).map((side) => ({
      figure,
      side,
      against: "stock",
      compare: "ratio",
      atMost: 1.02,
    })),
  ),

  async run(subject) {
    const start = performance.now();
    return await withGuest(subject, bootArguments(subject), async (guest) => {
      const { pid = NaN } = guest;
      await guest.waitFor("Booting Linux", LIMIT_MS, "the kernel's first line");
      const used = cpuSeconds(pid);
      await guest.waitFor(/\n~ # /, LIMIT_MS, "the shell's prompt");
      const wall = (performance.now() - start) / 1000;
      const cpu = cpuSeconds(pid) - used;
      return { wall, cpu, guest: Number(RUN_SHELL.exec(guest.transcript)?.[1] ?? NaN) };
    });
  },
};

function bootArguments(subject: Subject): string[] {
  const { kernel, initrd } = paths.guests.linux;
  const machine = ["-M", "virt", "-cpu", "cortex-a57", "-m", "512", "-nic", "none", "-display", "none"];
  const boot = ["-kernel", kernel, "-initrd", initrd, "-append", "rdinit=/bin/sh console=ttyAMA0"];
  return [...subject.args, ...machine, "-monitor", "none", "-serial", "stdio", ...boot];
}

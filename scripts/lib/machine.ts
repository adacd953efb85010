/** The machine the guests run on: Arm's virt board, whose only serial port is the scripted one or QEMU's own. */
import { join } from "node:path";
import type { GuestName, Paths } from "./paths.ts";

export interface Machine {
  readonly guest: GuestName;
  /** As QEMU's -m takes it. */
  readonly memory?: string;
  readonly smp?: number;
  /** QEMU's own PL011 in place of devices/pl011.ts. */
  readonly stock?: boolean;
  /** The script of its serial port; devices/pl011.ts if absent. */
  readonly uart?: string;
  /** Load the script anew when it changes, or not; by itself, QEMU does so on a terminal. */
  readonly watch?: boolean;
  /** More of QEMU's options, after ours. */
  readonly extra?: readonly string[];
}

/** A command line whose standard input and output are the guest's console. */
export interface CommandLine {
  readonly program: string;
  readonly args: readonly string[];
}

export function commandLine(machine: Machine, paths: Paths): CommandLine {
  const { uart = join(paths.root, "devices", "pl011.ts"), watch } = machine;
  const watched = watch === undefined ? "" : `,watch=${watch ? "on" : "off"}`;
  const script = `path=${escapeComma(uart)},replaces=pl011${watched}`;
  const args = [
    "-M",
    "virt",
    "-cpu",
    "cortex-a57",
    "-m",
    machine.memory ?? "512",
    "-nographic",
    "-nic",
    "none",
  ];
  if (machine.smp !== undefined) args.push("-smp", String(machine.smp));
  if (!machine.stock) args.push("-script", script);
  args.push(...guestArguments(machine.guest, paths), ...(machine.extra ?? []));
  return { program: machine.stock ? paths.stockQemu : paths.qemu, args };
}

/** What makes the board boot a guest. */
export function guestArguments(guest: GuestName, { guests }: Paths): string[] {
  if (guest !== "linux") return ["-bios", guests[guest].firmware];
  const { kernel, initrd } = guests.linux;
  return ["-kernel", kernel, "-initrd", initrd, "-append", "rdinit=/bin/sh console=ttyAMA0"];
}

/** QEMU ends an option's value at a comma; a doubled one is part of it. */
function escapeComma(path: string): string {
  return path.replaceAll(",", ",,");
}

/** Debian's kernel with a shell on its console, and a second serial line to send data over. */

import { awaitShell, runCommand } from "../../scripts/lib/linux-shell.ts";
import { LineConsole } from "../lib/console.ts";
import type { Qemu } from "../lib/qemu.ts";
import { random } from "../lib/random.ts";
import { Twins } from "./guests.ts";

/** To the shell, on a loaded machine. */
const BOOT_MS = 120_000;
/** A command at the shell. */
const COMMAND_MS = 30_000;
/** What moves a lot of data. */
export const TRAFFIC_MS = 120_000;

/** As QEMU's `-serial` options have them: /dev/ttyAMA0 and /dev/ttyAMA1. */
const LINES = ["console", "data"];

const consoleOf = (qemu: Qemu) => new LineConsole(qemu.line("console"));

/** As `npm run boot` has it, without the kernel's warnings of CPUs that do not get on: the machine may be busy. */
const APPEND = "rdinit=/bin/sh console=ttyAMA0 nowatchdog";

/** Boots it on both models, up to the shell. */
export async function bootLinux(...more: string[]): Promise<Twins> {
  const twins = await Twins.boot("linux", LINES, ["-append", APPEND, ...more, "-no-reboot"]);
  await Promise.all([twins.c, twins.script].map((qemu) => awaitShell(consoleOf(qemu), BOOT_MS)));
  await twins.alike((qemu) => run(qemu, "mount -t proc proc /proc; mount -t devtmpfs dev /dev"));
  return twins;
}

/** Runs a command. @returns what it printed @throws Error if it failed */
export async function run(qemu: Qemu, command: string, ms = COMMAND_MS): Promise<string> {
  const { output, status } = await runCommand(consoleOf(qemu), command, ms);
  const text = Buffer.from(output).toString("latin1");
  if (status !== 0) {
    throw new Error(`${command}: status ${status}\n${text}`);
  }
  return text;
}

/** Types at the console. */
export async function type(qemu: Qemu, keys: string): Promise<void> {
  await qemu.line("console").write(keys);
}

/** What the driver of the serial lines counts: bytes, breaks, errors. */
export function counters(qemu: Qemu, line: number): Promise<string> {
  return run(qemu, `grep ^${line}: /proc/tty/driver/ttyAMA`);
}

/** The kernel's messages up to the shell, in some order, without numbers and without what tells of a busy machine. */
export function messages(qemu: Qemu): string[] {
  const { all } = qemu.line("console").text;
  return all
    .slice(0, all.indexOf("~ # "))
    .replaceAll("\r", "")
    .split("\n")
    .map((line) => line.replace(/^\[ *[\d.]+\] /, "").replace(/\d+/g, "0"))
    .filter((line) => !/clocksource|took|hogged|stall/.test(line))
    .sort();
}

/** Bytes that nobody can guess, from a seed. */
export function noise(seed: number, size: number): Uint8Array {
  const next = random(seed);
  return Uint8Array.from({ length: size }, () => next(256));
}

export const md5 = (bytes: Uint8Array): string => new Bun.CryptoHasher("md5").update(bytes).digest("hex");

export interface Work {
  /** What is done once the second line is open as file 3. */
  readonly first?: string;
  /** What is done when the line then received a byte. */
  readonly command: string;
  /** How long it may take. */
  readonly ms?: number;
}

/**
 * Has the guest work with its second line.
 *
 * @returns when it waits for that byte: what it will have printed on the console
 */
export async function withData(
  qemu: Qemu,
  { first = "", command, ms = TRAFFIC_MS }: Work,
): Promise<{ printed: Promise<string> }> {
  const open = `exec 3<>/dev/ttyAMA1; ${first}printf ! >&3; dd bs=1 count=1 <&3 >/dev/null 2>&1; `;
  const printed = run(qemu, open + command, ms);
  await Promise.race([qemu.line("data").text.waitFor("!", COMMAND_MS), printed]);
  return { printed };
}

/**
 * Has it do so, sends it something and takes what it sends.
 *
 * @param size how much it sends
 * @returns what it sent, and what it printed on the console
 */
export async function exchange(
  qemu: Qemu,
  work: Work,
  input: Uint8Array,
  size: number,
): Promise<{ sent: Uint8Array; printed: string }> {
  const data = qemu.line("data");
  const { printed } = await withData(qemu, work);
  const sent = size > 0 ? data.take(size, work.ms ?? TRAFFIC_MS) : Promise.resolve(new Uint8Array(0));
  await data.write("+");
  await data.write(input);
  return { sent: await sent, printed: await printed };
}

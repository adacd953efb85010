/** Guests that go on with the other model of their only console: saved and loaded, and migrated while they print. */

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { paths } from "../../scripts/lib/paths.ts";
import { SOON_MS } from "../lib/limit.ts";
import { endAll, folder, HEADLESS, Qemu } from "../lib/qemu.ts";
import { load, makeImage, save, withImage } from "../lib/snapshots.ts";
import { arrival, migrate } from "../lib/stream.ts";
import { MODELS, type Model } from "./uart.ts";

/** A guest's start, or saving or moving its memory, on a loaded machine. */
const LONG_MS = 60_000;

setDefaultTimeout(3 * LONG_MS);
afterEach(endAll);

interface Guest {
  /** Options that start it. */
  readonly args: readonly string[];
  /** Its shell's. */
  readonly prompt: string;
}

const { kernel, initrd } = paths.guests.linux;
const LINUX: Guest = {
  args: ["-smp", "2", "-kernel", kernel, "-initrd", initrd, "-append", "rdinit=/bin/sh console=ttyAMA0"],
  prompt: "~ # ",
};
const U_BOOT: Guest = { args: ["-bios", paths.guests["u-boot"].firmware], prompt: "=> " };

const BOARD = ["-M", "virt", "-cpu", "cortex-a57", "-m", "256", ...HEADLESS, "-serial", "chardev:console"];

/** A machine that runs a guest, or waits for it to come. */
class Machine {
  private readonly guest: Guest;
  private readonly qemu: Qemu;
  /** Where snapshots are. */
  private readonly image: string | undefined;

  private constructor(guest: Guest, qemu: Qemu, image?: string) {
    this.guest = guest;
    this.qemu = qemu;
    this.image = image;
  }

  private static async start(guest: Guest, model: Model, more: readonly string[], image?: string) {
    const args = [...BOARD, ...guest.args, ...MODELS[model].args, ...more];
    return new Machine(guest, await Qemu.start({ args, lines: ["console"] }), image);
  }

  static async boot(guest: Guest, model: Model): Promise<Machine> {
    const machine = await Machine.start(guest, model, []);
    await machine.text.waitFor(guest.prompt, LONG_MS);
    return machine;
  }

  /** What the guest printed. */
  get text() {
    return this.qemu.line("console").text;
  }

  type(text: string): Promise<void> {
    return this.qemu.line("console").write(text);
  }

  /** Has the guest's shell do something. @returns what it prints, behind the command's echo */
  async run(command: string): Promise<string> {
    await this.type(`${command}\r`);
    return (await this.text.waitFor(new RegExp(`\n[^]*${RegExp.escape(this.guest.prompt)}`), SOON_MS))[0];
  }

  /** Saves the machine, ends it, and loads it into another one, where it goes on. */
  async snapshot(model: Model): Promise<Machine> {
    const image = this.image ?? (await makeImage(this.qemu, folder()));
    await save(this.qemu, model, LONG_MS);
    await this.qemu.quit();
    const next = await Machine.start(this.guest, model, ["-S", ...withImage(image)], image);
    await load(next.qemu, model, LONG_MS);
    await next.qemu.qmp.execute("cont");
    return next;
  }

  /** Migrates while the machine runs, and ends it. */
  async migrate(model: Model): Promise<Machine> {
    const uri = `unix:${join(folder(), "socket")}`;
    const next = await Machine.start(this.guest, model, ["-incoming", uri]);
    await migrate(this.qemu, uri);
    await this.qemu.quit();
    await arrival(next.qemu);
    return next;
  }
}

/** Has Linux print numbers while it migrates: each must come once. */
async function counting(from: Machine, model: Model): Promise<Machine> {
  await from.type("i=0; until read -t 0; do echo no $i; i=$((i + 1)); done; read x\r");
  await from.text.waitFor("\nno 100\r\n", SOON_MS);
  const to = await from.migrate(model);
  await to.text.waitFor(/\nno \d+\r\n/, SOON_MS);
  // Echoed as a line of its own.
  await to.type("\r");
  await to.text.waitFor(LINUX.prompt, SOON_MS);
  const printed = `${from.text.all}${to.text.all}`.split("; read x\r\n").at(-1)!;
  const lines = printed.split("\r\n").slice(0, -1);
  const numbers = lines.filter((line) => line !== "");
  const wrong = numbers.findIndex((line, index) => line !== `no ${index}`);
  expect(wrong < 0 ? [] : numbers.slice(Math.max(wrong - 1, 0), wrong + 2)).toEqual([]);
  return to;
}

test("Linux: saved with C, loaded with TypeScript; live to C and back; saved there, loaded with C", async () => {
  let linux = await Machine.boot(LINUX, "C");
  await linux.run("n=40");
  const next = () => linux.run("n=$((n + 1)); echo $n");
  linux = await linux.snapshot("TypeScript");
  expect(await next()).toBe("\n41\r\n~ # ");
  linux = await counting(linux, "C");
  expect(await next()).toBe("\n42\r\n~ # ");
  linux = await counting(linux, "TypeScript");
  expect(await next()).toBe("\n43\r\n~ # ");
  linux = await linux.snapshot("C");
  expect(await next()).toBe("\n44\r\n~ # ");
});

test("U-Boot: saved with TypeScript, loaded with C, and back", async () => {
  let boot = await Machine.boot(U_BOOT, "TypeScript");
  await boot.run("setenv n forty");
  boot = await boot.snapshot("C");
  expect(await boot.run("setenv n $n-two; echo $n")).toBe("\nforty-two\r\n=> ");
  boot = await boot.snapshot("TypeScript");
  expect(await boot.run("echo $n")).toBe("\nforty-two\r\n=> ");
});

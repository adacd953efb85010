/** A PL011 without a guest: the test drives its bus and holds the other end of its serial line. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS } from "../lib/limit.ts";
import { PL011 } from "../lib/program.ts";
import { folder, HEADLESS, Qemu } from "../lib/qemu.ts";
import { CR, DR, ENABLED, FR, IMSC, LBE } from "./manual.ts";

/** Whose PL011 it is: its type, and the options that decide. */
export const MODELS = {
  TypeScript: { type: "pl011-ts", args: ["-script", `path=${PL011.replaceAll(",", ",,")},replaces=pl011`] },
  C: { type: "pl011", args: [] },
} as const;

export type Model = keyof typeof MODELS;

interface Child {
  readonly name: string;
  readonly type: string;
}

export class Uart {
  private readonly qemu: Qemu;
  private readonly logFile: string;
  private logged = 0;

  private constructor(qemu: Qemu, logFile: string) {
    this.qemu = qemu;
    this.logFile = logFile;
  }

  /** The console of a virt board. */
  static async start(model: Model, more: readonly string[] = []): Promise<Uart> {
    const logFile = join(folder(), "log");
    const { type, args } = MODELS[model];
    const board = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS, "-serial", "chardev:uart"];
    const qemu = await Qemu.start({
      args: [...board, ...args, "-d", "guest_errors,unimp", "-D", logFile, ...more],
      lines: ["uart"],
      qtest: true,
    });
    const children = await qemu.qmp.execute<Child[]>("qom-list", { path: "/machine/unattached" });
    const { name } = children.find((child) => child.type === `child<${type}>`)!;
    await qemu.qtest.interceptOut(`/machine/unattached/${name}`);
    return new Uart(qemu, logFile);
  }

  get bus() {
    return this.qemu.qtest;
  }

  read(offset: number): Promise<number> {
    return this.bus.readl(VIRT.uart + offset);
  }

  write(offset: number, value: number): Promise<void> {
    return this.bus.writel(VIRT.uart + offset, value);
  }

  /** Reads DR so many times. */
  async characters(count: number): Promise<number[]> {
    const found = [];
    for (let i = 0; i < count; i++) {
      found.push(await this.read(DR));
    }
    return found;
  }

  /** Turns loopback on, and sends. */
  async putInLoopback(...values: number[]): Promise<void> {
    await this.write(CR, ENABLED | LBE);
    for (const value of values) {
      await this.write(DR, value);
    }
  }

  /** Levels of the outgoing lines, bit i that of line i. */
  get lines(): number {
    return [0, 1, 2, 3, 4, 5].reduce((levels, line) => levels | (this.bus.irq(line) ? 1 << line : 0), 0);
  }

  /** Lowers the lines, which a reset leaves alone, and resets the machine. */
  async reset(): Promise<void> {
    await this.write(IMSC, 0);
    await this.systemReset();
    this.log();
  }

  async systemReset(): Promise<void> {
    await this.qemu.qmp.execute("system_reset");
    await this.qemu.qmp.waitForEvent("RESET");
  }

  /** Sends to the UART, and waits until QEMU took what it would take. */
  async send(text: string): Promise<void> {
    await this.qemu.line("uart").write(text);
    await this.settle(text.length);
  }

  /** The line is held low for longer than a character. */
  async sendBreak(): Promise<void> {
    await this.qemu.qmp.execute("chardev-send-break", { id: "uart" });
    await this.settle();
  }

  /** Waits until the UART has sent this, after what was waited for before. */
  async waitFor(text: string): Promise<void> {
    await this.qemu.line("uart").text.waitFor(text, SOON_MS);
  }

  /** All the UART has sent that nobody waited for. */
  get unread(): string {
    return this.qemu.line("uart").text.rest;
  }

  /**
   * Waits until the UART has what lies in QEMU's socket, as far as it will have it. One of two main-loop iterations
   * takes at least one character if there is room: the other may have looked before a script had the last one. An
   * access makes an iteration, and a scripted device has what came before it when it serves it.
   */
  async settle(characters = 1): Promise<void> {
    for (let i = 0; i < 2 * characters + 4; i++) {
      await this.read(FR);
    }
  }

  /** Lines that were logged since the last call. */
  log(): string[] {
    const all = readFileSync(this.logFile, "latin1");
    const fresh = all.slice(this.logged);
    this.logged = all.length;
    return fresh.split("\n").filter((line) => line !== "");
  }
}

/** QEMU's qtest protocol: a machine without a guest, whose bus the test drives. See system/qtest.c. */

import { SOON_MS, within } from "./limit.ts";
import { byLines, type Line } from "./line.ts";

export class Qtest {
  private readonly line: Line;
  private readonly replies: ((words: string[]) => void)[] = [];
  private readonly levels = new Map<number, boolean>();
  private waiting: (() => void)[] = [];

  constructor(line: Line) {
    this.line = line;
    line.receiveWith(byLines((text) => this.take(text)));
  }

  readl(address: number): Promise<number> {
    return this.read("readl", address);
  }

  readw(address: number): Promise<number> {
    return this.read("readw", address);
  }

  readb(address: number): Promise<number> {
    return this.read("readb", address);
  }

  async readq(address: number): Promise<bigint> {
    return BigInt((await this.ask(`readq ${hex(address)}`))[0]!);
  }

  async writel(address: number, value: number): Promise<void> {
    await this.ask(`writel ${hex(address)} ${hex(value)}`);
  }

  async writew(address: number, value: number): Promise<void> {
    await this.ask(`writew ${hex(address)} ${hex(value)}`);
  }

  async writeb(address: number, value: number): Promise<void> {
    await this.ask(`writeb ${hex(address)} ${hex(value)}`);
  }

  async writeq(address: number, value: bigint): Promise<void> {
    await this.ask(`writeq ${hex(address)} 0x${value.toString(16)}`);
  }

  /** Moves the virtual clock to the next timer, or by `ns`. @returns the new time in ns */
  async clockStep(ns?: number): Promise<number> {
    return Number((await this.ask(ns === undefined ? "clock_step" : `clock_step ${ns}`))[0]);
  }

  /**
   * Follows the outgoing lines of a device; of a sysbus device, those to the interrupt controller. Of one device only:
   * QEMU does nothing when it is asked for other lines of the same device.
   *
   * @param name of the lines; "" for unnamed ones
   */
  async interceptOut(path: string, name = "sysbus-irq"): Promise<void> {
    await this.ask(`irq_intercept_out ${path} ${name}`.trimEnd());
  }

  /** Follows the incoming lines of a device. */
  async interceptIn(path: string): Promise<void> {
    await this.ask(`irq_intercept_in ${path}`);
  }

  /** Drives an incoming line of a device, wherever it leads; `name` undefined for unnamed ones. */
  async setIrqIn(path: string, name: string | undefined, line: number, level: number): Promise<void> {
    await this.ask(`set_irq_in ${path} ${name ?? "unnamed-gpio-in"} ${line} ${level}`);
  }

  /** Level of a followed line, as of the last answer. */
  irq(line: number): boolean {
    return this.levels.get(line) ?? false;
  }

  /** Waits until a followed line has this level. */
  async waitForIrq(line: number, level: boolean): Promise<void> {
    while (this.irq(line) !== level) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.waiting.push(resolve);
      await within(SOON_MS, `line ${line} ${level ? "high" : "low"}`, promise);
    }
  }

  private async read(command: string, address: number): Promise<number> {
    return Number((await this.ask(`${command} ${hex(address)}`))[0]);
  }

  /** @throws Error with QEMU's complaint */
  private async ask(command: string): Promise<string[]> {
    const { promise, resolve } = Promise.withResolvers<string[]>();
    this.replies.push(resolve);
    await this.line.write(`${command}\n`);
    const [status, ...rest] = await within(SOON_MS, `qtest ${command}`, promise);
    if (status !== "OK") {
      throw new Error(`qtest ${command}: ${[status, ...rest].join(" ")}`);
    }
    return rest;
  }

  private take(text: string): void {
    const words = text.split(" ");
    if (words[0] === "IRQ") {
      this.levels.set(Number(words[2]), words[1] === "raise");
      for (const wake of this.waiting.splice(0)) {
        wake();
      }
    } else {
      this.replies.shift()?.(words);
    }
  }
}

const hex = (value: number) => `0x${value.toString(16)}`;

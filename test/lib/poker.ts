/** The guest test/fixtures/guests/poker.S: a CPU that does the accesses that a test asks for. */

import { bareMetal, guest, VIRT } from "./guest-code.ts";
import { SOON_MS } from "./limit.ts";
import { type Options, Qemu } from "./qemu.ts";

/** Frequency of the generic timer of virt's Cortex-A76. */
const HZ = 62_500_000;

/** INTID of the first line of the platform bus. */
export const DEVICE_IRQ = 144;

export interface Answer {
  readonly value: number;
  /** How long the guest waited for it, in ms of its own time. */
  readonly ms: number;
}

export class Poker {
  readonly qemu: Qemu;

  private constructor(qemu: Qemu) {
    this.qemu = qemu;
  }

  /** @param path of a script, whose device is at {@link VIRT}.platformBus */
  static async start(
    path: string,
    options: Partial<Options> & {
      readonly properties?: string;
      readonly accel?: string;
      readonly smp?: number;
      /** Keep a second vCPU busy, by itself or with the device. */
      readonly busy?: "alone" | "device";
    } = {},
  ): Promise<Poker> {
    const {
      properties = "",
      accel,
      busy = false,
      smp = busy ? 2 : 1,
      args = [],
      lines = [],
      ...rest
    } = options;
    const machine = bareMetal(guest("poker", { BUSY: busy ? (busy === "alone" ? 1 : 2) : 0 }), {
      smp,
      ...(accel === undefined ? {} : { accel }),
    });
    const scripted = ["-device", `script,path=${path}${properties}`];
    const qemu = await Qemu.start({
      ...rest,
      args: [...machine, ...scripted, ...args],
      lines: ["console", ...lines],
    });
    const poker = new Poker(qemu);
    if (!args.some((word) => word === "-S" || word === "-incoming" || word === "-loadvm")) {
      await poker.ready();
    }
    return poker;
  }

  /** Waits until the guest takes commands. */
  async ready(): Promise<void> {
    await this.console.waitFor("ready\n", SOON_MS);
  }

  /** Reads 32 bits of the device. */
  async read(offset: number): Promise<number> {
    return (await this.timedRead(offset)).value;
  }

  /** Reads 8 bits of the device. */
  async readByte(offset: number): Promise<number> {
    await this.send(`b ${address(offset)}`);
    return (await this.answer()).value;
  }

  /** Reads 64 bits of the device. */
  async readDouble(offset: number): Promise<number> {
    await this.send(`d ${address(offset)}`);
    return (await this.answer()).value;
  }

  async timedRead(offset: number): Promise<Answer> {
    await this.askRead(offset);
    return this.answer();
  }

  async write(offset: number, value: number): Promise<Answer> {
    await this.askWrite(offset, value);
    return this.answer();
  }

  /** Reads without waiting for the answer: see {@link answer}. */
  async askRead(offset: number): Promise<void> {
    await this.send(`r ${address(offset)}`);
  }

  /** Writes without waiting until it is done. */
  async askWrite(offset: number, value: number): Promise<void> {
    await this.send(`w ${address(offset)} ${(value >>> 0).toString(16)}`);
  }

  /** Sleeps until an interrupt, at most `ms`: what woke it is the answer's value. */
  async sleep(ms: number): Promise<Answer> {
    await this.askSleep(ms);
    return this.answer(ms + SOON_MS);
  }

  async askSleep(ms: number): Promise<void> {
    await this.send(`s ${Math.round((ms * HZ) / 1000).toString(16)}`);
  }

  async answer(ms = SOON_MS): Promise<Answer> {
    const match = await this.console.waitFor(/([0-9a-f]{16}) ([0-9a-f]{16})\n|FAULT .*\n.*\n.*\n/, ms);
    if (match[1] === undefined) {
      throw new Error(`the guest took an exception: ${match[0]}`);
    }
    return { value: Number(`0x${match[1]}`), ms: (Number(`0x${match[2]}`) * 1000) / HZ };
  }

  powerOff(): Promise<void> {
    return this.send("o");
  }

  reset(): Promise<void> {
    return this.send("z");
  }

  get stderr() {
    return this.qemu.stderr;
  }

  private get console() {
    return this.qemu.line("console").text;
  }

  private send(command: string): Promise<void> {
    return this.qemu.line("console").write(`${command}\n`);
  }
}

const address = (offset: number) => (VIRT.platformBus + offset).toString(16);

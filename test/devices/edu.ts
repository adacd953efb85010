/** The educational PCI device without a guest: the test drives its bus. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SOON_MS, within } from "../lib/limit.ts";
import { CAPABILITY, hostBridge, PCI_MACHINE, PciFunction } from "../lib/pci.ts";
import { paths } from "../lib/program.ts";
import { folder, Qemu } from "../lib/qemu.ts";

export const EDU = join(paths.root, "devices/edu.ts");

/** Whose it is: its type, and the options that decide. */
export const MODELS = {
  TypeScript: { type: "edu-ts", args: ["-script", `path=${EDU.replaceAll(",", ",,")}`] },
  C: { type: "edu", args: [] },
} as const;

export type Model = keyof typeof MODELS;

/** Offsets of the registers, as in docs/specs/edu.rst. */
export const REGISTER = {
  ID: 0x00,
  LIVENESS: 0x04,
  FACTORIAL: 0x08,
  STATUS: 0x20,
  INTERRUPTS: 0x24,
  RAISE: 0x60,
  ACKNOWLEDGE: 0x64,
  SOURCE: 0x80,
  DESTINATION: 0x88,
  COUNT: 0x90,
  COMMAND: 0x98,
} as const;

export const COMPUTING = 0x01;
/** The device's buffer in its own address space. */
export const BUFFER = 0x40000n;
/** Of the guest; the device tree is not here. */
export const RAM = 0x4100_0000;
/** Where messages of MSI go. */
export const MESSAGES = 0x4180_0000;

const SLOT = 4;

export class Edu {
  readonly qemu: Qemu;
  readonly card: PciFunction;
  private readonly logFile: string;
  private logged = 0;
  private bar = 0;

  private constructor(qemu: Qemu, logFile: string) {
    this.qemu = qemu;
    this.logFile = logFile;
    this.card = new PciFunction(qemu, SLOT);
  }

  /** @param options such as `dma_mask=...` */
  static async start(model: Model, options = "", more: readonly string[] = []): Promise<Edu> {
    const logFile = join(folder(), "log");
    const { type, args } = MODELS[model];
    const card = ["-device", `${type},addr=${SLOT},id=edu${options && `,${options}`}`];
    const qemu = await Qemu.start({
      args: [...PCI_MACHINE, ...args, ...card, "-d", "guest_errors", "-D", logFile, ...more],
      qtest: true,
    });
    await qemu.qtest.interceptOut(await hostBridge(qemu));
    const edu = new Edu(qemu, logFile);
    await edu.place();
    return edu;
  }

  /** Places it on the bus, as firmware does. */
  async place(): Promise<void> {
    this.bar = (await this.card.start())[0]!.address;
  }

  get bus() {
    return this.qemu.qtest;
  }

  read(offset: number): Promise<number> {
    return this.bus.readl(this.bar + offset);
  }

  write(offset: number, value: number): Promise<void> {
    return this.bus.writel(this.bar + offset, value);
  }

  readWide(offset: number): Promise<bigint> {
    return this.bus.readq(this.bar + offset);
  }

  writeWide(offset: number, value: bigint): Promise<void> {
    return this.bus.writeq(this.bar + offset, value);
  }

  /** Is its interrupt pin asserted? */
  get pin(): boolean {
    return this.bus.irq(SLOT % 4);
  }

  /** Lets its messages go to {@link MESSAGES}. */
  async enableMsi(on: boolean): Promise<void> {
    const at = await this.card.capability(CAPABILITY.MSI);
    await this.card.write32(at + 4, MESSAGES);
    await this.card.write32(at + 8, 0);
    await this.card.write16(at + 12, 0x77);
    await this.card.write16(at + 2, on ? 1 : 0);
  }

  /** The message that came since the last call, or 0. */
  async message(): Promise<number> {
    const found = await this.bus.readl(MESSAGES);
    await this.bus.writel(MESSAGES, 0);
    return found;
  }

  /** Waits for the factorial. */
  async computed(): Promise<void> {
    const wait = async () => {
      while ((await this.read(REGISTER.STATUS)) & COMPUTING) {
        await Bun.sleep(1);
      }
    };
    await within(SOON_MS, "the factorial", wait());
  }

  /** Programs a transfer and starts it. */
  async transfer(source: bigint, destination: bigint, count: bigint, command: number): Promise<void> {
    await this.writeWide(REGISTER.SOURCE, source);
    await this.writeWide(REGISTER.DESTINATION, destination);
    await this.writeWide(REGISTER.COUNT, count);
    await this.write(REGISTER.COMMAND, command);
  }

  async pass(ms: number): Promise<void> {
    await this.bus.clockStep(ms * 1e6);
  }

  /** What was logged since the last call; QEMU's own model ends no line. */
  log(): string {
    const all = readFileSync(this.logFile, "latin1");
    const fresh = all.slice(this.logged);
    this.logged = all.length;
    return fresh.replaceAll("\n", "");
  }
}

/** The PCI bus of virt with `highmem-ecam=off`, as firmware sees it through qtest. */

import type { Qemu } from "./qemu.ts";
import type { Qtest } from "./qtest.ts";

/** Configuration space: 4 KiB for each function. */
const ECAM = 0x3f00_0000;
/** I/O space. */
const PORTS = 0x3eff_0000;
/** Where BARs are put. */
const MEMORY = 0x1000_0000;
/** Beyond 4 GiB. */
const HIGH_MEMORY = 0x80_0000_0000;

/** Offsets in configuration space, as in the specification. */
export const CONFIG = {
  VENDOR: 0x00,
  DEVICE: 0x02,
  COMMAND: 0x04,
  STATUS: 0x06,
  REVISION: 0x08,
  HEADER_TYPE: 0x0e,
  BAR: 0x10,
  BUSES: 0x18,
  MEMORY_WINDOW: 0x20,
  SUBSYSTEM_VENDOR: 0x2c,
  SUBSYSTEM: 0x2e,
  CAPABILITIES: 0x34,
  PIN: 0x3d,
} as const;

/** Bits of the command register. */
export const COMMAND = { IO: 1, MEMORY: 2, MASTER: 4, NO_INTX: 1 << 10 } as const;

/** Capability IDs. */
export const CAPABILITY = { MSI: 0x05, EXPRESS: 0x10, MSIX: 0x11 } as const;

/** Options of a machine whose bus this is. */
export const PCI_MACHINE = [
  ...["-M", "virt,highmem-ecam=off", "-m", "64", "-accel", "qtest"],
  ...["-nodefaults", "-display", "none"],
];

/** What a base address register turned out to be. */
export interface Bar {
  readonly io: boolean;
  readonly bits64: boolean;
  readonly prefetchable: boolean;
  readonly size: number;
  /** Where it is now. */
  readonly address: number;
}

export interface Capability {
  readonly id: number;
  readonly at: number;
}

/** One function on the bus. */
export class PciFunction {
  private readonly bus: Qtest;
  private readonly base: number;

  constructor(qemu: Qemu, slot: number, bus = 0) {
    this.bus = qemu.qtest;
    this.base = ECAM + bus * 2 ** 20 + slot * 2 ** 15;
  }

  read8(at: number): Promise<number> {
    return this.bus.readb(this.base + at);
  }

  read16(at: number): Promise<number> {
    return this.bus.readw(this.base + at);
  }

  read32(at: number): Promise<number> {
    return this.bus.readl(this.base + at);
  }

  write8(at: number, value: number): Promise<void> {
    return this.bus.writeb(this.base + at, value);
  }

  write16(at: number, value: number): Promise<void> {
    return this.bus.writew(this.base + at, value);
  }

  write32(at: number, value: number): Promise<void> {
    return this.bus.writel(this.base + at, value);
  }

  command(bits: number): Promise<void> {
    return this.write16(CONFIG.COMMAND, bits);
  }

  async capabilities(): Promise<Capability[]> {
    const found: Capability[] = [];
    for (let at = await this.read8(CONFIG.CAPABILITIES); at !== 0; at = await this.read8(at + 1)) {
      found.push({ id: await this.read8(at), at });
    }
    return found;
  }

  /** Offset of a capability. @throws Error if there is none of this ID */
  async capability(id: number): Promise<number> {
    const capability = (await this.capabilities()).find((candidate) => candidate.id === id);
    if (capability === undefined) {
      throw new Error(`no capability 0x${id.toString(16)}`);
    }
    return capability.at;
  }

  /** Sizes and places all BARs, as firmware does, and enables the device. @returns them by number */
  async start(memory = MEMORY): Promise<(Bar | undefined)[]> {
    const bars: (Bar | undefined)[] = [];
    const next = { io: 0x1000, low: memory, high: HIGH_MEMORY };
    for (let index = 0; index < 6; index++) {
      const bar = await this.place(index, next);
      bars[index] = bar;
      index += bar?.bits64 ? 1 : 0;
    }
    await this.command(COMMAND.IO | COMMAND.MEMORY | COMMAND.MASTER);
    return bars;
  }

  private async place(
    index: number,
    next: { io: number; low: number; high: number },
  ): Promise<Bar | undefined> {
    const at = CONFIG.BAR + 4 * index;
    await this.write32(at, 0xffff_ffff);
    const found = await this.read32(at);
    if (found === 0) {
      return undefined;
    }
    const io = (found & 1) !== 0;
    const bits64 = !io && (found & 6) === 4;
    const size = (~(found & (io ? ~3 : ~0xf)) >>> 0) + 1;
    const space = io ? "io" : bits64 ? "high" : "low";
    const address = Math.ceil(next[space] / size) * size;
    next[space] = address + size;
    await this.write32(at, address % 2 ** 32);
    if (bits64) {
      await this.write32(at + 4, Math.floor(address / 2 ** 32));
    }
    return {
      io,
      bits64,
      prefetchable: !io && (found & 8) !== 0,
      size,
      address: io ? PORTS + address : address,
    };
  }
}

/** Offsets and bits of a slot of PCI Express, from its capability on. */
const SLOT_CONTROL = 0x18;
const POWER_ON = 1 << 8;
const POWER_OFF = (3 << 8) | (1 << 10);

/** A `pcie-root-port`, and what an operating system does with it. */
export class RootPort {
  /** Where the bus's BARs can be: 1 MiB. */
  readonly memory = MEMORY;
  private readonly port: PciFunction;
  private readonly device: PciFunction;
  private control = 0;

  constructor(qemu: Qemu, slot: number) {
    this.port = new PciFunction(qemu, slot);
    this.device = new PciFunction(qemu, 0, 1);
  }

  /** The options of such a port. */
  static args(slot: number, id: string): string[] {
    return ["-device", `pcie-root-port,id=${id},chassis=1,addr=${slot}`];
  }

  /** Makes it bus 1, with a window for memory. */
  async start(): Promise<void> {
    this.control = (await this.port.capability(CAPABILITY.EXPRESS)) + SLOT_CONTROL;
    await this.port.write32(CONFIG.BUSES, 0x0001_0100);
    const megabytes = MEMORY >>> 16;
    await this.port.write32(CONFIG.MEMORY_WINDOW, megabytes | (megabytes << 16));
    await this.port.command(COMMAND.MEMORY | COMMAND.MASTER);
  }

  /** Gives power to what was plugged in, and places its BARs. */
  async powerOn(): Promise<(Bar | undefined)[]> {
    await this.port.write16(this.control, POWER_ON);
    return await this.device.start(this.memory);
  }

  /** Takes the power away: whoever asked QEMU to unplug the device sees it go. */
  powerOff(): Promise<void> {
    return this.port.write16(this.control, POWER_OFF);
  }

  /** What is plugged in. */
  get plugged(): PciFunction {
    return this.device;
  }
}

/** Where in QOM the bus's host bridge is, whose outgoing lines are INTA to INTD. */
export async function hostBridge(qemu: Qemu): Promise<string> {
  const path = "/machine/unattached";
  const list = await qemu.qmp.execute<{ name: string; type: string }[]>("qom-list", { path });
  return `${path}/${list.find(({ type }) => type === "child<gpex-pcihost>")!.name}`;
}

/** What the declaration of a PCI device must mean to the type checker. Checked by tsc, never run. */

import { expectTypeOf } from "bun:test";
import {
  type ConfigReader,
  type ConfigWriter,
  Device,
  type DmaResult,
  type Msi,
  type Msix,
  PCIDevice,
  type PciConfig,
  type PciIrq,
  SysBusDevice,
  u32,
} from "qemu-script";

const IDS = { vendor: 1, device: 2, class: 3 } as const;

class Every
  extends PCIDevice.with({
    type: "every",
    pci: {
      ...IDS,
      programmingInterface: 4,
      revision: 5,
      subsystemVendor: 6,
      subsystem: 7,
      interrupt: "D",
      msi: { vectors: 32, offset: 0x50, bits64: true, maskable: true },
      msix: { vectors: 2048, bar: 0, table: 0, pba: 0x8000 },
      express: true,
    },
    regions: {
      regs: { size: 0x10000, bar: 0 },
      ports: { size: 16, bar: { index: 1, io: true } },
      wide: { size: 2 ** 20, bar: { index: 2, bits64: true, prefetchable: true } },
    },
  })
  implements ConfigReader, ConfigWriter
{
  bus() {
    expectTypeOf(this.pci.config).toEqualTypeOf<PciConfig>();
    expectTypeOf(this.pci.config.read32(0)).toEqualTypeOf<number>();
    expectTypeOf(this.pci.irq).toEqualTypeOf<PciIrq>();
    expectTypeOf(this.pci.irq.level).toEqualTypeOf<boolean>();
    expectTypeOf(this.pci.msi).toEqualTypeOf<Msi>();
    expectTypeOf(this.pci.msix).toEqualTypeOf<Msix>();
    expectTypeOf(this.pci.msi.notify(0)).toEqualTypeOf<boolean>();
    expectTypeOf(this.dma.store32(0, 0)).toEqualTypeOf<DmaResult>();
    // @ts-expect-error the guest's to say
    this.pci.msi.enabled = true;
    // @ts-expect-error lines of the system bus
    this.irqs.out;
  }

  configRead(address: number, length: number) {
    return this.pci.defaultConfigRead(address, length);
  }

  configWrite(address: number, value: number, length: number) {
    this.pci.defaultConfigWrite(address, value, length);
  }
}

class Less extends PCIDevice.with({ type: "less", pci: { ...IDS, msi: { vectors: 1 } } }) {
  bus() {
    this.pci.config.read8(0);
    this.pci.msi.notify(0);
    // @ts-expect-error no pin was declared
    this.pci.irq;
    // @ts-expect-error no table of messages
    this.pci.msix;
    // @ts-expect-error it is the host's
    this.pci = this.pci;
  }
}

class Child extends Every.with({ type: "child", state: { more: u32 } }) {
  bus2() {
    this.pci.irq.raise();
    this.pci.msix.notify(this.more);
  }
}

// @ts-expect-error there are three numbers at least
PCIDevice.with({ type: "x", pci: { vendor: 1, device: 2 } });
// @ts-expect-error four pins
PCIDevice.with({ type: "x", pci: { ...IDS, interrupt: "E" } });
// @ts-expect-error a power of two
PCIDevice.with({ type: "x", pci: { ...IDS, msi: { vectors: 3 } } });
// @ts-expect-error a misspelt option
PCIDevice.with({ type: "x", pci: { ...IDS, msi: { vectors: 1, bits: 64 } } });
// @ts-expect-error a misspelt option
PCIDevice.with({ type: "x", pci: { ...IDS, subsystemDevice: 1 } });
// @ts-expect-error a table is somewhere
PCIDevice.with({ type: "x", pci: { ...IDS, msix: { vectors: 1 } } });
// @ts-expect-error six BARs
PCIDevice.with({ type: "x", pci: IDS, regions: { regs: { size: 16, bar: 6 } } });
// @ts-expect-error a BAR has a number
PCIDevice.with({ type: "x", pci: IDS, regions: { regs: { size: 16, bar: { io: true } } } });
// @ts-expect-error a field of that name would hide it
PCIDevice.with({ type: "x", pci: IDS, state: { pci: u32 } });
// @ts-expect-error interrupts of PCI are in pci
PCIDevice.with({ type: "x", pci: IDS, irqs: ["out"] });
// @ts-expect-error on another bus
SysBusDevice.with({ type: "x", pci: IDS });
// @ts-expect-error on none
Device.with({ type: "x", pci: IDS });

class Wrong extends PCIDevice.with({ type: "wrong", pci: IDS }) implements ConfigReader {
  // @ts-expect-error the guest wants a number
  configRead() {
    return "1";
  }
}

export { Child, Less, Wrong };

/**
 * QEMU's educational PCI device, for writing one's first driver: docs/specs/edu.rst.
 *
 * Modelled on hw/misc/edu.c. What differs: the state migrates; nothing is computed on a thread, only later.
 */

import { type Access, clock, guestError, PCIDevice, type PostLoad, timer, u8, u32, u64 } from "qemu-script";

/** Bits of the status register. */
const COMPUTING = 0x01;
const INTERRUPT_AFTER_FACTORIAL = 0x80;
/** Reasons for an interrupt. */
const FACTORIAL_DONE = 0x001;
const TRANSFER_DONE = 0x100;
/** Bits of the DMA command register. */
const RUN = 0x1n;
const TO_MEMORY = 0x2n;
const INTERRUPT_AFTER_DMA = 0x4n;

/** Where the device's buffer is, as the addresses of DMA see it. */
const BUFFER = 0x40000n;
const BUFFER_SIZE = 4096;
/** How long a transfer takes, in ms. */
const TRANSFER_TIME = 100;
const MS = 1e6;

/** Registers from this offset on, those of DMA, have 4 or 8 bytes; those before have 4. */
const WIDE = 0x80;
/** What the guest reads where nothing is. */
const NOTHING = 0xffff_ffff_ffff_ffffn;

const hex = (value: bigint) => `0x${BigInt.asUintN(64, value).toString(16).padStart(16, "0")}`;

export default class Edu
  extends PCIDevice.with({
    type: "edu-ts",
    description: "Educational device, in TypeScript",
    pci: {
      vendor: 0x1234,
      device: 0x11e8,
      class: 0x00ff,
      revision: 0x10,
      interrupt: "A",
      msi: { vectors: 1, bits64: true },
    },
    properties: {
      dmaMask: u64({ name: "dma_mask", default: 2n ** 28n - 1n, description: "address bits of DMA" }),
    },
    regions: {
      mmio: {
        name: "edu-mmio",
        size: 0x10_0000,
        bar: 0,
        valid: { min: 4, max: 8 },
        handled: { min: 4, max: 8 },
        read: "mmioRead",
        write: "mmioWrite",
      },
    },
    state: {
      liveness: u32,
      factorial: u32,
      status: u32,
      interrupts: u32,
      source: u64,
      destination: u64,
      count: u64,
      command: u64,
      computing: timer({ clock: "realtime", expired: "computeFactorial" }),
      transfer: timer({ expired: "transferDone" }),
      buffer: u8.array(BUFFER_SIZE),
    },
  })
  implements PostLoad
{
  /** Another host's clock says something else. */
  postLoad() {
    if (this.status & COMPUTING) {
      this.startFactorial();
    }
  }

  mmioRead(offset: number, access: Access) {
    if (offset < WIDE && access.size !== 4) {
      return NOTHING;
    }
    switch (offset) {
      case 0x00:
        return 0x010000ed;
      case 0x04:
        return this.liveness;
      case 0x08:
        return this.factorial;
      case 0x20:
        return this.status;
      case 0x24:
        return this.interrupts;
      case 0x80:
        return this.source;
      case 0x88:
        return this.destination;
      case 0x90:
        return this.count;
      case 0x98:
        return this.command;
      default:
        return NOTHING;
    }
  }

  mmioWrite(offset: number, value: bigint, access: Access) {
    if (offset >= WIDE) {
      this.writeDma(offset, value);
    } else if (access.size === 4) {
      this.writeRegister(offset, Number(value));
    }
  }

  private writeRegister(offset: number, value: number) {
    switch (offset) {
      case 0x04:
        this.liveness = ~value;
        break;
      case 0x08:
        if (!(this.status & COMPUTING)) {
          this.factorial = value;
          this.startFactorial();
        }
        break;
      case 0x20:
        this.status = (this.status & COMPUTING) | (value & INTERRUPT_AFTER_FACTORIAL);
        break;
      case 0x60:
        this.raise(value);
        break;
      case 0x64:
        this.acknowledge(value);
        break;
    }
  }

  /** Nothing can be written while a transfer is under way. */
  private writeDma(offset: number, value: bigint) {
    if (this.command & RUN) {
      return;
    }
    switch (offset) {
      case 0x80:
        this.source = value;
        break;
      case 0x88:
        this.destination = value;
        break;
      case 0x90:
        this.count = value;
        break;
      case 0x98:
        if (value & RUN) {
          this.command = value;
          this.transfer.at((Math.floor(clock.virtual.ns / MS) + TRANSFER_TIME) * MS);
        }
        break;
    }
  }

  private raise(reasons: number) {
    this.interrupts |= reasons;
    if (this.interrupts !== 0 && !this.pci.msi.notify(0)) {
      this.pci.irq.raise();
    }
  }

  private acknowledge(reasons: number) {
    this.interrupts &= ~reasons;
    if (this.interrupts === 0 && !this.pci.msi.enabled) {
      this.pci.irq.lower();
    }
  }

  /** It is computed later, so that drivers must wait for it. */
  private startFactorial() {
    this.status |= COMPUTING;
    this.computing.after(0);
  }

  computeFactorial() {
    let product = 1;
    // In 32 bits nothing is left of a product of some forty numbers in a row: they have 32 factors of two.
    for (let n = this.factorial; n > 0 && product !== 0; n--) {
      product = Math.imul(product, n);
    }
    this.factorial = product;
    this.status &= ~COMPUTING;
    if (this.status & INTERRUPT_AFTER_FACTORIAL) {
      this.raise(FACTORIAL_DONE);
    }
  }

  transferDone() {
    const { command, source, destination } = this;
    const bytes = this.partOfBuffer(command & TO_MEMORY ? source : destination);
    if (bytes && command & TO_MEMORY) {
      this.dma.write(this.clamp(destination), bytes);
    } else if (bytes) {
      this.dma.read(this.clamp(source), bytes);
    }
    this.command = command & ~RUN;
    if (command & INTERRUPT_AFTER_DMA) {
      this.raise(TRANSFER_DONE);
    }
  }

  /** `count` bytes of the buffer, or undefined if they are not all in it. */
  private partOfBuffer(start: bigint) {
    const offset = start - BUFFER;
    const end = offset + this.count;
    if (offset >= 0n && end <= BUFFER_SIZE) {
      return this.buffer.subarray(Number(offset), Number(end));
    }
    const range = `${hex(start)}-${hex(start + this.count - 1n)}`;
    guestError(`EDU: DMA range ${range} out of bounds (${hex(BUFFER)}-${hex(BUFFER + 4095n)})!`);
    return undefined;
  }

  /** The device has fewer address lines than the guest may think. */
  private clamp(address: bigint) {
    const clamped = address & this.config.dmaMask;
    if (clamped !== address) {
      guestError(`EDU: clamping DMA ${hex(address)} to ${hex(clamped)}!`);
    }
    return clamped;
  }
}

/** A device's end of a PCI bus. */

import { qemu } from "../native/library.ts";
import type { Handle } from "./handle.ts";
import { leaveLines } from "./irq.ts";
import type { PciSpec } from "./pci-spec.ts";

/** Bytes of configuration space. */
const CONVENTIONAL = 256;
const EXPRESS = 4096;

/**
 * The device's configuration space, as bytes, little endian. Reading and writing here has no effect but that: the bus
 * does not hear of it. All of it throws RangeError for an address outside, StaleError when the device is gone.
 */
export class PciConfig {
  readonly #handle: Handle;
  /** In bytes. */
  readonly length: number;

  /** @internal Made by the host. */
  constructor(handle: Handle, express: boolean) {
    this.#handle = handle;
    this.length = express ? EXPRESS : CONVENTIONAL;
  }

  /** Reads 8 bits. */
  read8(address: number): number {
    return this.#read(address, 1);
  }

  /** Reads 16 bits. */
  read16(address: number): number {
    return this.#read(address, 2);
  }

  /** Reads 32 bits. */
  read32(address: number): number {
    return this.#read(address, 4);
  }

  /** Writes 8 bits. */
  write8(address: number, value: number): void {
    this.#write(address, value, 1);
  }

  /** Writes 16 bits. */
  write16(address: number, value: number): void {
    this.#write(address, value, 2);
  }

  /** Writes 32 bits. */
  write32(address: number, value: number): void {
    this.#write(address, value, 4);
  }

  /** Says which of 8 bits the guest can change: none if nobody said so. */
  allow8(address: number, mask: number): void {
    this.#allow(address, mask, 1);
  }

  /** Says which of 16 bits the guest can change. */
  allow16(address: number, mask: number): void {
    this.#allow(address, mask, 2);
  }

  /** Says which of 32 bits the guest can change. */
  allow32(address: number, mask: number): void {
    this.#allow(address, mask, 4);
  }

  #check(address: number, length: number): void {
    if (!Number.isInteger(address) || address < 0 || address + length > this.length) {
      throw new RangeError(`${address} is not in ${this.length} bytes of configuration space`);
    }
  }

  #read(address: number, length: number): number {
    this.#check(address, length);
    return qemu.script_pci_config_get(this.#handle.pointer, address, length);
  }

  #write(address: number, value: number, length: number): void {
    this.#check(address, length);
    qemu.script_pci_config_set(this.#handle.pointer, address, value >>> 0, length);
  }

  #allow(address: number, mask: number, length: number): void {
    this.#check(address, length);
    qemu.script_pci_config_allow(this.#handle.pointer, address, mask >>> 0, length);
  }
}

/** The interrupt pin of a PCI device. A line of the board follows it, but other devices may share that. */
export interface PciIrq {
  /** Asserts it or not. */
  set(level: boolean): void;
  /** Asserts it. */
  raise(): void;
  /** Takes that back. */
  lower(): void;
  /** Asserts it and takes that back at once. */
  pulse(): void;
  /** Is it asserted? The guest can mute it without the device noticing. */
  readonly level: boolean;
}

/** Message-signalled interrupts of a device. Nothing is sent while the guest has not enabled them. */
export interface Msi {
  /** Has the guest enabled them? It then expects no INTx. */
  readonly enabled: boolean;
  /** How many vectors the guest allocated, at most those that the device asked for; 0 while not enabled. */
  readonly vectors: number;
  /**
   * Sends one; what the guest has masked stays pending. Beyond the vectors that the guest allocated they start again
   * from the first.
   *
   * @returns whether they are enabled
   * @throws RangeError for a vector that was not declared
   */
  notify(vector: number): boolean;
}

/** Interrupts with a table of messages in memory. Nothing is sent while the guest has not enabled them. */
export interface Msix {
  /** Has the guest enabled them? It then expects neither INTx nor MSI. */
  readonly enabled: boolean;
  /**
   * Sends one; what the guest has masked stays pending.
   *
   * @returns whether they are enabled
   * @throws RangeError for a vector that was not declared
   */
  notify(vector: number): boolean;
}

/** What every PCI device has. */
export interface Pci {
  /** Configuration space. */
  readonly config: PciConfig;
  /** What a read by the guest gives if there is no `configRead()`. @param length 1, 2 or 4 bytes */
  defaultConfigRead(address: number, length: number): number;
  /** What a write by the guest does if there is no `configWrite()`: it moves BARs, enables, ... */
  defaultConfigWrite(address: number, value: number, length: number): void;
}

type PartOf<P, K extends string, T> = P extends { readonly [N in K]: unknown } ? T : unknown;

/** `pci` of a device that declares itself as P. */
export type PciOf<P> = Pci &
  PartOf<P, "interrupt", { readonly irq: PciIrq }> &
  PartOf<P, "msi", { readonly msi: Msi }> &
  PartOf<P, "msix", { readonly msix: Msix }>;

function makeIrq(handle: Handle, id: number): PciIrq {
  const set = (level: boolean) => {
    const { pointer } = handle;
    if (!leaveLines(id, level ? 1 : 0, 0)) {
      qemu.script_pci_irq_set(pointer, level ? 1 : 0);
    }
  };
  return {
    set,
    raise: () => set(true),
    lower: () => set(false),
    pulse() {
      set(true);
      set(false);
    },
    get level() {
      return qemu.script_pci_irq_level(handle.pointer) !== 0;
    },
  };
}

function checkVector(vector: number, vectors: number): void {
  if (!Number.isInteger(vector) || vector < 0 || vector >= vectors) {
    throw new RangeError(`there is no vector ${vector}: ${vectors} are declared`);
  }
}

function makeMsi(handle: Handle, declared: number): Msi {
  return {
    get enabled() {
      return qemu.script_pci_msi_vectors(handle.pointer) !== 0;
    },
    get vectors() {
      return qemu.script_pci_msi_vectors(handle.pointer);
    },
    notify(vector) {
      checkVector(vector, declared);
      return qemu.script_pci_msi_notify(handle.pointer, vector) !== 0;
    },
  };
}

function makeMsix(handle: Handle, declared: number): Msix {
  return {
    get enabled() {
      return qemu.script_pci_msix_enabled(handle.pointer) !== 0;
    },
    notify(vector) {
      checkVector(vector, declared);
      return qemu.script_pci_msix_notify(handle.pointer, vector) !== 0;
    },
  };
}

/**
 * `pci` of a device with this declaration.
 *
 * @param id of the device
 */
export function makePci(handle: Handle, id: number, spec: PciSpec): Pci {
  const pci: Pci = {
    config: new PciConfig(handle, spec.express ?? false),
    defaultConfigRead: (address, length) => qemu.script_pci_config_read(handle.pointer, address, length),
    defaultConfigWrite: (address, value, length) =>
      qemu.script_pci_config_write(handle.pointer, address, value >>> 0, length),
  };
  return Object.freeze({
    ...pci,
    ...(spec.interrupt && { irq: Object.freeze(makeIrq(handle, id)) }),
    ...(spec.msi && { msi: Object.freeze(makeMsi(handle, spec.msi.vectors)) }),
    ...(spec.msix && { msix: Object.freeze(makeMsix(handle, spec.msix.vectors)) }),
  });
}

/** How a device declares what it is on a PCI bus, and what is wrong with such a declaration. */

import type { DeviceClass } from "./device.ts";
import { hex } from "./hex.ts";
import { has } from "./members.ts";
import { type RegionSpec, sizeOf } from "./regions.ts";

/** Number of a base address register. */
export type BarIndex = 0 | 1 | 2 | 3 | 4 | 5;

/** The base address register by which a region is placed. */
export interface BarSpec {
  /** Its number. */
  readonly index: BarIndex;
  /** In I/O space; in memory space if absent. */
  readonly io?: boolean;
  /** Can be anywhere in 64 bits; takes the next register too. */
  readonly bits64?: boolean;
  /** Reading has no side effects. */
  readonly prefetchable?: boolean;
}

/** Message-signalled interrupts. */
export interface MsiSpec {
  /** How many the device asks for. */
  readonly vectors: 1 | 2 | 4 | 8 | 16 | 32;
  /** Of the capability in configuration space; where there is room if absent. */
  readonly offset?: number;
  /** Has 64 bits for the message's address. */
  readonly bits64?: boolean;
  /** Each vector can be masked. */
  readonly maskable?: boolean;
}

/** Message-signalled interrupts with a table in memory. */
export interface MsixSpec {
  /** 1 to 2048. */
  readonly vectors: number;
  /** Where the table is: a BAR of its own, or one that a region has. */
  readonly bar: BarIndex;
  /** Offset of the table in a region's BAR, in bytes. */
  readonly table?: number;
  /** Offset of the pending bits in a region's BAR, in bytes. */
  readonly pba?: number;
}

/** What a device is on a PCI bus. */
export interface PciSpec {
  /** Vendor ID, 16 bits. */
  readonly vendor: number;
  /** Device ID, 16 bits. */
  readonly device: number;
  /** Base class and subclass, 16 bits: 0x0200 is an Ethernet controller. */
  readonly class: number;
  /** The class code's last byte; 0 if absent. */
  readonly programmingInterface?: number;
  /** Revision ID; 0 if absent. */
  readonly revision?: number;
  /** Subsystem vendor ID; QEMU's if neither it nor the subsystem is given. */
  readonly subsystemVendor?: number;
  /** Subsystem ID. */
  readonly subsystem?: number;
  /** Interrupt pin; none if absent. */
  readonly interrupt?: "A" | "B" | "C" | "D";
  /** Message-signalled interrupts, if it has them. */
  readonly msi?: MsiSpec;
  /** The same with a table in memory. */
  readonly msix?: MsixSpec;
  /** Is a PCI Express endpoint; a conventional device, which fits on both kinds of buses, if absent. */
  readonly express?: boolean;
}

type Fail = (reason: string) => never;
type Regions = readonly (readonly [key: string, region: RegionSpec & { readonly size: number }])[];

const regionsOf = ({ spec: { regions = {} } }: DeviceClass): Regions =>
  Object.entries(regions).map(([key, region]) => [key, { ...region, size: sizeOf(regions, key) }]);

/** A region's BAR with all that may be left out. */
function barOf({ bar }: RegionSpec): Required<BarSpec> | undefined {
  if (bar === undefined) {
    return undefined;
  }
  return {
    io: false,
    bits64: false,
    prefetchable: false,
    ...(typeof bar === "number" ? { index: bar } : bar),
  };
}

const isPowerOf2 = (value: number) => Number.isSafeInteger(Math.log2(value));

function checkNumber(name: string, value: number | undefined, limit: number, fail: Fail): void {
  if (value !== undefined && !(Number.isInteger(value) && value >= 0 && value <= limit)) {
    fail(`pci: ${name}: ${value} is not between 0 and ${hex(limit)}`);
  }
}

function checkBar(key: string, size: number, bar: Required<BarSpec>, fail: Fail): void {
  const { index, io, bits64, prefetchable } = bar;
  if (!Number.isInteger(index) || index < 0 || index > 5) {
    fail(`region ${key}: there is no BAR ${index}`);
  }
  if (io && (bits64 || prefetchable)) {
    fail(`region ${key}: a BAR in I/O space is neither prefetchable nor has it 64 bits`);
  }
  if (bits64 && index === 5) {
    fail(`region ${key}: a BAR of 64 bits takes two, and there is none after 5`);
  }
  if (!isPowerOf2(size)) {
    fail(`region ${key}: a BAR's size is a power of two, not ${hex(size)}`);
  }
  const [least, most] = io ? [4, 2 ** 16] : [16, bits64 ? 2 ** 62 : 2 ** 31];
  if (size < least || size > most) {
    fail(`region ${key}: a BAR of this kind has ${hex(least)} to ${hex(most)} bytes, not ${hex(size)}`);
  }
}

/** @returns whose each BAR is, by number */
function checkBars(regions: Regions, fail: Fail): (string | undefined)[] {
  const owners: (string | undefined)[] = [];
  for (const [key, region] of regions) {
    const bar = barOf(region);
    if (bar === undefined) {
      continue;
    }
    checkBar(key, region.size, bar, fail);
    for (const index of bar.bits64 ? [bar.index, bar.index + 1] : [bar.index]) {
      if (owners[index] !== undefined) {
        fail(`region ${key}: BAR ${index} is taken by ${owners[index]}`);
      }
      owners[index] = key;
    }
  }
  return owners;
}

function checkMsi({ vectors, offset }: MsiSpec, fail: Fail): void {
  if (!isPowerOf2(vectors) || vectors < 1 || vectors > 32) {
    fail(`pci: msi: ${vectors} vectors: 1, 2, 4, 8, 16 or 32`);
  }
  if (offset !== undefined && !(offset % 4 === 0 && offset >= 0x40 && offset <= 0xf0)) {
    fail(`pci: msi: ${hex(offset)} is no offset of a capability`);
  }
}

function checkMsix(
  spec: MsixSpec,
  owners: readonly (string | undefined)[],
  regions: Regions,
  fail: Fail,
): void {
  const { vectors, bar, table, pba } = spec;
  if (!Number.isInteger(vectors) || vectors < 1 || vectors > 2048) {
    fail(`pci: msix: ${vectors} vectors: 1 to 2048`);
  }
  if (!Number.isInteger(bar) || bar < 0 || bar > 5) {
    fail(`pci: msix: there is no BAR ${bar}`);
  }
  if (owners[bar] === undefined) {
    if (table !== undefined || pba !== undefined) {
      fail(`pci: msix: BAR ${bar} has nothing else in it: table and pba are placed by QEMU`);
    }
    return;
  }
  const [key, region] = regions.find(([, candidate]) => barOf(candidate)?.index === bar) ?? [];
  if (region === undefined || barOf(region)?.io) {
    fail(`pci: msix: BAR ${bar} is no memory that a region starts in`);
  } else if (table === undefined || pba === undefined) {
    fail(`pci: msix: BAR ${bar} is that of region ${key}: say where in it table and pba are`);
  } else {
    checkPlaces(spec, table, pba, region.size, fail);
  }
}

function checkPlaces({ vectors }: MsixSpec, table: number, pba: number, size: number, fail: Fail): void {
  const tableEnd = table + 16 * vectors;
  const pbaEnd = pba + 8 * Math.ceil(vectors / 64);
  if (table % 8 !== 0 || pba % 8 !== 0 || table < 0 || pba < 0) {
    fail("pci: msix: table and pba are at multiples of 8");
  }
  if (tableEnd > size || pbaEnd > size) {
    fail(`pci: msix: table or pba leaves the region, which has ${hex(size)} bytes`);
  }
  if (table < pbaEnd && pba < tableEnd) {
    fail(`pci: msix: the table ends at ${hex(tableEnd)}, and the pba at ${hex(pbaEnd)}: they overlap`);
  }
}

function checkIds(pci: PciSpec, fail: Fail): void {
  checkNumber("vendor", pci.vendor, 0xfffe, fail);
  for (const name of ["device", "class", "subsystemVendor", "subsystem"] as const) {
    checkNumber(name, pci[name], 0xffff, fail);
  }
  for (const name of ["programmingInterface", "revision"] as const) {
    checkNumber(name, pci[name], 0xff, fail);
  }
  if (pci.interrupt !== undefined && !/^[ABCD]$/.test(pci.interrupt)) {
    fail(`pci: interrupt: there is no pin ${pci.interrupt}`);
  }
}

/** Of a class that is, or is not, a PCI device. */
export function checkPci(cls: DeviceClass, fail: Fail): void {
  const { pci, parent } = cls.spec;
  const regions = regionsOf(cls);
  if (pci === undefined) {
    const [key] = regions.find(([, { bar }]) => bar !== undefined) ?? [];
    if (key !== undefined) {
      fail(`region ${key}: only a device with \`pci\` has BARs`);
    }
    if (cls.base === "pci-device" && parent === undefined) {
      fail("pci: a PCI device says which it is");
    }
    return;
  }
  checkIds(pci, fail);
  const owners = checkBars(regions, fail);
  if (pci.msi) {
    checkMsi(pci.msi, fail);
  }
  if (pci.msix) {
    checkMsix(pci.msix, owners, regions, fail);
  }
}

/** As ScriptPci of qapi/script.json. */
export function describePci(cls: DeviceClass, pci: PciSpec) {
  const { msi, msix } = pci;
  const bars = regionsOf(cls).flatMap(([, region], index) => {
    const { io, bits64, prefetchable, index: number } = barOf(region) ?? {};
    return number === undefined ? [] : [{ index: number, region: index, io, bits64, prefetchable }];
  });
  return {
    vendor: pci.vendor,
    device: pci.device,
    class: pci.class,
    "programming-interface": pci.programmingInterface ?? 0,
    revision: pci.revision ?? 0,
    "subsystem-vendor": pci.subsystemVendor ?? 0,
    subsystem: pci.subsystem ?? 0,
    pin: pci.interrupt === undefined ? 0 : "ABCD".indexOf(pci.interrupt) + 1,
    express: pci.express ?? false,
    bars,
    ...(msi && {
      msi: {
        vectors: msi.vectors,
        offset: msi.offset ?? 0,
        bits64: msi.bits64 ?? false,
        maskable: msi.maskable ?? false,
      },
    }),
    ...(msix && {
      msix: { vectors: msix.vectors, bar: msix.bar, table: msix.table ?? 0, pba: msix.pba ?? 0 },
    }),
    "config-read": has(cls, "configRead"),
    "config-write": has(cls, "configWrite"),
  };
}

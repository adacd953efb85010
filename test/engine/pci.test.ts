/** Scripted PCI devices, on a machine without a vCPU. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { type Bar, CAPABILITY, COMMAND, CONFIG, hostBridge, PCI_MACHINE, PciFunction } from "../lib/pci.ts";
import { Poker } from "../lib/poker.ts";
import { device } from "../lib/program.ts";
import { endAll, folder, Qemu, script } from "../lib/qemu.ts";
import { load, makeImage, save, withImage } from "../lib/snapshots.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const PATH = device("card");
const SLOT = 3;
/** There is nothing else here. */
const RAM = 0x4100_0000;

/** Registers of the fixture. */
const KEPT = 0x00;
const IRQ = 0x04;
const MSI = 0x08;
const MSIX = 0x0c;
const ADDRESS_LOW = 0x10;
const ADDRESS_HIGH = 0x14;
const DATA = 0x18;
const RESULT = 0x1c;
const LATER = 0x20;
const LAST_CONFIG = 0x24;
const WRONG = 0x28;

interface Machine {
  readonly qemu: Qemu;
  readonly card: PciFunction;
  readonly bars: readonly (Bar | undefined)[];
  get(register: number): Promise<number>;
  set(register: number, value: number): Promise<void>;
}

async function start(args: readonly string[] = [], path = PATH): Promise<Machine> {
  const options = ["-device", `script,path=${path},addr=${SLOT},id=card`, ...args];
  const qemu = await Qemu.start({ args: [...PCI_MACHINE, ...options], qtest: true });
  const card = new PciFunction(qemu, SLOT);
  const bars = await card.start();
  const regs = bars[0]!.address;
  return {
    qemu,
    card,
    bars,
    get: (register) => qemu.qtest.readl(regs + register),
    set: (register, value) => qemu.qtest.writel(regs + register, value),
  };
}

describe("configuration space", () => {
  test("says what was declared", async () => {
    const { card, qemu } = await start();
    expect(await card.read16(CONFIG.VENDOR)).toBe(0x1234);
    expect(await card.read16(CONFIG.DEVICE)).toBe(0x5678);
    expect(await card.read32(CONFIG.REVISION)).toBe(0x0780_1234);
    expect(await card.read8(CONFIG.HEADER_TYPE)).toBe(0);
    expect(await card.read16(CONFIG.SUBSYSTEM_VENDOR)).toBe(0x4321);
    expect(await card.read16(CONFIG.SUBSYSTEM)).toBe(0x8765);
    expect(await card.read8(CONFIG.PIN)).toBe(2);
    expect((await card.capabilities()).map(({ id }) => id).toSorted((a, b) => a - b)).toEqual([
      CAPABILITY.MSI,
      CAPABILITY.MSIX,
    ]);
    expect(qemu.stderr.lines).toEqual(["card: 1234 at 2 of 256"]);
  });

  test("has the subsystem IDs of QEMU and no interrupt if nothing was said", async () => {
    const path = script(`
      import { PCIDevice, registers, u32 } from "qemu-script";
      export default class Plain extends PCIDevice.with({
        type: "plain-ts",
        pci: { vendor: 0x1234, device: 0x1, class: 0xff00 },
        state: { kept: u32 },
        regions: { regs: { size: 0x20, bar: 5 } },
      }) {
        static { registers(Plain, "regs", { KEPT: { at: 0x1c, field: "kept" } }); }
      }
    `);
    const qemu = await Qemu.start({
      args: [...PCI_MACHINE, "-device", `script,path=${path},addr=${SLOT}`],
      qtest: true,
    });
    const plain = new PciFunction(qemu, SLOT);
    expect(await plain.read32(CONFIG.SUBSYSTEM_VENDOR)).toBe(0x1100_1af4);
    expect(await plain.read8(CONFIG.PIN)).toBe(0);
    expect(await plain.capabilities()).toEqual([]);
    const bars = await plain.start();
    expect(bars.filter(Boolean)).toEqual([bars[5]!]);
    await qemu.qtest.writel(bars[5]!.address + 0x1c, 77);
    expect(await qemu.qtest.readl(bars[5]!.address + 0x1c)).toBe(77);
  });

  test("can be changed by the guest where the script allows it", async () => {
    const { card } = await start();
    await card.write32(0xe0, 0x12345678);
    expect(await card.read32(0xe0)).toBe(0xaaaa5678);
    await card.write8(0xe1, 0xff);
    expect(await card.read16(0xe0)).toBe(0xff78);
    await card.write16(CONFIG.VENDOR, 0);
    expect(await card.read16(CONFIG.VENDOR)).toBe(0x1234);
  });

  test("asks the script", async () => {
    const { card, get } = await start();
    expect([await card.read32(0xe4), await card.read32(0xe4)]).toEqual([1, 2]);
    await card.write16(0xe4, 0x123);
    expect(await get(LAST_CONFIG)).toBe(0x1232);
    await card.write32(0xe4, 0x456);
    expect(await get(LAST_CONFIG)).toBe(0x4564);
  });

  test("is QEMU's answer when the script fails", async () => {
    const { card, qemu } = await start();
    expect(await card.read32(0xe8)).toBe(0);
    await card.write32(0xe8, 1);
    await qemu.stderr.waitFor(/card\.ts:\d+:\d+: not this one \(/, SOON_MS);
    await qemu.stderr.waitFor(/card\.ts:\d+:\d+: nor so \(/, SOON_MS);
  });
});

describe("base address registers", () => {
  test("are of the kinds declared", async () => {
    const { bars } = await start();
    expect(bars.map((bar) => bar && { ...bar, address: 0 })).toEqual([
      { io: false, bits64: false, prefetchable: false, size: 0x1000, address: 0 },
      { io: true, bits64: false, prefetchable: false, size: 0x40, address: 0 },
      { io: false, bits64: true, prefetchable: true, size: 0x10000, address: 0 },
      undefined,
      { io: false, bits64: false, prefetchable: false, size: 0x1000, address: 0 },
      undefined,
    ]);
    expect(bars[2]!.address).toBeGreaterThan(2 ** 32);
  });

  test("place the regions, which the command register shows", async () => {
    const { qemu, card, bars } = await start();
    const { qtest } = qemu;
    const places = [bars[0]!.address, bars[1]!.address + 0x3c, bars[2]!.address + 0x8000];
    for (const [value, place] of places.entries()) {
      await qtest.writel(place, 100 + value);
      expect(await Promise.all(places.map((other) => qtest.readl(other)))).toEqual(
        places.map(() => 100 + value),
      );
    }
    await card.command(COMMAND.MEMORY);
    expect(await qtest.readl(places[0]!)).toBe(102);
    expect(await qtest.readl(places[1]!)).toBe(0xffff_ffff);
    await card.command(0);
    expect(await qtest.readl(places[0]!)).toBe(0xffff_ffff);
    // Elsewhere.
    await card.write32(CONFIG.BAR, 0x2000_0000);
    await card.command(COMMAND.MEMORY);
    expect(await qtest.readl(0x2000_0000)).toBe(102);
  });
});

test("a BAR can be memory, a container, or part of another region", async () => {
  const path = script(`
    import { PCIDevice, registers, u32 } from "qemu-script";
    export default class Kinds extends PCIDevice.with({
      type: "kinds-ts",
      pci: { vendor: 0x1234, device: 0x1, class: 0xff00 },
      state: { kept: u32 },
      regions: {
        ram: { kind: "ram", size: 0x10000, bar: { index: 0, prefetchable: true } },
        all: { kind: "container", size: 0x2000, bar: 1 },
        regs: { size: 0x1000, inside: { region: "all", at: 0x1000 } },
        part: { kind: "alias", of: "ram", offset: 0x8000, size: 0x1000, bar: 2 },
      },
    }) {
      static { registers(Kinds, "regs", { SUM: { at: 0, read: "sum" } }); }
      sum() { return this.regions.ram.bytes.reduce((sum, byte) => sum + byte, 0); }
    }
  `);
  const { qemu, bars } = await start([], path);
  const { qtest } = qemu;
  expect(bars.slice(0, 3).map((bar) => bar?.size)).toEqual([0x10000, 0x2000, 0x1000]);
  await qtest.writel(bars[0]!.address + 0x8004, 0x01020304);
  expect(await qtest.readl(bars[2]!.address + 4)).toBe(0x01020304);
  expect(await qtest.readl(bars[1]!.address + 0x1000)).toBe(10);
});

describe("interrupts", () => {
  test("by the pin", async () => {
    const { qemu, get, set } = await start();
    await qemu.qtest.interceptOut(await hostBridge(qemu));
    // Pin B of slot 3.
    const line = (1 + SLOT) % 4;
    await set(IRQ, 1);
    expect([qemu.qtest.irq(line), await get(IRQ)]).toEqual([true, 1]);
    await set(IRQ, 0);
    expect([qemu.qtest.irq(line), await get(IRQ)]).toEqual([false, 0]);
    await set(IRQ, 1);
    await qemu.qmp.execute("system_reset");
    await qemu.qtest.waitForIrq(line, false);
  });

  test("by the pin, muted by the guest", async () => {
    const { qemu, card, get, set } = await start();
    await qemu.qtest.interceptOut(await hostBridge(qemu));
    const line = (1 + SLOT) % 4;
    await card.command(COMMAND.MEMORY | COMMAND.NO_INTX);
    await set(IRQ, 1);
    expect([qemu.qtest.irq(line), await get(IRQ)]).toEqual([false, 1]);
    await card.command(COMMAND.MEMORY);
    expect(qemu.qtest.irq(line)).toBe(true);
  });

  /** Lets messages of MSI go to memory, where they can be seen. */
  async function enableMsi({ card, qemu }: Machine, allocated: number): Promise<void> {
    const at = await card.capability(CAPABILITY.MSI);
    expect(await card.read16(at + 2)).toBe(0x0184);
    await card.write32(at + 4, RAM);
    await card.write32(at + 8, 0);
    await card.write16(at + 12, 0x4440);
    await card.write16(at + 2, 0x0001 | (Math.log2(allocated) << 4));
    await qemu.qtest.writel(RAM, 0);
  }

  test("by MSI", async () => {
    const machine = await start();
    const { qemu, get, set } = machine;
    expect(await get(MSI)).toBe(0);
    await set(MSI, 1);
    expect(await get(KEPT)).toBe(0);
    await enableMsi(machine, 4);
    expect(await get(MSI)).toBe(4);
    for (const vector of [0, 3, 1]) {
      await set(MSI, vector);
      expect([await qemu.qtest.readl(RAM), await get(KEPT)]).toEqual([0x4440 + vector, 1]);
    }
    await set(LATER, 2);
    while ((await qemu.qtest.readl(RAM)) !== 0x4442) {
      await Bun.sleep(1);
    }
  });

  test("by fewer vectors of MSI than were asked for", async () => {
    const machine = await start();
    const { qemu, get, set } = machine;
    await enableMsi(machine, 2);
    expect(await get(MSI)).toBe(2);
    await set(MSI, 3);
    expect(await qemu.qtest.readl(RAM)).toBe(0x4441);
  });

  test("by MSI, masked, stay pending", async () => {
    const machine = await start();
    const { card, qemu, set } = machine;
    await enableMsi(machine, 4);
    const at = await card.capability(CAPABILITY.MSI);
    await card.write32(at + 16, 0b0100);
    await set(MSI, 2);
    expect([await qemu.qtest.readl(RAM), await card.read32(at + 20)]).toEqual([0, 0b0100]);
    await card.write32(at + 16, 0);
    expect([await qemu.qtest.readl(RAM), await card.read32(at + 20)]).toEqual([0x4442, 0]);
  });

  test("by MSI-X", async () => {
    const { card, qemu, bars, get, set } = await start();
    const { qtest } = qemu;
    const at = await card.capability(CAPABILITY.MSIX);
    expect(await card.read16(at + 2)).toBe(2);
    expect((await card.read32(at + 4)) & 7).toBe(4);
    const table = bars[4]!.address;
    for (let vector = 0; vector < 3; vector++) {
      await qtest.writel(table + 16 * vector, RAM + 4 * vector);
      await qtest.writel(table + 16 * vector + 8, 0x8880 + vector);
      // The last one stays masked.
      await qtest.writel(table + 16 * vector + 12, vector === 2 ? 1 : 0);
      await qtest.writel(RAM + 4 * vector, 0);
    }
    await set(MSIX, 0);
    expect([await get(MSIX), await get(KEPT), await qtest.readl(RAM)]).toEqual([0, 0, 0]);
    await card.write16(at + 2, 0x8000);
    expect(await get(MSIX)).toBe(1);
    for (const vector of [1, 0, 2]) {
      await set(MSIX, vector);
      expect(await get(KEPT)).toBe(1);
      expect(await qtest.readl(RAM + 4 * vector)).toBe(vector === 2 ? 0 : 0x8880 + vector);
    }
    await qtest.writel(table + 16 * 2 + 12, 0);
    expect(await qtest.readl(RAM + 8)).toBe(0x8882);
  });

  test("that were not declared are the script's mistake", async () => {
    const { qemu, set } = await start();
    await set(WRONG, 0);
    await qemu.stderr.waitFor("RangeError: -1 is", SOON_MS);
    expect(qemu.stderr.lines.slice(1)).toEqual([
      "RangeError: there is no vector 4: 4 are declared",
      "RangeError: there is no vector 3: 3 are declared",
      "RangeError: 253 is not in 256 bytes of configuration space",
      "RangeError: 256 is not in 256 bytes of configuration space",
      "RangeError: -1 is not in 256 bytes of configuration space",
    ]);
  });
});

describe("memory", () => {
  test("is seen while the device is bus master", async () => {
    const { card, qemu, get, set } = await start();
    await set(ADDRESS_LOW, RAM);
    await set(DATA, 0x12345678);
    expect([await get(RESULT), await qemu.qtest.readl(RAM), await get(DATA)]).toEqual([
      0, 0x12345678, 0x12345678,
    ]);
    await card.command(COMMAND.MEMORY);
    expect([await get(DATA), await get(RESULT)]).toEqual([0, 2]);
    await set(DATA, 1);
    expect([await get(RESULT), await qemu.qtest.readl(RAM)]).toEqual([2, 0x12345678]);
    await card.command(COMMAND.MEMORY | COMMAND.MASTER);
    expect([await get(DATA), await get(RESULT)]).toEqual([0x12345678, 0]);
  });

  test("of the device itself is out of its reach", async () => {
    const { qemu, bars, get, set } = await start();
    await set(ADDRESS_LOW, bars[0]!.address);
    expect([await get(DATA), await get(RESULT)]).toEqual([0, 3]);
    await set(ADDRESS_LOW, bars[2]!.address % 2 ** 32);
    await set(ADDRESS_HIGH, bars[2]!.address / 2 ** 32);
    expect([await get(DATA), await get(RESULT)]).toEqual([0, 3]);
    // One line, however often a guest does that.
    await qemu.stderr.waitFor("card-ts accesses itself", SOON_MS);
    expect(qemu.stderr.lines.length).toBe(2);
  });
});

test("configuration space of the device itself is out of its reach", async () => {
  const { qemu, get, set } = await start();
  const ecam = 0x3f00_0000 + SLOT * 2 ** 15;
  await set(ADDRESS_LOW, ecam + 0xe4);
  // QEMU's answer; a read that the script serves would be counted.
  expect(await get(DATA)).toBe(0);
  await set(DATA, 1);
  expect(await get(LAST_CONFIG)).toBe(0);
  await qemu.stderr.waitFor("card-ts accesses itself", SOON_MS);
  expect(await new PciFunction(qemu, SLOT).read32(0xe4)).toBe(1);
});

test("configuration space answers a vCPU and others at the same time", async () => {
  const args = ["-machine", "highmem-ecam=off", "-script", `path=${PATH}`, "-device", `card-ts,addr=${SLOT}`];
  const poker = await Poker.start(device("alive"), { args, qtest: true });
  const card = new PciFunction(poker.qemu, SLOT);
  const place = 0x3f00_0000 + SLOT * 2 ** 15 + 0xe4 - VIRT.platformBus;
  const found: number[] = [];
  const read = async (access: () => Promise<number>) => {
    for (let i = 0; i < 500; i++) {
      found.push(await access());
    }
  };
  await Promise.all([read(() => card.read32(0xe4)), read(() => poker.read(place))]);
  // Each read gives the next number.
  expect(found.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
});

describe("a table of MSI-X in the device's own region", () => {
  const shared = (msix: string) =>
    script(`
      import { PCIDevice, registers, u32 } from "qemu-script";
      export default class Shared extends PCIDevice.with({
        type: "shared-ts",
        pci: { vendor: 0x1234, device: 0x1, class: 0xff00, msix: { vectors: 2, bar: 0, ${msix} }, express: true },
        state: { kept: u32 },
        regions: { regs: { size: 0x1000, bar: 0 } },
      }) {
        static { registers(Shared, "regs", {
          KEPT: { at: 0x7fc, field: "kept" },
          SEND: { at: 0x00, write: "send" },
          NEXT: { at: 0x820, values: [0x4e455854] },
        }); }
        send(vector: number) { this.kept = this.pci.msix.notify(vector) ? 1 : 2; }
      }
    `);

  test("is between its registers", async () => {
    const { card, qemu, bars, get, set } = await start([], shared("table: 0x800, pba: 0xc00"));
    const at = await card.capability(CAPABILITY.MSIX);
    expect([await card.read32(at + 4), await card.read32(at + 8)]).toEqual([0x800, 0xc00]);
    const table = bars[0]!.address + 0x800;
    await qemu.qtest.writel(table + 16, RAM);
    await qemu.qtest.writel(table + 24, 0x99);
    await qemu.qtest.writel(table + 28, 0);
    await card.write16(at + 2, 0x8000);
    await set(0, 1);
    expect([await qemu.qtest.readl(RAM), await get(0x7fc)]).toEqual([0x99, 1]);
    // Pending, in its place.
    await set(0, 0);
    expect([await get(0xc00), await get(0x820)]).toEqual([1, 0x4e455854]);
  });

  test("of a PCI Express device", async () => {
    const { card } = await start([], shared("table: 0x800, pba: 0xc00"));
    const at = await card.capability(CAPABILITY.EXPRESS);
    // Version 2, of the root complex itself.
    expect((await card.read16(at + 2)) & 0xff).toBe(0x92);
    // Extended configuration space is there.
    expect(await card.read32(0x100)).toBe(0);
  });
});

test("-device TYPE,addr=SLOT, and help", async () => {
  const args = [...PCI_MACHINE, "-script", `path=${PATH}`, "-device", "card-ts,addr=5,id=c"];
  const qemu = await Qemu.start({ args, qtest: true });
  expect(await new PciFunction(qemu, 5).read16(CONFIG.DEVICE)).toBe(0x5678);
  expect(await qemu.qmp.human("info pci")).toContain("PCI device 1234:5678");
  const { stdout } = await Qemu.run(["-M", "virt", "-device", `script,path=${PATH},help`]);
  expect(stdout).toMatch(/addr=/);
});

test("state and configuration space survive a snapshot", async () => {
  const { qemu, card, set } = await start();
  await set(KEPT, 42);
  await set(IRQ, 1);
  await card.write32(0xe0, 0x1111);
  const image = await makeImage(qemu, folder());
  await save(qemu, "one");
  await qemu.quit();
  // In another QEMU, where nobody has placed the BARs.
  const args = [...PCI_MACHINE, "-device", `script,path=${PATH},addr=${SLOT}`, ...withImage(image)];
  const other = await Qemu.start({ args, qtest: true });
  await load(other, "one");
  const regs = (await new PciFunction(other, SLOT).read32(CONFIG.BAR)) & ~0xf;
  expect(regs).toBe(0x1000_0000);
  expect(await other.qtest.readl(regs + KEPT)).toBe(42);
  expect(await other.qtest.readl(regs + IRQ)).toBe(1);
  expect(await new PciFunction(other, SLOT).read32(0xe0)).toBe(0xaaaa1111);
});

import type { Pointer } from "bun:ffi";
import { beforeEach, describe, expect, test } from "bun:test";
import { DeclarationError, type DeviceClass, PCIDevice, StaleError, SysBusDevice, u32 } from "qemu-script";
import { checkDeclaration } from "../../../host/device/check.ts";
import { describe as describeClass } from "../../../host/device/describe.ts";
import { Handle } from "../../../host/device/handle.ts";
import { type Msi, type Msix, makePci, type Pci, type PciIrq } from "../../../host/device/pci.ts";
import { IRQ, SHARED } from "../../../host/native/abi.ts";
import { words } from "../../../host/native/library.ts";
import { type Call, fakeLibrary } from "../fake-library.ts";

const IDS = { vendor: 0x1234, device: 0x5678, class: 0x0200 };

/** Declares what the type checker would refuse, or cannot see. */
function declare(spec: object, base: typeof PCIDevice | typeof SysBusDevice = PCIDevice): DeviceClass {
  return Reflect.apply(base.with, base, [{ type: "bad", ...spec }]) as DeviceClass;
}

const card = (pci: object, regions: object = {}) => declare({ pci: { ...IDS, ...pci }, regions });
const accepts = (cls: DeviceClass) => expect(() => checkDeclaration(cls)).not.toThrow();
const refuses = (cls: DeviceClass, reason: string) =>
  expect(() => checkDeclaration(cls)).toThrow(new DeclarationError(`bad: ${reason}`));

describe("a declaration", () => {
  test("says which device it is", () => {
    refuses(declare({}), "pci: a PCI device says which it is");
    accepts(card({}));
  });

  test("may leave that to a parent", () => {
    accepts(declare({ parent: "edu" }));
    const parent = card({ interrupt: "A" });
    accepts(Reflect.apply(parent.with, parent, [{ type: "child", state: { more: u32 } }]) as DeviceClass);
  });

  test("of no PCI device has nothing of one", () => {
    refuses(declare({ pci: IDS }, SysBusDevice), "a device of this kind has no pci");
    const regions = { regs: { size: 16, bar: 0 } };
    refuses(declare({ regions }, SysBusDevice), "region regs: only a device with `pci` has BARs");
    refuses(declare({ parent: "edu", regions }), "region regs: only a device with `pci` has BARs");
  });

  test.each([
    [{ vendor: 0xffff }, "vendor: 65535 is not between 0 and 0xfffe"],
    [{ device: -1 }, "device: -1 is not between 0 and 0xffff"],
    [{ class: 0x20000 }, "class: 131072 is not between 0 and 0xffff"],
    [{ class: 1.5 }, "class: 1.5 is not between 0 and 0xffff"],
    [{ subsystem: 2 ** 16 }, "subsystem: 65536 is not between 0 and 0xffff"],
    [{ subsystemVendor: 2 ** 16 }, "subsystemVendor: 65536 is not between 0 and 0xffff"],
    [{ revision: 256 }, "revision: 256 is not between 0 and 0xff"],
    [{ programmingInterface: 256 }, "programmingInterface: 256 is not between 0 and 0xff"],
    [{ interrupt: "E" }, "interrupt: there is no pin E"],
    [{ msi: { vectors: 3 } }, "msi: 3 vectors: 1, 2, 4, 8, 16 or 32"],
    [{ msi: { vectors: 64 } }, "msi: 64 vectors: 1, 2, 4, 8, 16 or 32"],
    [{ msi: { vectors: 1, offset: 0x42 } }, "msi: 0x42 is no offset of a capability"],
    [{ msi: { vectors: 1, offset: 0x3c } }, "msi: 0x3c is no offset of a capability"],
    [{ msix: { vectors: 0, bar: 1 } }, "msix: 0 vectors: 1 to 2048"],
    [{ msix: { vectors: 2049, bar: 1 } }, "msix: 2049 vectors: 1 to 2048"],
    [{ msix: { vectors: 1, bar: 6 } }, "msix: there is no BAR 6"],
    [
      { msix: { vectors: 1, bar: 1, table: 0 } },
      "msix: BAR 1 has nothing else in it: table and pba are placed by QEMU",
    ],
  ])("with %j is refused", (pci, reason) => {
    refuses(card(pci), `pci: ${reason}`);
  });

  test.each([
    [{ size: 16, bar: 6 }, "there is no BAR 6"],
    [{ size: 16, bar: { index: 0.5 } }, "there is no BAR 0.5"],
    [{ size: 0x30, bar: 0 }, "a BAR's size is a power of two, not 0x30"],
    [{ size: 8, bar: 0 }, "a BAR of this kind has 0x10 to 0x80000000 bytes, not 0x8"],
    [{ size: 2 ** 32, bar: 0 }, "a BAR of this kind has 0x10 to 0x80000000 bytes, not 0x100000000"],
    [{ size: 2, bar: { index: 0, io: true } }, "a BAR of this kind has 0x4 to 0x10000 bytes, not 0x2"],
    [{ size: 16, bar: { index: 5, bits64: true } }, "a BAR of 64 bits takes two, and there is none after 5"],
    [
      { size: 16, bar: { index: 0, io: true, bits64: true } },
      "a BAR in I/O space is neither prefetchable nor has it 64 bits",
    ],
    [
      { size: 16, bar: { index: 0, io: true, prefetchable: true } },
      "a BAR in I/O space is neither prefetchable nor has it 64 bits",
    ],
  ])("with region %j is refused", (region, reason) => {
    refuses(card({}, { regs: region }), `region regs: ${reason}`);
  });

  test("with two regions in one BAR is refused", () => {
    const first = { size: 16, bar: { index: 1, bits64: true } };
    refuses(card({}, { first, second: { size: 16, bar: 1 } }), "region second: BAR 1 is taken by first");
    refuses(card({}, { first, second: { size: 16, bar: 2 } }), "region second: BAR 2 is taken by first");
    accepts(card({}, { first, second: { size: 16, bar: 3 } }));
  });

  const shared = (msix: object, bar: object = { index: 0 }) =>
    card({ msix: { vectors: 65, bar: 0, ...msix } }, { regs: { size: 0x1000, bar } });

  test("of a table of MSI-X in a region says where it is", () => {
    accepts(shared({ table: 0, pba: 0x410 }));
    refuses(shared({}), "pci: msix: BAR 0 is that of region regs: say where in it table and pba are");
    refuses(shared({ table: 4, pba: 0x800 }), "pci: msix: table and pba are at multiples of 8");
    const leaves = "pci: msix: table or pba leaves the region, which has 0x1000 bytes";
    refuses(shared({ table: 0xc00, pba: 0 }), leaves);
    refuses(shared({ table: 0, pba: 0xff8 }), leaves);
    const overlap = "pci: msix: the table ends at 0x410, and the pba at 0x418: they overlap";
    refuses(shared({ table: 0, pba: 0x408 }), overlap);
    const io = "pci: msix: BAR 0 is no memory that a region starts in";
    refuses(shared({ table: 0, pba: 0x800 }, { index: 0, io: true }), io);
    const upper = shared({ bar: 1, table: 0, pba: 0x800 }, { index: 0, bits64: true });
    refuses(upper, "pci: msix: BAR 1 is no memory that a region starts in");
  });
});

describe("the description", () => {
  const described = (cls: DeviceClass) => JSON.parse(describeClass(cls)).pci;

  test("has what may be left out", () => {
    expect(described(card({}))).toEqual({
      ...IDS,
      "programming-interface": 0,
      revision: 0,
      "subsystem-vendor": 0,
      subsystem: 0,
      pin: 0,
      express: false,
      bars: [],
      "config-read": false,
      "config-write": false,
    });
    expect(described(card({ msi: { vectors: 2 }, msix: { vectors: 3, bar: 2 } }))).toMatchObject({
      msi: { vectors: 2, offset: 0, bits64: false, maskable: false },
      msix: { vectors: 3, bar: 2, table: 0, pba: 0 },
    });
  });

  test("has regions by their number, those without a BAR counted", () => {
    const regions = { a: { size: 16 }, b: { size: 16, bar: 3 }, c: { size: 4, bar: { index: 0, io: true } } };
    expect(described(card({ interrupt: "C" }, regions))).toMatchObject({
      pin: 3,
      bars: [
        { index: 3, region: 1, io: false, bits64: false, prefetchable: false },
        { index: 0, region: 2, io: true, bits64: false, prefetchable: false },
      ],
    });
  });

  test("says whether the class has a say in configuration space", () => {
    const Reads = class extends PCIDevice.with({ type: "reads", pci: IDS }) {
      configRead() {
        return 0;
      }
    };
    expect(described(Reads as unknown as DeviceClass)).toMatchObject({
      "config-read": true,
      "config-write": false,
    });
  });
});

describe("a device on the bus", () => {
  const INSTANCE = 0x1000 as Pointer;
  let calls: Call[];
  beforeEach(() => {
    calls = fakeLibrary();
  });
  const all = { ...IDS, interrupt: "A", msi: { vectors: 2 }, msix: { vectors: 1, bar: 0 } } as const;
  const make = (handle: Handle) => makePci(handle, 7, all) as Pci & { irq: PciIrq; msi: Msi; msix: Msix };

  test("has no more than it declares", () => {
    expect(Object.keys(makePci(new Handle(INSTANCE, "probe"), 7, IDS)).toSorted()).toEqual([
      "config",
      "defaultConfigRead",
      "defaultConfigWrite",
    ]);
  });

  test("pulses its pin", () => {
    make(new Handle(INSTANCE, "probe")).irq.pulse();
    expect(calls.map(({ args }) => args)).toEqual([
      [INSTANCE, 1],
      [INSTANCE, 0],
    ]);
  });

  test("leaves its pin to C while an access waits", () => {
    words[SHARED.irqOwner] = IRQ.NONE;
    make(new Handle(INSTANCE, "probe")).irq.raise();
    const left = [SHARED.irqOwner, SHARED.irqLevels, SHARED.irqMask].map((place) => words[place]);
    expect(left).toEqual([IRQ.OF + 7, 1, 0]);
    expect(calls).toEqual([]);
  });

  test("that is gone cannot be used", () => {
    const gone = new Handle(INSTANCE, "probe");
    const { config, irq, msi, msix, ...rest } = make(gone);
    gone.drop();
    for (const use of [
      () => config.read8(0),
      () => config.write16(0, 0),
      () => config.allow32(0, 0),
      () => irq.raise(),
      () => irq.pulse(),
      () => irq.level,
      () => msi.enabled,
      () => msi.vectors,
      () => msi.notify(0),
      () => msix.enabled,
      () => msix.notify(0),
      () => rest.defaultConfigRead(0, 4),
      () => rest.defaultConfigWrite(0, 0, 4),
    ]) {
      expect(use).toThrow(new StaleError("probe is gone and cannot be used any more"));
    }
    expect(calls).toEqual([]);
  });
});

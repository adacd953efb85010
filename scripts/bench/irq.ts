/** The price of changing the level of an interrupt line, from the device to the CPU. */
import { type Bench, type Sample, type Side, type Subject, TITLES } from "./bench.ts";
import { assemble } from "./guest-program.ts";
import { timings } from "./measured-guest.ts";
import { undisturbed } from "./statistics.ts";
import { benchDevice, scriptDevice } from "./subjects.ts";

/** About 2 ms, as in the bench `access`. */
const CHUNK = 4_000;
const CALLS = 300;
const WARMUP = 500_000;
/** Of the level, in each repetition. */
const CHANGES = 2;

/** The first UART of virt, whose transmit interrupt is pending once it sent something, has SPI 1. */
export const UART = {
  ...{ PCI: 0, BASE: 0x0900_0000, INTID: 33 },
  ...{ RAISE: 0x38, RAISE_VALUE: 0x20, LOWER: 0x38, LOWER_VALUE: 0, STORE: 0x20 },
};
/** The first device of virt's platform bus has SPI 112. */
export const LINE = {
  ...{ PCI: 0, BASE: 0x0c00_0000, INTID: 144 },
  ...{ RAISE: 0x0, RAISE_VALUE: 1, LOWER: 0x0, LOWER_VALUE: 0, STORE: 0x4 },
};
/** Pin A of the device in slot 1 has SPI 4. */
export const EDU = {
  ...{ PCI: 1, BASE: 0x1000_0000, INTID: 36 },
  ...{ RAISE: 0x60, RAISE_VALUE: 1, LOWER: 0x64, LOWER_VALUE: 1, STORE: 0x04 },
};

const programs = { uart: "", line: "", edu: "" };

export const irq: Bench = {
  name: "irq",
  about: "a change of an interrupt line's level",
  details:
    "A write to a register that changes a line's level, less a write to one behind which there is no line. " +
    `Sysbus: ${TITLES.script}, the only line of a small device; C, the six of the PL011, of which one is connected. ` +
    "PCI: EDU, in both, which asks first whether the guest prefers messages.",
  baseline: "library",
  figures: {
    sysbus: { title: "line of a sysbus device", unit: "ns", digits: 1 },
    pci: { title: "pin of a PCI device", unit: "ns", digits: 1 },
    store: { title: "the write without a line, sysbus", unit: "ns", digits: 1 },
  },
  targets: ["sysbus", "pci"].map((figure) => ({
    figure,
    side: "script",
    against: "library",
    compare: "difference",
    atMost: 60,
  })),

  async prepare() {
    const all = { CHUNK, CALLS, WARMUP };
    programs.uart = await assemble("irq", { ...UART, ...all });
    programs.line = await assemble("irq", { ...LINE, ...all });
    programs.edu = await assemble("irq", { ...EDU, ...all });
  },

  async run(subject) {
    const scripted = subject.side === "script";
    const line = scripted ? benchDevice("line") : [];
    const sysbus = await perChange(subject, line, scripted ? programs.line : programs.uart);
    const pci = await perChange(subject, EDU_DEVICE[subject.side], programs.edu);
    return { sysbus: sysbus.change, store: sysbus.store, pci: pci.change };
  },
};

const EDU_IN_C = ["-device", "edu,addr=1"];
const EDU_DEVICE: Readonly<Record<Side, readonly string[]>> = {
  stock: EDU_IN_C,
  library: EDU_IN_C,
  script: scriptDevice("devices/edu.ts", ",addr=1"),
};

async function perChange(
  subject: Subject,
  device: readonly string[],
  program: string,
): Promise<{ readonly change: number; readonly store: number }> {
  return changes(await timings({ ...subject, args: [...subject.args, ...device] }, program));
}

/** ns of one change, and of one write that makes none. */
export function changes(times: ReadonlyMap<string, readonly number[]>): Sample & {
  readonly change: number;
  readonly store: number;
} {
  const [change, store] = ["change", "store"].map(
    (name) => undisturbed(times.get(name) ?? []).time / CHANGES,
  );
  return { change: change! - store!, store: store! };
}

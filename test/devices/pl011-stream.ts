/** The PL011 in a migration stream, after vmstate_pl011 of QEMU's hw/char/pl011.c; and streams that are made of others. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { VIRT } from "../lib/guest-code.ts";
import { endAll, folder, HEADLESS, Qemu } from "../lib/qemu.ts";
import { migrateToFile, type Section, sectionOf, streamAt } from "../lib/stream.ts";
import { LCR_H } from "./manual.ts";
import { MODELS, type Model } from "./uart.ts";

/** Where fields are, in bytes. */
export const FIELD = {
  flags: 4,
  lcr: 8,
  rsr: 12,
  cr: 16,
  intEnabled: 24,
  intLevel: 28,
  readFifo: 32,
  ibrd: 100,
  fbrd: 104,
  readPos: 112,
  readCount: 116,
  readTrigger: 120,
} as const;

/** Of all fields, without the subsection. */
export const SIZE = 124;

/** A subsection's mark, its name with the length before it, and its version. */
const CLOCK = Buffer.from("\x05\x0bpl011/clock\0\0\0\x01", "latin1");

/** Where the clock's period is. */
export const PERIOD = SIZE + CLOCK.length;

/** What of its clock the section has. @throws Error if there is anything else behind the fields */
export function clockPeriod(bytes: Buffer): bigint | undefined {
  if (bytes.length === SIZE) {
    return undefined;
  }
  if (bytes.length !== PERIOD + 8 || !bytes.subarray(SIZE, PERIOD).equals(CLOCK)) {
    throw new Error(`not a section of a PL011: ${bytes.toString("hex")}`);
  }
  return bytes.readBigUInt64BE(PERIOD);
}

/** Options of a machine with the PL011. */
export const args = (model: Model): string[] => [
  ...["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS, "-serial", "null"],
  ...MODELS[model].args,
];

export const start = (model: Model, more: readonly string[] = []): Promise<Qemu> =>
  Qemu.start({ args: [...args(model), ...more], qtest: true });

/** Does it with both models. @returns what it brought with C, and with the script */
export const withBoth = <T>(act: (model: Model) => Promise<T>): Promise<T[]> =>
  Promise.all((["C", "TypeScript"] as const).map(act));

/** Makes another stream of a copy of one, in which the section's bytes are at `at`. */
export type Change = (stream: Buffer, at: number) => Buffer;

/** Puts 32 bits at an offset in the section's bytes. */
export function set(offset: number, value: number): Change {
  return (stream, at) => {
    stream.writeInt32BE(value, at + offset);
    return stream;
  };
}

/** Leaves so much of the section's bytes, and nothing behind. */
export function cut(length: number): Change {
  return (stream, at) => stream.subarray(0, at + length);
}

/** A stream of QEMU's own model. */
export class Original {
  readonly section: Section;
  private readonly stream: Buffer;

  private constructor(stream: Buffer) {
    this.stream = stream;
    this.section = sectionOf(stream, "pl011");
  }

  static async take(): Promise<Original> {
    const qemu = await start("C");
    await qemu.qtest.writel(VIRT.uart + LCR_H, 0x70);
    const stream = streamAt(await migrateToFile(qemu));
    await endAll();
    return new Original(stream);
  }

  /** @returns the URI of another stream, for `-incoming` */
  changed(change: Change): string {
    const path = join(folder(), "changed");
    writeFileSync(path, change(Buffer.from(this.stream), this.section.at));
    return `file:${path}`;
  }
}

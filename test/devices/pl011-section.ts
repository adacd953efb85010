/** The PL011's section of a migration stream, from vmstate_pl011 of QEMU's hw/char/pl011.c. */

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

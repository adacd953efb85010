/** The parts of a register: their names, what the guest can do with each, and how they read in a line of text. */

/** One bit by its number, or several as [highest, lowest]. */
export type BitRange = number | readonly [highest: number, lowest: number];

/**
 * What the guest can do with the bits of a register, in the words of hardware manuals: read and write, read only,
 * write only, write 1 (or 0) to clear, write 1 to set, write anything to clear, cleared by reading, and nothing at all.
 */
export type Mode = "rw" | "ro" | "wo" | "w1c" | "w1s" | "w0c" | "wc" | "rc" | "reserved";

/** A part of a register that differs from the rest of it. */
export interface BitField {
  /** Which bits: one, or the highest and the lowest. */
  readonly at: BitRange;
  /**
   * The register's mode if absent. The guest's writing a 1 to bits that are `reserved` is logged as a guest error; to
   * bits that are `unhandled`, which hardware has and the model has not, as unimplemented. Neither is stored.
   */
  readonly mode?: Mode | "unhandled";
  /** The manual's name in words. */
  readonly doc?: string;
}

/** The parts of a register, by the manual's names. */
export type Bits = Readonly<Record<string, BitRange | BitField>>;

/** A part, made ready. */
export interface Part {
  readonly name: string;
  readonly high: number;
  readonly low: number;
  readonly mask: number;
  readonly mode: Mode | "unhandled" | undefined;
  readonly doc: string | undefined;
}

const isRange = (bits: BitRange | BitField): bits is BitRange =>
  typeof bits === "number" || Array.isArray(bits);

/** From the highest bit down. */
export function partsOf(bits: Bits): Part[] {
  const parts = Object.entries(bits).map(([name, given]) => {
    const { at, mode, doc }: BitField = isRange(given) ? { at: given } : given;
    const [high, low] = typeof at === "number" ? [at, at] : at;
    const width = high - low + 1;
    const mask = ((width >= 32 ? 0xffffffff : 2 ** width - 1) << low) >>> 0;
    return { name, high, low, mask, mode, doc };
  });
  return parts.toSorted((a, b) => b.high - a.high);
}

/** What is wrong with them, or undefined. */
export function wrongBits(bits: Bits): string | undefined {
  let below: Part | undefined;
  for (const part of partsOf(bits).toReversed()) {
    const { name, high, low } = part;
    if (!Number.isInteger(high) || !Number.isInteger(low) || low < 0 || high > 31 || high < low) {
      return `bits: ${name} is at [${high}, ${low}]: [highest, lowest] of 31 to 0`;
    }
    if (below !== undefined && low <= below.high) {
      return `bits: ${name} and ${below.name} overlap`;
    }
    below = part;
  }
  return undefined;
}

/** `FEN WLEN=3`: the parts of a value that are not 0, from the lowest. */
export function decode(parts: readonly Part[], value: number): string {
  const words: string[] = [];
  for (const { name, high, low, mask } of parts.toReversed()) {
    const part = (value & mask) >>> 0;
    if (part !== 0) {
      words.push(high === low ? name : `${name}=${part >>> low}`);
    }
  }
  return words.join(" ");
}

/** Names of the parts that have a bit of `value`, and what is left of it, in hexadecimal. */
export function nameBits(parts: readonly Part[], value: number): string {
  const hit = parts.filter(({ mask }) => (value & mask) !== 0).toReversed();
  const rest = hit.reduce((left, { mask }) => (left & ~mask) >>> 0, value >>> 0);
  return [...hit.map(({ name }) => name), ...(rest === 0 ? [] : [`0x${rest.toString(16)}`])].join(" ");
}

/** Which bits of a register do what. */
export interface Masks {
  readonly rw: number;
  readonly w1c: number;
  readonly w1s: number;
  readonly w0c: number;
  readonly wc: number;
  readonly rc: number;
  /** Read as 0. */
  readonly wo: number;
  readonly reserved: number;
  readonly unhandled: number;
}

/**
 * @param mode of the bits that do not say otherwise
 * @param mask those of them that a write changes
 */
export function masksOf(mode: Mode, mask: number, parts: readonly Part[]): Masks {
  const union = (some: readonly Part[]) => some.reduce((bits, part) => bits | part.mask, 0);
  const special = parts.filter((part) => part.mode !== undefined);
  const rest = ~union(special);
  const of = (wanted: Part["mode"], limit = 0xffffffff) =>
    (union(special.filter((part) => part.mode === wanted)) | (mode === wanted ? rest & limit : 0)) >>> 0;
  return {
    rw: (of("rw", mask) | of("wo", mask)) >>> 0,
    w1c: of("w1c", mask),
    w1s: of("w1s", mask),
    w0c: of("w0c", mask),
    wc: of("wc", mask),
    rc: of("rc"),
    wo: of("wo"),
    reserved: of("reserved"),
    unhandled: of("unhandled"),
  };
}

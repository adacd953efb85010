import type { Access } from "./access.ts";
import { decode, type Part, partsOf } from "./bits.ts";
import type { DeviceClass } from "./device.ts";
import { type Direct, directOf } from "./direct.ts";
import { DeclarationError } from "./errors.ts";
import { hex } from "./hex.ts";
import { guestError } from "./log.ts";
import { memberOf } from "./members.ts";
import type { IoRegionSpec } from "./regions.ts";
import { checkRegister, clears } from "./register-check.ts";
import { type One, type Reader, reader, type Writer, writer } from "./register-code.ts";
import type { AnyRegister, Table, TableOptions } from "./registers.ts";

/** A region made ready for dispatch: a function for each word that has a register, or undefined. */
export interface Bank {
  readonly readers: readonly (Reader | undefined)[];
  readonly writers: readonly (Writer | undefined)[];
  /** Words whose reading runs no method of the device. */
  readonly plain: readonly boolean[];
  /** What C can do of each word by itself. */
  readonly direct: readonly (Direct | undefined)[];
  /** Does what `readers` do where they have nothing. */
  readOther(device: object, offset: number, access: Access): unknown;
  /** Does what `writers` do where they have nothing. */
  writeOther(device: object, offset: number, value: number, access: Access): unknown;
  /** The register of each word, as trace events tell it. */
  readonly labels: readonly (string | undefined)[];
  /** The key of each in its table, which the registers of an array share. */
  readonly names: readonly (string | undefined)[];
  /** `FEN WLEN=3`: the fields of a register's value that are not 0. */
  fields(word: number, value: number): string;
}

/** A table of more registers would be a mistake: 64 MiB of them. */
const MOST_WORDS = 2 ** 24;

/** How many words it takes, and how many bytes there are from one to the next. */
export function extent({ count, stride, values }: AnyRegister): { count: number; stride: number } {
  return { count: count ?? values?.length ?? 1, stride: stride ?? 4 };
}

function place(at: number, size: number, owners: string[], fail: (reason: string) => void): number {
  if (!Number.isInteger(at) || at % 4 !== 0) {
    fail(`offset ${hex(at)} is not a multiple of 4`);
  }
  if (at / 4 >= MOST_WORDS) {
    fail(`offset ${hex(at)} is too far from the start: ${hex(MOST_WORDS * 4)} bytes of registers at most`);
  }
  if (at < 0 || at + 4 > size) {
    fail(`offset ${hex(at)} is outside the region, which has ${hex(size)} bytes`);
  }
  const owner = owners[at / 4];
  if (owner !== undefined) {
    fail(`offset ${hex(at)} is taken by ${owner}`);
  }
  return at / 4;
}

/** Word of the last register that can be placed at all; others are refused one by one. */
function lastWord(table: Table): number {
  const ends = Object.values(table).map((register) => {
    const { count, stride } = extent(register);
    return (register.at + (count - 1) * stride) / 4;
  });
  return Math.max(-1, ...ends.filter((end) => Number.isInteger(end) && end >= 0 && end < MOST_WORDS));
}

/** Does a read run no method of the device? A getter only computes. */
function isPlain({ read, wasRead, ...register }: AnyRegister): boolean {
  return read === undefined && wasRead === undefined && !clears(register);
}

function checkGaps(type: string, region: string, size: number, owners: readonly string[]): void {
  for (let word = 0; word < Math.floor(size / 4); word++) {
    if (owners[word] === undefined) {
      throw new DeclarationError(`${type}: region ${region} has no register at offset ${hex(word * 4)}`);
    }
  }
}

/** What becomes of accesses where no register is: the region's own methods, or a line in the log. */
function others(
  cls: DeviceClass,
  name: string,
  region: IoRegionSpec,
): Pick<Bank, "readOther" | "writeOther"> {
  const { read, write } = region;
  const wide = region.handled?.max === 8;
  const reads = read === undefined ? undefined : memberOf(cls, read)!.value;
  const writes = write === undefined ? undefined : memberOf(cls, write)!.value;
  return {
    readOther(device, offset, access) {
      if (!reads) {
        guestError(`${name}_read: Bad offset ${hex(offset)}`);
        return 0;
      }
      const value: unknown = reads.call(device, offset, access);
      return wide ? access.answer(value) : value;
    },
    writeOther(device, offset, value, access) {
      if (!writes) {
        guestError(`${name}_write: Bad offset ${hex(offset)}`);
        return undefined;
      }
      return writes.call(device, offset, wide ? access.written(value) : value, access);
    },
  };
}

/** A bank under construction. */
interface Words {
  readonly readers: (Reader | undefined)[];
  readonly writers: (Writer | undefined)[];
  readonly plain: boolean[];
  readonly direct: (Direct | undefined)[];
  readonly labels: (string | undefined)[];
  readonly parts: (readonly Part[] | undefined)[];
  /** Keys of the registers. */
  readonly owners: string[];
}

function emptyWords(length: number): Words {
  const none = () => new Array(length).fill(undefined);
  const plain = new Array(length).fill(false);
  return {
    readers: none(),
    writers: none(),
    plain,
    direct: none(),
    labels: none(),
    parts: none(),
    owners: [],
  };
}

/** Puts a register, or each of many, in its place. */
function put(words: Words, cls: DeviceClass, region: string, key: string, register: AnyRegister): void {
  const { size, name = region } = cls.spec.regions![region] as IoRegionSpec;
  const fail = (reason: string): never => {
    throw new DeclarationError(`${cls.spec.type}: register ${key} of ${region}: ${reason}`);
  };
  checkRegister(cls, register, fail);
  const { count, stride } = extent(register);
  const many = register.count !== undefined || register.values !== undefined;
  for (let i = 0; i < count; i++) {
    const word = place(register.at + stride * i, size, words.owners, fail);
    const label = many ? `${key}[${i}]` : key;
    const index = register.count === undefined ? undefined : i;
    const one: One = { cls, register, index, place: i, region: name, label };
    words.owners[word] = key;
    words.readers[word] = reader(one);
    words.writers[word] = writer(one);
    words.plain[word] = isPlain(register);
    words.direct[word] = directOf(one);
    words.labels[word] = label;
    words.parts[word] = register.bits && partsOf(register.bits);
  }
}

/** Checks the registers of a region against their class and makes them ready. */
export function compile(cls: DeviceClass, region: string, table: Table, options: TableOptions = {}): Bank {
  const spec = cls.spec.regions![region] as IoRegionSpec;
  const words = emptyWords(lastWord(table) + 1);
  for (const [key, register] of Object.entries(table)) {
    put(words, cls, region, key, register);
  }
  const { readers, writers, plain, direct, labels, parts, owners } = words;
  if (owners.length > 0 && spec.handled?.max === 8) {
    throw new DeclarationError(
      `${cls.spec.type}: region ${region}: handled.max is 8, and registers have 4 bytes`,
    );
  }
  if (options.gaps === "error") {
    checkGaps(cls.spec.type, region, spec.size, owners);
  }
  const fields = (word: number, value: number) => decode(parts[word] ?? [], value);
  const names = owners;
  return {
    readers,
    writers,
    plain,
    direct,
    labels,
    names,
    fields,
    ...others(cls, spec.name ?? region, spec),
  };
}

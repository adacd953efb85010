/** What a device is to the bus: its regions, as declarations describe them and as its code finds them. */

import type { Pointer } from "bun:ffi";
import { borrow } from "../native/convert.ts";
import { qemu } from "../native/library.ts";
import type { Handle } from "./handle.ts";
import type { BarIndex, BarSpec } from "./pci-spec.ts";
import type { TraceSpec } from "./trace.ts";

/** Where a region is, of whatever kind. */
interface Placed {
  /** Shown in `info mtree` and in log lines; the region's key if absent. */
  readonly name?: string;
  /** Inside another region of the device. Without this, the board or the bus places it. */
  readonly inside?: {
    /** Key of the other region. */
    readonly region: string;
    /** Where in it, in bytes. */
    readonly at: number;
    /** Where regions overlap, the one with the highest priority is seen; 0 if absent. */
    readonly priority?: number;
  };
  /** Does the guest see it from the start? It does if absent. */
  readonly enabled?: boolean;
  /** Of a PCI device: the base address register that places it; in memory space, with 32 bits, if only a number. */
  readonly bar?: BarIndex | BarSpec;
}

/** A region whose accesses the device's code serves: by registers, by methods, or both. */
export interface IoRegionSpec extends Placed {
  /** Which kind of region it is: this one if absent. */
  readonly kind?: "io";
  /** Bytes; 4 GiB at most. */
  readonly size: number;
  /** What the guest reads when a handler throws or is cut short; 0 if absent. */
  readonly errorValue?: number;
  /** Byte order of what handlers see; little if absent. */
  readonly endian?: "little" | "big";
  /** What the guest may do; it gets a bus error for anything else. */
  readonly valid?: {
    /** Sizes in bytes; 1 to 8 if absent. */
    readonly min?: 1 | 2 | 4 | 8;
    readonly max?: 1 | 2 | 4 | 8;
    /** Accesses that are not aligned to their size; not if absent. */
    readonly unaligned?: boolean;
  };
  /** What handlers see: QEMU splits or widens other accesses. */
  readonly handled?: {
    /** Sizes in bytes; 4 if absent. Registers have 4; only methods of the region can handle 8. */
    readonly min?: 1 | 2 | 4 | 8;
    readonly max?: 1 | 2 | 4 | 8;
    /** Accesses of devices that are not aligned; QEMU splits them if absent. */
    readonly unaligned?: boolean;
  };
  /**
   * Name of the method that makes the value of what no register has:
   * `(offset: number, access: Access) => number | bigint`, or a promise of it. A number is an unsigned integer
   * below 2^53.
   */
  readonly read?: string;
  /**
   * Name of the method that takes what the guest wrote where no register is:
   * `(offset: number, value: number, access: Access) => void`, or a promise. If `handled.max` is 8, the value is a
   * bigint, whatever the size of the access.
   */
  readonly write?: string;
  /** Its trace events; `NAME_read` and `NAME_write` if absent, after the region's `name` or `TYPE_KEY`. */
  readonly trace?: TraceSpec | false;
}

/** Memory, which the guest uses without asking. It migrates. */
export interface RamRegionSpec extends Placed {
  /** What the guest writes to a `rom` is lost. */
  readonly kind: "ram" | "rom";
  /** Bytes; 4 GiB at most. */
  readonly size: number;
}

/** Room for other regions; empty by itself. */
export interface ContainerRegionSpec extends Placed {
  /** Which kind of region it is. */
  readonly kind: "container";
  /** Bytes. */
  readonly size: number;
}

/** Another region once more, or a part of it. */
export interface AliasRegionSpec extends Placed {
  /** Which kind of region it is. */
  readonly kind: "alias";
  /** Key of the other region. */
  readonly of: string;
  /** Where in the other region the part begins, in bytes; 0 if absent. */
  readonly offset?: number;
  /** Bytes; up to the end of the other region if absent. */
  readonly size?: number;
}

/** A memory region. */
export type RegionSpec = IoRegionSpec | RamRegionSpec | ContainerRegionSpec | AliasRegionSpec;

/** What the regions of a type are together. */
export type RegionSpecs = Readonly<Record<string, RegionSpec>>;

/** A region of the device. */
export interface Region {
  /**
   * Does the guest see it? This does not migrate: what follows from the state, set again in `postLoad`.
   *
   * @throws TypeError if it is set before realize
   * @throws StaleError after unrealize
   */
  enabled: boolean;
}

/** A region inside another one. */
export interface MovableRegion extends Region {
  /**
   * Where it is in the other, in bytes. This does not migrate: what follows from the state, set again in `postLoad`.
   *
   * @throws RangeError if it would leave the other region
   * @throws TypeError if it is set before realize
   * @throws StaleError after unrealize
   */
  at: number;
}

/** A region with memory of its own. */
export interface RamRegion extends Region {
  /**
   * The memory itself, which the guest sees change. After writing to it, say so with {@link wrote}.
   *
   * @throws StaleError after unrealize; a view from before has lost its memory then
   */
  readonly bytes: Uint8Array;
  /**
   * Copies bytes into the memory.
   *
   * @throws RangeError if they do not fit there
   */
  write(offset: number, bytes: Uint8Array): void;
  /**
   * Tells QEMU which of {@link bytes} the script wrote: a migration under way sends them once more, and translated
   * code of the guest that was there is dropped.
   *
   * @throws RangeError if the memory has no such bytes
   */
  wrote(offset: number, length: number): void;
}

/** How the device's code finds a region, by how it was declared. */
export type RegionOf<R> = Region &
  (R extends { readonly inside: object } ? MovableRegion : unknown) &
  (R extends { readonly kind: "ram" | "rom" } ? RamRegion : unknown);

/** Bytes of a region; of an alias without a size, to the end of what it shows. */
export function sizeOf(specs: RegionSpecs, key: string, depth = 0): number {
  const spec = specs[key]!;
  if (spec.kind !== "alias" || spec.size !== undefined) {
    return spec.size!;
  }
  const known = Object.hasOwn(specs, spec.of) && depth < Object.keys(specs).length;
  return known ? sizeOf(specs, spec.of, depth + 1) - (spec.offset ?? 0) : Number.NaN;
}

/** Is it one whose accesses scripts serve? */
export function isIo(spec: RegionSpec): spec is IoRegionSpec {
  return spec.kind === undefined || spec.kind === "io";
}

function wholeBytes(what: string, first: number, length: number, size: number): void {
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(length) || first < 0 || length < 0) {
    throw new RangeError(`${what}: ${length} bytes at ${first} make no sense`);
  }
  if (first + length > size) {
    throw new RangeError(`${what} has ${size} bytes: ${length} at ${first} are outside`);
  }
}

class RegionHandle implements MovableRegion, RamRegion {
  readonly #instance: Handle;
  readonly #index: number;
  readonly #key: string;
  readonly #specs: RegionSpecs;
  #bytes: Uint8Array<ArrayBuffer> | undefined;

  constructor(instance: Handle, index: number, key: string, specs: RegionSpecs) {
    this.#instance = instance;
    this.#index = index;
    this.#key = key;
    this.#specs = specs;
  }

  get enabled(): boolean {
    return qemu.script_region_enabled(this.#instance.pointer, this.#index) !== 0;
  }

  set enabled(on: boolean) {
    this.#changed(qemu.script_region_enable(this.#instance.pointer, this.#index, on ? 1 : 0));
  }

  #changed(result: number): void {
    if (result < 0) {
      throw new TypeError(`region ${this.#key} can be changed from realize() on`);
    }
  }

  #outer(): string {
    const { inside } = this.#specs[this.#key]!;
    if (inside === undefined) {
      throw new TypeError(`region ${this.#key} is inside no other: the board places it`);
    }
    return inside.region;
  }

  get at(): number {
    this.#outer();
    return qemu.script_region_at(this.#instance.pointer, this.#index);
  }

  set at(offset: number) {
    const outer = this.#outer();
    wholeBytes(`region ${outer}`, offset, sizeOf(this.#specs, this.#key), sizeOf(this.#specs, outer));
    this.#changed(qemu.script_region_move(this.#instance.pointer, this.#index, offset));
  }

  get #size(): number {
    const { kind, size } = this.#specs[this.#key]!;
    if (kind !== "ram" && kind !== "rom") {
      throw new TypeError(`region ${this.#key} has no memory of its own`);
    }
    return size;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    const size = this.#size;
    const { pointer } = this.#instance;
    if (this.#bytes === undefined) {
      const memory = qemu.script_region_ram(pointer, this.#index);
      if (!memory) {
        throw new TypeError(`region ${this.#key}: its memory is there from realize() on`);
      }
      this.#bytes = new Uint8Array(borrow(memory as Pointer, size));
    }
    return this.#bytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    wholeBytes(`region ${this.#key}`, offset, bytes.length, this.#size);
    this.bytes.set(bytes, offset);
    this.wrote(offset, bytes.length);
  }

  wrote(offset: number, length: number): void {
    wholeBytes(`region ${this.#key}`, offset, length, this.#size);
    if (length > 0) {
      qemu.script_region_wrote(this.#instance.pointer, this.#index, offset, length);
    }
  }

  /** C is about to free the memory: views of it lose theirs. */
  drop(): void {
    this.#bytes?.buffer.transfer();
    this.#bytes = undefined;
  }
}

/** The regions of a device, by their keys. */
export interface Regions {
  readonly regions: Readonly<Record<string, Region>>;
  /** Before C frees their memory. */
  drop(): void;
}

/** @param instance the device, whose handle is dropped with it */
export function makeRegions(instance: Handle, specs: RegionSpecs): Regions {
  const handles = Object.keys(specs).map(
    (key, index) => [key, new RegionHandle(instance, index, key, specs)] as const,
  );
  return {
    regions: Object.freeze(Object.fromEntries(handles)),
    drop: () => {
      for (const [, handle] of handles) {
        handle.drop();
      }
    },
  };
}

/** A device's own access to guest memory. */
/// <reference lib="esnext.disposable" preserve="true" />

import type { Pointer } from "bun:ffi";
import { SHARED } from "../native/abi.ts";
import { borrow } from "../native/convert.ts";
import { qemu, words } from "../native/library.ts";
import { StaleError } from "./errors.ts";
import { Handle } from "./handle.ts";

/**
 * How an access to memory ended: well; refused by what is at the address; nothing is at the address (or, of a PCI
 * device, the guest has not made it bus master); or the device has come back to itself, from one of its own handlers.
 */
export type DmaResult = "ok" | "error" | "decode" | "access";

/** By MemTxResult (include/exec/memattrs.h), whose bits add up over the parts of a long access. */
const RESULTS = ["ok", "error", "decode", "decode", "access", "access", "access", "access"] as const;

/** An address on the device's bus; a bigint is taken modulo 2^64. */
export type Address = number | bigint;

function low(address: Address): number {
  if (typeof address === "bigint") {
    return Number(address & 0xffff_ffffn);
  }
  if (!Number.isSafeInteger(address) || address < 0) {
    throw new RangeError(`${address} is no address: beyond 2^53 it must be a bigint`);
  }
  return address >>> 0;
}

function high(address: Address): number {
  return typeof address === "bigint" ? Number((address >> 32n) & 0xffff_ffffn) : (address / 2 ** 32) >>> 0;
}

function checkLength(length: number): void {
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new RangeError(`${length} bytes make no sense`);
  }
}

/**
 * Guest memory that the device sees in place, without a copy. It ends at the latest with the device; end it as soon as
 * possible, with `using` or {@link unmap}: only then does the machine hear of what was written.
 */
export class DmaWindow implements Disposable {
  readonly #handle: Handle;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #ended: (window: DmaWindow) => void;
  /** In bytes; less than was asked for if the memory there is in several pieces. */
  readonly length: number;

  /** @internal Made by {@link Dma.map}. */
  constructor(pointer: Pointer, ended: (window: DmaWindow) => void) {
    this.length = qemu.script_dma_window_length(pointer);
    this.#handle = new Handle(pointer, "a DMA window");
    this.#bytes = new Uint8Array(borrow(qemu.script_dma_window_bytes(pointer) as Pointer, this.length));
    this.#ended = ended;
  }

  /**
   * The memory. A view that is kept beyond the window's end is empty from then on.
   *
   * @throws StaleError after the end.
   */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#bytes.buffer.detached) {
      throw new StaleError("a DMA window is gone and cannot be used any more");
    }
    return this.#bytes;
  }

  /** Ends it: what was written counts as written, and no view leads there any more. Once is enough. */
  unmap(): void {
    if (this.#bytes.buffer.detached) {
      return;
    }
    const pointer = this.#handle.pointer;
    this.#handle.drop();
    this.#bytes.buffer.transfer();
    this.#ended(this);
    qemu.script_dma_unmap(pointer);
  }

  [Symbol.dispose](): void {
    this.unmap();
  }
}

/**
 * Reads and writes guest memory from the device's place in the machine: a sysbus device sees what the CPUs see, a PCI
 * device what its bus lets it, and nothing unless the guest made it bus master. What a guest can get wrong is told by
 * the result; only what a script gets wrong is thrown: RangeError for a number that is no address, StaleError after the
 * device is gone.
 *
 * An access to another scripted device's region is served at once. One to a region of this device, from one of its own
 * handlers of registers, ends in "access".
 */
export class Dma {
  readonly #handle: Handle;
  readonly #windows = new Set<DmaWindow>();
  #result: DmaResult = "ok";

  /** @internal Made by the host. */
  constructor(handle: Handle) {
    this.#handle = handle;
  }

  /** How the last access ended. */
  get result(): DmaResult {
    return this.#result;
  }

  /** Fills `bytes` from memory. What they hold after a failure is not defined. */
  read(address: Address, bytes: Uint8Array): DmaResult {
    const pointer = this.#handle.pointer;
    return this.#end(
      bytes.length === 0 ? 0 : qemu.script_dma_read(pointer, low(address), high(address), bytes, bytes),
    );
  }

  /** Writes all of `bytes` to memory. */
  write(address: Address, bytes: Uint8Array): DmaResult {
    const pointer = this.#handle.pointer;
    return this.#end(
      bytes.length === 0 ? 0 : qemu.script_dma_write(pointer, low(address), high(address), bytes, bytes),
    );
  }

  /** Writes `length` bytes of one value, 0 if not given. */
  fill(address: Address, length: number, byte = 0): DmaResult {
    checkLength(length);
    const { pointer } = this.#handle;
    return this.#end(qemu.script_dma_fill(pointer, low(address), high(address), byte & 0xff, length));
  }

  /** Reads 8 bits: like every load, 0 if it fails, and {@link result} tells. */
  load8(address: Address): number {
    return this.#load(address, 1, 0);
  }

  /** Reads 16 bits, little endian. */
  load16(address: Address): number {
    return this.#load(address, 2, 0);
  }

  /** Reads 16 bits, big endian. */
  load16be(address: Address): number {
    return this.#load(address, 2, 1);
  }

  /** Reads 32 bits, little endian. */
  load32(address: Address): number {
    return this.#load(address, 4, 0);
  }

  /** Reads 32 bits, big endian. */
  load32be(address: Address): number {
    return this.#load(address, 4, 1);
  }

  /** Reads 64 bits, little endian. */
  load64(address: Address): bigint {
    return this.#load64(address, 0);
  }

  /** Reads 64 bits, big endian. */
  load64be(address: Address): bigint {
    return this.#load64(address, 1);
  }

  /** Writes 8 bits. */
  store8(address: Address, value: number): DmaResult {
    return this.#store(address, 1, 0, value);
  }

  /** Writes 16 bits, little endian. */
  store16(address: Address, value: number): DmaResult {
    return this.#store(address, 2, 0, value);
  }

  /** Writes 16 bits, big endian. */
  store16be(address: Address, value: number): DmaResult {
    return this.#store(address, 2, 1, value);
  }

  /** Writes 32 bits, little endian. */
  store32(address: Address, value: number): DmaResult {
    return this.#store(address, 4, 0, value);
  }

  /** Writes 32 bits, big endian. */
  store32be(address: Address, value: number): DmaResult {
    return this.#store(address, 4, 1, value);
  }

  /** Writes 64 bits, little endian. */
  store64(address: Address, value: bigint): DmaResult {
    return this.#store64(address, 0, value);
  }

  /** Writes 64 bits, big endian. */
  store64be(address: Address, value: bigint): DmaResult {
    return this.#store64(address, 1, value);
  }

  /**
   * Opens a window on memory, for reading or, with `write`, for writing all of it; not for both. A window is at most
   * as long as asked for: look at its length. On RAM it is the RAM itself. Elsewhere it is a copy, of which QEMU keeps
   * few KiB for each bus: read when the window opens, written when it ends.
   *
   * @returns undefined, with {@link result} "error", if `length` is 0 or QEMU has no more copies to give.
   */
  map(address: Address, length: number, { write = false } = {}): DmaWindow | undefined {
    checkLength(length);
    const { pointer } = this.#handle;
    const window = qemu.script_dma_map(pointer, low(address), high(address), length, write ? 1 : 0);
    this.#end(window ? 0 : 1);
    if (!window) {
      return undefined;
    }
    const opened = new DmaWindow(window as Pointer, (ended) => this.#windows.delete(ended));
    this.#windows.add(opened);
    return opened;
  }

  /** @internal For the host, before the device goes: ends what the script left open. */
  close(): void {
    for (const window of this.#windows) {
      window.unmap();
    }
  }

  #end(code: number): DmaResult {
    this.#result = RESULTS[code & 7]!;
    return this.#result;
  }

  #load(address: Address, size: number, bigEndian: number): number {
    const { pointer } = this.#handle;
    this.#end(qemu.script_dma_load(pointer, low(address), high(address), size, bigEndian));
    return words[SHARED.dmaLow]!;
  }

  #load64(address: Address, bigEndian: number): bigint {
    const value = BigInt(this.#load(address, 8, bigEndian));
    return value | (BigInt(words[SHARED.dmaHigh]!) << 32n);
  }

  #store(address: Address, size: number, bigEndian: number, value: number): DmaResult {
    const { pointer } = this.#handle;
    return this.#end(
      qemu.script_dma_store(pointer, low(address), high(address), size, bigEndian, value >>> 0, 0),
    );
  }

  #store64(address: Address, bigEndian: number, value: bigint): DmaResult {
    const { pointer } = this.#handle;
    return this.#end(
      qemu.script_dma_store(pointer, low(address), high(address), 8, bigEndian, low(value), high(value)),
    );
  }
}

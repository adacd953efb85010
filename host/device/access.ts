import { FRAME, MEMTX, STATUS } from "../native/abi.ts";
import { words } from "../native/library.ts";
import { StaleError } from "./errors.ts";

const REASONS = { decode: MEMTX.DECODE_ERROR, error: MEMTX.ERROR, access: MEMTX.ACCESS_ERROR } as const;

/**
 * The access that a handler serves. It is the same object for one access after another: what it says holds until the
 * handler is done.
 */
export class Access {
  readonly #at: number;

  /** @internal @param at where its frame begins, in words */
  constructor(at: number) {
    this.#at = at;
  }

  /** @throws StaleError when it is over */
  #word(index: number): number {
    const status = words[this.#at + FRAME.status];
    if (status !== STATUS.ASKED && status !== STATUS.PENDING) {
      throw new StaleError("the access is over: its handler has returned");
    }
    return words[this.#at + index]!;
  }

  /** Bytes, within what the region declares as handled. */
  get size(): number {
    return this.#word(FRAME.size);
  }

  /** Does it come from the secure world? */
  get secure(): boolean {
    return (this.#word(FRAME.attrs) & 1) !== 0;
  }

  /** Does it come from unprivileged code? */
  get user(): boolean {
    return (this.#word(FRAME.attrs) & 2) !== 0;
  }

  /** Who asks: 16 bits, such as a PCI device's bus, device and function. 0 for a CPU. */
  get requester(): number {
    return this.#word(FRAME.attrs) >>> 16;
  }

  /**
   * Makes the access fail: the guest gets a bus error, as an external abort is on Arm, whatever the handler returns.
   *
   * @param reason nothing is there (`decode`), the device has an error, or it does not allow the access
   * @returns 0, so that a handler can return it
   */
  fail(reason: "decode" | "error" | "access"): number {
    this.#word(FRAME.result);
    words[this.#at + FRAME.result] = REASONS[reason];
    return 0;
  }

  /** @internal All 64 bits of what the guest wrote, of which the handler would get `low`. */
  written(low: number): bigint {
    const high = words[this.#at + FRAME.valueHigh]!;
    return high === 0 ? BigInt(low) : (BigInt(high) << 32n) | BigInt(low);
  }

  /** @internal Keeps the upper half of what the guest reads, which the engine leaves alone. */
  answer(value: unknown): unknown {
    if (typeof value === "number" && value > 0xffffffff) {
      words[this.#at + FRAME.valueHigh] = value / 2 ** 32;
    }
    return value;
  }
}

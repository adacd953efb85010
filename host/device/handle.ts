import type { Pointer } from "bun:ffi";
import { StaleError } from "./errors.ts";

/** Something of C's that a script may use as long as its device is there. */
export class Handle {
  #pointer: Pointer | undefined;
  readonly #what: string;

  /** @internal Made by the host. */
  constructor(pointer: Pointer, what: string) {
    this.#pointer = pointer;
    this.#what = what;
  }

  /**
   * @internal
   * @throws StaleError when the device is gone.
   */
  get pointer(): Pointer {
    if (this.#pointer === undefined) {
      throw new StaleError(`${this.#what} is gone and cannot be used any more`);
    }
    return this.#pointer;
  }

  /** @internal C is about to free it. */
  drop(): void {
    this.#pointer = undefined;
  }
}

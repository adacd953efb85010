import type { Pointer } from "bun:ffi";
import type { Returned } from "../native/convert.ts";
import { qemu } from "../native/library.ts";

const forgotten = new FinalizationRegistry<Pointer>((pointer) => qemu.script_weak_free(pointer));

/** A reference to an object of QEMU's that does not keep it alive. */
export class WeakObject<T> {
  readonly #pointer: Pointer;
  readonly #own: (pointer: Returned) => T | null;

  /** @internal Made by {@link ObjectRef.weak}. */
  constructor(pointer: Returned, own: (pointer: Returned) => T | null) {
    this.#pointer = Number(pointer) as Pointer;
    this.#own = own;
    forgotten.register(this, this.#pointer);
  }

  /** A handle of the object, with a reference of its own; null once QEMU has freed it. */
  get(): T | null {
    return this.#own(qemu.script_weak_get(this.#pointer));
  }
}

/** References to QEMU's objects: who keeps what alive, and until when. */

import type { Pointer } from "bun:ffi";
import { StaleError } from "../device/errors.ts";
import type { Handle } from "../device/handle.ts";
import { qemu } from "../native/library.ts";

/** Where a handle finds its object. */
export interface Reference {
  /** @internal @throws StaleError when the object cannot be used any more */
  readonly pointer: Pointer;
  release(): void;
}

/**
 * Bun calls it from its event loop, never in the middle of a script. Freeing an object enters no script, not even that
 * of a scripted device: what it was told to do happens before.
 */
const forgotten = new FinalizationRegistry<Pointer>((pointer) => qemu.script_object_unref(pointer));

/** A counted reference, given back once: when it is released, or when nobody has it any more. */
export class OwnReference implements Reference {
  #pointer: Pointer | undefined;

  /** @internal @param pointer comes with a reference, which is this one's from now on */
  constructor(pointer: Pointer) {
    this.#pointer = pointer;
    forgotten.register(this, pointer, this);
  }

  /** @internal */
  get pointer(): Pointer {
    if (this.#pointer === undefined) {
      throw new StaleError("this handle of an object was disposed of and cannot be used any more");
    }
    return this.#pointer;
  }

  release(): void {
    const pointer = this.#pointer;
    if (pointer !== undefined) {
      this.#pointer = undefined;
      forgotten.unregister(this);
      qemu.script_object_unref(pointer);
    }
  }
}

/** What a device has of itself: it does not keep itself alive. */
export class SelfReference implements Reference {
  readonly instance: Handle;
  readonly #type: string;

  constructor(instance: Handle, type: string) {
    this.instance = instance;
    this.#type = type;
  }

  /** @internal */
  get pointer(): Pointer {
    const pointer = qemu.script_instance_object(this.instance.pointer);
    if (!pointer) {
      throw new StaleError(`${this.#type} is gone and cannot be used any more`);
    }
    return Number(pointer) as Pointer;
  }

  /** Nothing to give back: the device has it as long as it is there. */
  release(): void {}
}

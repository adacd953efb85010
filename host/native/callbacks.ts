import { JSCallback, type Pointer } from "bun:ffi";

/**
 * The only place where C gets hold of a JavaScript function. A callback that throws would leave its exception
 * pending and silence every later one, so nothing may throw out of these.
 */
function guarded<A extends unknown[]>(fn: (...args: A) => void, failed: (error: unknown) => void) {
  return (...args: A) => {
    try {
      fn(...args);
    } catch (error) {
      failed(error);
    }
  };
}

const alive: JSCallback[] = [];

function pointerOf(callback: JSCallback): Pointer {
  alive.push(callback);
  return callback.ptr as Pointer;
}

/** Callable from any thread; `fn` runs later, on the event loop. */
export function doorbell(fn: () => void, failed: (error: unknown) => void): Pointer {
  return pointerOf(new JSCallback(guarded(fn, failed), { args: [], returns: "void", threadsafe: true }));
}

/** Callable from the JavaScript thread's own stack only; `fn` runs at once. */
export function nested(fn: (frame: number) => void, failed: (error: unknown) => void): Pointer {
  return pointerOf(new JSCallback(guarded(fn, failed), { args: ["u32"], returns: "void" }));
}

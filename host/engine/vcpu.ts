/**
 * The first vCPU: the one path that must be fast. Nothing here allocates, looks up by string, or makes a closure, unless
 * a handler is asynchronous or throws.
 */

import { FIBER_FRAME, FRAME, RUN, SHARED, STATUS } from "../native/abi.ts";
import { qemu, words } from "../native/library.ts";
import { accessOf, answer, base, fail, updateRoom } from "./access.ts";
import { type Handler, handlers } from "./handlers.ts";

/**
 * Made once the library is open, so that what it uses is constant: the JIT then knows the shared memory's address.
 *
 * @param serveOthers serves what other threads ask
 * @param serveCall serves a frame of any kind
 * @returns runs the vCPU until it has no need of a script, and says why it stopped
 */
export function makeRunner(serveOthers: () => void, serveCall: (frame: number) => void): () => number {
  const { script_run } = qemu;
  const shared = words;
  const all = handlers;
  const AT = base(FIBER_FRAME);
  const VALUE = AT + FRAME.value;
  const STATE = AT + FRAME.status;
  const current = accessOf(FIBER_FRAME);

  /** The answer is in the frame. */
  function failed({ port, owner }: Handler, error: unknown): number {
    fail(port, FIBER_FRAME, error);
    updateRoom(owner, false);
    shared[STATE] = STATUS.DONE;
    return 0;
  }

  /** @returns the answer, unless that is in the frame or will be: see take_answer() in script/engine.c */
  function handle(handler: Handler): number {
    const { read, owner, device } = handler;
    let value: unknown;
    owner.active++;
    try {
      value =
        read === undefined
          ? handler.write!.call(device, shared[VALUE]!, current)
          : read.call(device, current);
    } catch (error) {
      owner.active--;
      return failed(handler, error);
    }
    owner.active--;
    if (typeof value !== "number") {
      if (value !== undefined) {
        answer(handler.port, FIBER_FRAME, value);
        return 0;
      }
      value = 0;
    }
    if (handler.changesRoom) {
      updateRoom(owner, false);
    }
    return (value as number) | 0;
  }

  function serve(): void {
    if (shared[SHARED.posts] !== 0) {
      // What came in before this access counts before it.
      serveOthers();
    }
    serveCall(FIBER_FRAME);
  }

  return () => {
    let result = 0;
    for (;;) {
      const why = script_run(result);
      if (why > RUN.HANDLER) {
        result = handle(all[why - RUN.HANDLER]!);
      } else if (why === RUN.REQUEST) {
        serve();
      } else {
        return why;
      }
    }
  };
}

/**
 * The first vCPU: the one path that must be fast. Nothing here allocates, looks up by string, or makes a closure, unless
 * a handler is asynchronous or throws.
 */

import { FIBER_FRAME, FRAME, RUN, SHARED, STATUS } from "../native/abi.ts";
import { qemu, words } from "../native/library.ts";
import { accessOf, answer, base, fail, updateRoom, updateRoomAfter } from "./access.ts";
import { type Handler, handlers } from "./handlers.ts";

/**
 * Made once the library is open, so that what it uses is constant: the JIT then knows the shared memory's address.
 *
 * @param serveOthers serves what other threads ask
 * @param serveCall serves a frame of any kind
 * @returns runs the vCPU until it has no need of a script, and says why it stopped
 */
export function makeRunner(serveOthers: () => void, serveCall: (frame: number) => void): () => number {
  const { script_run, script_answer } = qemu;
  const shared = words;
  const all = handlers;
  const AT = base(FIBER_FRAME);
  const VALUE = AT + FRAME.value;
  const current = accessOf(FIBER_FRAME);

  /** The answer is in the frame. */
  function failed({ port, owner }: Handler, error: unknown): void {
    fail(port, FIBER_FRAME, error);
    updateRoom(owner, false);
    shared[AT + FRAME.status] = STATUS.DONE;
  }

  function serve(): void {
    if (shared[SHARED.posts] !== 0) {
      // What came in before this access counts before it.
      serveOthers();
    }
    serveCall(FIBER_FRAME);
  }

  return () => {
    let why = script_run();
    for (;;) {
      if (why > 0 && why <= RUN.HANDLER) {
        if (why !== RUN.REQUEST) {
          return why;
        }
        serve();
        why = script_answer(0);
        continue;
      }
      const handler = all[why > 0 ? why - RUN.HANDLER : -why]!;
      let result = 0;
      try {
        if (why > 0) {
          const value = handler.read!.call(handler.device, current);
          if (typeof value !== "number") {
            // In the frame, or will be.
            answer(handler.port, FIBER_FRAME, value);
          } else {
            result = value | 0;
            updateRoomAfter(handler);
          }
        } else {
          const done = handler.write!.call(handler.device, shared[VALUE]!, current);
          if (done !== undefined) {
            answer(handler.port, FIBER_FRAME, done);
          } else {
            updateRoomAfter(handler);
          }
        }
      } catch (error) {
        failed(handler, error);
      }
      why = script_answer(result);
    }
  };
}

/**
 * The first vCPU: the one path that must be fast. Nothing here allocates, looks up by string, or makes a closure, unless
 * a handler is asynchronous or throws.
 */

import { FIBER_FRAME, FRAME, RUN, SHARED, STATUS } from "../native/abi.ts";
import { qemu, words } from "../native/library.ts";
import { accessOf, answer, base, fail, updateRoom, updateRoomAfter } from "./access.ts";
import { serveCall, serveOthers } from "./calls.ts";
import { type Handler, handlers } from "./handlers.ts";

const AT = base(FIBER_FRAME);
const VALUE = AT + FRAME.value;
const current = accessOf(FIBER_FRAME);

/** The answer is in the frame. */
function failed({ port, owner }: Handler, error: unknown): void {
  fail(port, FIBER_FRAME, error);
  updateRoom(owner, false);
  words[AT + FRAME.status] = STATUS.DONE;
}

function serve(): void {
  if (words[SHARED.posts] !== 0) {
    // What came in before this access counts before it.
    serveOthers();
  }
  serveCall(FIBER_FRAME);
}

/** Runs the vCPU until it has no need of a script. @returns why it stopped: `RUN` */
export function runVcpu(): number {
  let why = qemu.script_run();
  for (;;) {
    if (why > 0 && why <= RUN.HANDLER) {
      if (why !== RUN.REQUEST) {
        return why;
      }
      serve();
      why = qemu.script_answer(0);
      continue;
    }
    const handler = handlers[why > 0 ? why - RUN.HANDLER : -why]!;
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
        const done = handler.write!.call(handler.device, words[VALUE]!, current);
        if (done !== undefined) {
          answer(handler.port, FIBER_FRAME, done);
        } else {
          updateRoomAfter(handler);
        }
      }
    } catch (error) {
      failed(handler, error);
    }
    why = qemu.script_answer(result);
  }
}

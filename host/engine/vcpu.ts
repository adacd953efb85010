/**
 * The first vCPU: the one path that must be fast. Nothing here allocates, looks up by string, or makes a closure, unless
 * a handler is asynchronous or throws.
 */

import { FIBER_FRAME, FRAME, KIND, RUN, SHARED, STATUS } from "../native/abi.ts";
import { qemu, tracing, words } from "../native/library.ts";
import { accessOf, answer, base, fail, updateRoom } from "./access.ts";
import { type Port, ports } from "./instances.ts";

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
  const all = ports;
  const traced = tracing;
  const AT = base(FIBER_FRAME);
  const current = accessOf(FIBER_FRAME);

  function access(port: Port, reads: boolean): void {
    const { owner, bank, device } = port;
    const offset = shared[AT + FRAME.offset]!;
    const word = offset >>> 2;
    let value: unknown;
    owner.active++;
    try {
      if (reads) {
        const read = bank.readers[word];
        value = read === undefined ? bank.readOther(device, offset, current) : read.call(device, current);
      } else {
        const write = bank.writers[word];
        const written = shared[AT + FRAME.value]!;
        value =
          write === undefined
            ? bank.writeOther(device, offset, written, current)
            : write.call(device, written, current);
      }
    } catch (error) {
      value = fail(port, FIBER_FRAME, error);
    }
    owner.active--;
    if (typeof value === "number") {
      shared[AT + FRAME.value] = value;
    } else if (value !== undefined) {
      answer(port, FIBER_FRAME, value);
      return;
    }
    if (!reads || !bank.plain[word]) {
      updateRoom(owner, false);
    }
    shared[AT + FRAME.status] = STATUS.DONE;
  }

  function serve(): void {
    if (shared[SHARED.posts] !== 0) {
      // What came in before this access counts before it.
      serveOthers();
    }
    const kind = shared[AT + FRAME.kind]!;
    const port = all[shared[AT + FRAME.target]!];
    if (kind <= KIND.WRITE && port !== undefined && port.owner.queue === undefined && traced[0] === 0) {
      access(port, kind === KIND.READ);
    } else {
      serveCall(FIBER_FRAME);
    }
  }

  return () => {
    for (;;) {
      const why = script_run();
      if (why !== RUN.REQUEST) {
        return why;
      }
      serve();
    }
  };
}

/**
 * The engine's loop: runs the first vCPU as a KVM user would, serves what it and other threads ask, and lets Bun's
 * event loop turn. See docs/architecture.md for the threads and docs there for who holds the BQL when.
 */

import { FRAME, KIND, RUN, SHARED } from "../native/abi.ts";
import { doorbell, nested } from "../native/callbacks.ts";
import { qemu, words } from "../native/library.ts";
import { report } from "../script/report.ts";
import { base, endAborted, serveNestedAccess } from "./access.ts";
import { serveCall, serveOthers } from "./calls.ts";
import { runVcpu } from "./vcpu.ts";

const NO_TIMEOUT = 0xffffffff;

/** Of serving others without a turn of the event loop: where no vCPU is the engine's, no tick says that one is due. */
const MOST_ROUNDS = 1000;

let scheduled = false;
let timeout: ReturnType<typeof setTimeout> | undefined;

function turnEventLoop(): void {
  words[SHARED.tick] = 0;
  if (!scheduled) {
    scheduled = true;
    setImmediate(onTurn);
  }
}

function onTurn(): void {
  scheduled = false;
  pump();
}

function onDoorbell(): void {
  if (!scheduled) {
    pump();
  }
}

/** An idle vCPU that waits for a limited time only. */
function armTimeout(): void {
  clearTimeout(timeout);
  timeout = undefined;
  const ms = words[SHARED.timeout]!;
  if (ms !== NO_TIMEOUT) {
    timeout = setTimeout(pump, ms);
  }
}

/** Runs until the event loop is due or everything sleeps; goes on whatever is thrown. */
function pump(): void {
  try {
    pumpOnce();
  } catch (error) {
    report(error, "script engine");
    turnEventLoop();
  }
}

function pumpOnce(): void {
  for (let rounds = 0; ; rounds++) {
    serveOthers();
    const why = runVcpu();
    serveOthers();
    endAborted();
    if (words[SHARED.tick] !== 0 || rounds === MOST_ROUNDS) {
      turnEventLoop();
      return;
    }
    if (why === RUN.IDLE && qemu.script_arm() !== 0) {
      armTimeout();
      return;
    }
  }
}

function serveNested(frame: number): void {
  const kind = words[base(frame) + FRAME.kind];
  if (kind === KIND.READ || kind === KIND.WRITE) {
    serveNestedAccess(frame);
  } else {
    serveCall(frame);
  }
}

/** Starts QEMU and the loop. */
export function start(): void {
  const failed = (error: unknown) => report(error, "script engine");
  // Bun would end with an empty event loop; QEMU says when the process ends.
  setInterval(() => {}, 0x7fffffff);
  qemu.script_start(doorbell(onDoorbell, failed), nested(serveNested, failed));
  pump();
}

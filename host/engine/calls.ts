/** Calls that are no guest access: a device's life, its input, loading scripts. */

import type { Pointer } from "bun:ffi";
import {
  FRAME,
  KIND,
  LOAD_EXIT,
  POST_FRAME,
  POST_LOAD_REFUSED,
  RELOAD_PAUSE,
  STATUS,
} from "../native/abi.ts";
import { cstring, text } from "../native/convert.ts";
import { bytes, doubles, qemu, words } from "../native/library.ts";
import { serveAccessor } from "../qom/accessors.ts";
import { QemuError } from "../qom/error.ts";
import { load } from "../script/loader.ts";
import { reload } from "../script/reload.ts";
import { ExitRequest, isA, oneLine, report } from "../script/report.ts";
import { directRegisters, NeedsPause, scriptInfos } from "../script/scripts.ts";
import { base, serveAccess, updateRoom } from "./access.ts";
import { chardevEvent, receive } from "./chardevs.ts";
import { changeClock } from "./clocks.ts";
import { accessConfig } from "./config-space.ts";
import { expire } from "./expiry.ts";
import { gpioChanged } from "./gpio.ts";
import { type Instance, instances, synchronous } from "./instances.ts";
import { forget, init, realize, unparent, unrealize } from "./lifecycle.ts";
import * as migration from "./migration.ts";
import { reset } from "./reset.ts";

function pointerIn(frame: number): Pointer {
  return doubles[(base(frame) + FRAME.pointer) / 2] as Pointer;
}

function answerError(frame: number, error: unknown): void {
  words[base(frame) + FRAME.result] = 1;
  qemu.script_set_error(frame, cstring(oneLine(error).replaceAll("\0", "").toWellFormed()));
  if (isA(error, QemuError) && error.hint !== "") {
    qemu.script_set_hint(frame, error.hint);
  }
}

function act(instance: Instance, frame: number): void {
  const { device } = instance;
  const at = base(frame);
  switch (words[at + FRAME.kind]) {
    case KIND.UNREALIZE:
      unrealize(instance);
      return;
    case KIND.NMI:
      synchronous("nmi", device.nmi?.(words[at + FRAME.value]!));
      return;
    case KIND.RESET:
    case KIND.RESET_ENTER:
    case KIND.RESET_HOLD:
    case KIND.RESET_EXIT:
      reset(instance, words[at + FRAME.kind]!, words[at + FRAME.value]!);
      return;
    case KIND.PRE_SAVE:
      migration.save(instance);
      return;
    case KIND.POST_SAVE:
      synchronous("postSave", device.postSave?.());
      return;
    case KIND.PRE_LOAD:
      synchronous("preLoad", device.preLoad?.());
      return;
    case KIND.POST_LOAD:
      if (!migration.load(instance, words[at + FRAME.value]!)) {
        words[at + FRAME.result] = POST_LOAD_REFUSED;
      }
      return;
    case KIND.RECEIVE:
      synchronous(
        "receive",
        receive(instance, words[at + FRAME.offset]!, bytes.subarray(0, words[at + FRAME.size]!)),
      );
      return;
    case KIND.CHR_EVENT:
      synchronous(
        "chardevEvent",
        chardevEvent(instance, words[at + FRAME.offset]!, words[at + FRAME.value]!),
      );
      return;
    case KIND.GPIO:
      synchronous("gpioChanged", gpioChanged(instance, frame));
      return;
    case KIND.TIMER: {
      const expiry = instance.expiries[words[at + FRAME.offset]!];
      if (expiry) {
        synchronous(expiry.method, expire(device, expiry));
      }
      // Otherwise the code before had one more.
      return;
    }
    case KIND.CONFIG_READ:
    case KIND.CONFIG_WRITE:
      accessConfig(instance, at);
      return;
    case KIND.CLOCK:
      changeClock(instance, words[at + FRAME.offset]!, bytes);
      return;
  }
}

const NAMES = Object.fromEntries(Object.entries(KIND).map(([name, kind]) => [kind, name.toLowerCase()]));
/** Calls whose caller gets the error; the others report it. */
const FALLIBLE: ReadonlySet<number> = new Set([
  KIND.REALIZE,
  KIND.PRE_SAVE,
  KIND.POST_SAVE,
  KIND.PRE_LOAD,
  KIND.POST_LOAD,
  KIND.NMI,
  KIND.PROP_GET,
  KIND.PROP_SET,
]);

function serveDeviceCall(frame: number): void {
  const at = base(frame);
  const kind = words[at + FRAME.kind]!;
  const id = words[at + FRAME.target]!;
  const instance = instances[id];
  try {
    if (kind === KIND.INIT) {
      init(id, pointerIn(frame));
    } else if (kind === KIND.REALIZE) {
      realize(id, pointerIn(frame));
    } else if (kind === KIND.UNPARENT) {
      unparent(id);
    } else if (kind === KIND.FORGET) {
      forget(id);
    } else if (kind === KIND.PROP_GET || kind === KIND.PROP_SET) {
      serveAccessor(frame);
    } else if (instance !== undefined) {
      instance.registered.generation.run(act, instance, frame);
      if (kind !== KIND.UNREALIZE) {
        updateRoom(instance, kind === KIND.RECEIVE, words[at + FRAME.offset]);
      }
    }
  } catch (error) {
    if (FALLIBLE.has(kind)) {
      answerError(frame, error);
    } else {
      report(error, `${NAMES[kind]} of ${instance?.cls.spec.type}`);
    }
  }
}

async function loadScript(frame: number): Promise<void> {
  words[base(frame) + FRAME.status] = STATUS.PENDING;
  try {
    const watch = words[base(frame) + FRAME.value] !== 0;
    qemu.script_set_text(frame, await load(text(pointerIn(frame)), watch));
  } catch (error) {
    if (isA(error, ExitRequest)) {
      words[base(frame) + FRAME.result] = LOAD_EXIT;
      words[base(frame) + FRAME.value] = error.status;
    } else {
      answerError(frame, error);
    }
  }
  qemu.script_done(frame);
}

async function reloadScript(frame: number): Promise<void> {
  const at = base(frame);
  const what = text(pointerIn(frame));
  const named = words[at + FRAME.value] === 0 ? { path: what } : { type: what };
  words[at + FRAME.status] = STATUS.PENDING;
  try {
    const info = await reload(named, words[at + FRAME.offset] !== 0);
    qemu.script_set_text(frame, cstring(JSON.stringify(info)));
  } catch (error) {
    answerError(frame, error);
    if (isA(error, NeedsPause)) {
      words[at + FRAME.result] = RELOAD_PAUSE;
    }
  }
  qemu.script_done(frame);
}

/** Serves a frame of any kind; sets its status, except to wake a waiting thread. */
export function serveCall(frame: number): void {
  const kind = words[base(frame) + FRAME.kind];
  if (kind === KIND.READ || kind === KIND.WRITE) {
    serveAccess(frame);
  } else if (kind === KIND.LOAD) {
    void loadScript(frame);
  } else if (kind === KIND.RELOAD) {
    void reloadScript(frame);
  } else if (kind === KIND.QUERY) {
    const forPeople = words[base(frame) + FRAME.value] === 1;
    qemu.script_set_text(frame, cstring(forPeople ? directRegisters() : JSON.stringify(scriptInfos())));
    words[base(frame) + FRAME.status] = STATUS.DONE;
  } else {
    serveDeviceCall(frame);
    words[base(frame) + FRAME.status] = STATUS.DONE;
  }
}

/** Serves posts and calls of other threads until there are none. Takes the BQL (in C) while there are. */
export function serveOthers(): void {
  for (let frame = qemu.script_next(); frame >= 0; frame = qemu.script_next()) {
    serveCall(frame);
    if (frame !== POST_FRAME && words[base(frame) + FRAME.status] === STATUS.DONE) {
      qemu.script_done(frame);
    }
  }
}

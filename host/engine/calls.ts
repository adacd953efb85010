/** Calls that are no guest access: a device's life, its input, loading scripts. */

import type { Pointer } from "bun:ffi";
import { type Chardev, Chardev as ChardevHandle } from "../device/chardev.ts";
import { propertyName } from "../device/describe.ts";
import { make } from "../device/device.ts";
import type { Property } from "../device/fields.ts";
import { irqLines } from "../device/irq.ts";
import type { DeviceSpec } from "../device/spec.ts";
import { resetFields, staleViews, VIEWS, viewsOf } from "../device/state.ts";
import { CHR_EVENT, FRAME, KIND, STATUS } from "../native/abi.ts";
import { borrow, bytes, cstring, doubles, qemu, text, words } from "../native/library.ts";
import { load } from "../script/loader.ts";
import { oneLine, report } from "../script/report.ts";
import { base, serveAccess, updateRoom } from "./access.ts";
import { classes, type Instance, instances, ports, type ScriptedDevice } from "./instances.ts";

function pointerIn(frame: number): Pointer {
  return doubles[(base(frame) + FRAME.pointer) / 2] as Pointer;
}

function answerError(frame: number, error: unknown): void {
  words[base(frame) + FRAME.result] = 1;
  qemu.script_set_error(frame, cstring(oneLine(error).replaceAll("\0", "")));
}

// --- realize ------------------------------------------------------------------------------------------------------

function configValue(instance: Pointer, key: string, property: Property, chardevs: Chardev[]): unknown {
  if (property.kind === "chardev") {
    const index = chardevs.length;
    const chardev = new ChardevHandle(qemu.script_instance_chardev(instance, index) as Pointer);
    chardevs.push(chardev);
    return chardev;
  }
  const value = text(qemu.script_instance_property(instance, propertyName(key, property)));
  switch (property.kind) {
    case "bool":
      return value === "true";
    case "string":
      return value.replace(/^"|"$/g, "");
    case "uint64":
    case "int64":
    case "size":
      return BigInt(value);
    default:
      return Number(value);
  }
}

function clockGetters(instance: Pointer, spec: DeviceSpec): object {
  const clocks = {};
  for (const [index, name] of (spec.clocks ?? []).entries()) {
    Object.defineProperty(clocks, name, {
      enumerable: true,
      get: () => qemu.script_clock_hz(instance, index),
    });
  }
  return Object.freeze(clocks);
}

function realize(frame: number): void {
  const pointer = pointerIn(frame);
  const id = words[base(frame) + FRAME.target]!;
  const type = text(qemu.script_instance_type(pointer));
  const { cls, banks } = classes.get(type)!;
  const { spec, layout } = cls;
  const block = borrow(qemu.script_instance_state(pointer) as Pointer, layout.size);
  const chardevs: Chardev[] = [];
  const config = Object.fromEntries(
    Object.entries(spec.properties ?? {}).map(([key, p]) => [key, configValue(pointer, key, p, chardevs)]),
  );
  const own = {
    [VIEWS]: { value: viewsOf(block, layout), writable: true },
    config: { value: Object.freeze(config), enumerable: true },
    irqs: { value: irqLines(pointer, spec.irqs ?? []) },
    clocks: { value: clockGetters(pointer, spec) },
  };
  const device = make(cls as new () => ScriptedDevice, { instance: pointer, own });
  device.realize?.();
  const slots = banks.map((_, index) => qemu.script_instance_region(pointer, index));
  const receiver = typeof device.receive === "function" ? chardevs[0] : undefined;
  const instance: Instance = { id, pointer, cls, device, receiver, block, slots, queue: undefined };
  instances[id] = instance;
  const regions = Object.values(spec.regions ?? {});
  for (const [index, bank] of banks.entries()) {
    ports[slots[index]!] = { owner: instance, device, bank, errorValue: regions[index]!.errorValue ?? 0 };
  }
  updateRoom(instance);
}

function unrealize(instance: Instance): void {
  for (const slot of instance.slots) {
    ports[slot] = undefined;
  }
  instances[instance.id] = undefined;
  try {
    instance.device.unrealize?.();
  } finally {
    instance.device[VIEWS] = staleViews(instance.cls.spec.type);
    // Views that the script still holds lose their memory, which C is about to free.
    instance.block.transfer();
  }
}

// --- the rest -----------------------------------------------------------------------------------------------------

function receive(instance: Instance, frame: number): void {
  instance.device.receive?.(bytes.subarray(0, words[base(frame) + FRAME.size]!));
}

function act(instance: Instance, frame: number): void {
  const { device, cls } = instance;
  const at = base(frame);
  switch (words[at + FRAME.kind]) {
    case KIND.UNREALIZE:
      unrealize(instance);
      return;
    case KIND.RESET:
      resetFields(device[VIEWS], cls.layout);
      device.reset?.();
      return;
    case KIND.PRE_SAVE:
      qemu.script_instance_snapshot(instance.pointer);
      return;
    case KIND.POST_LOAD:
      device.postLoad?.(words[at + FRAME.value]!);
      return;
    case KIND.RECEIVE:
      receive(instance, frame);
      return;
    case KIND.CHR_EVENT:
      if (words[at + FRAME.value] === CHR_EVENT.BREAK) {
        device.receiveBreak?.();
      }
      return;
    case KIND.CLOCK:
      device.clockChanged?.(cls.spec.clocks![words[at + FRAME.offset]!]!);
      return;
  }
}

const NAMES = Object.fromEntries(Object.entries(KIND).map(([name, kind]) => [kind, name.toLowerCase()]));
/** Calls whose caller gets the error; the others report it. */
const FALLIBLE: ReadonlySet<number> = new Set([KIND.REALIZE, KIND.POST_LOAD, KIND.PRE_SAVE]);

function serveDeviceCall(frame: number): void {
  const at = base(frame);
  const kind = words[at + FRAME.kind]!;
  const instance = instances[words[at + FRAME.target]!];
  try {
    if (kind === KIND.REALIZE) {
      realize(frame);
    } else if (instance !== undefined) {
      act(instance, frame);
      if (kind !== KIND.UNREALIZE) {
        updateRoom(instance);
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
    const type = await load(text(pointerIn(frame)));
    qemu.script_set_text(frame, type);
  } catch (error) {
    answerError(frame, error);
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
  } else {
    serveDeviceCall(frame);
    words[base(frame) + FRAME.status] = STATUS.DONE;
  }
}

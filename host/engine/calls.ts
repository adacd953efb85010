/** Calls that are no guest access: a device's life, its input, loading scripts. */

import type { Pointer } from "bun:ffi";
import { type Chardev, Chardev as ChardevHandle } from "../device/chardev.ts";
import { checkMade, has, propertyName } from "../device/check.ts";
import { type DeviceClass, make } from "../device/device.ts";
import { Dma } from "../device/dma.ts";
import type { Property } from "../device/fields.ts";
import { Handle } from "../device/handle.ts";
import { irqLines } from "../device/irq.ts";
import type { DeviceSpec } from "../device/spec.ts";
import { resetFields, staleViews, VIEWS, viewsOf } from "../device/state.ts";
import { CHR_EVENT, FRAME, KIND, LOAD_EXIT, STATUS } from "../native/abi.ts";
import { borrow, bytes, cstring, doubles, qemu, text, words } from "../native/library.ts";
import { load } from "../script/loader.ts";
import { ExitRequest, oneLine, report } from "../script/report.ts";
import { base, serveAccess, updateRoom } from "./access.ts";
import { classes, type Instance, instances, ports, type ScriptedDevice } from "./instances.ts";

function pointerIn(frame: number): Pointer {
  return doubles[(base(frame) + FRAME.pointer) / 2] as Pointer;
}

function answerError(frame: number, error: unknown): void {
  words[base(frame) + FRAME.result] = 1;
  qemu.script_set_error(frame, cstring(oneLine(error).replaceAll("\0", "")));
}

/** Only the guest can wait for a promise; QEMU cannot. */
function synchronous(name: string, result: unknown): void {
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new TypeError(`${name}() cannot be asynchronous: only methods that read and write registers can`);
  }
}

// --- realize ------------------------------------------------------------------------------------------------------

/** What a device is made of, until it goes. */
interface Parts {
  readonly own: PropertyDescriptorMap;
  readonly chardevs: readonly Chardev[];
  /** Makes every later use throw; C may then free it all. */
  drop(device: ScriptedDevice | undefined): void;
}

function configValue(instance: Pointer, key: string, property: Property): unknown {
  const value = text(qemu.script_instance_property(instance, propertyName(key, property)));
  switch (property.kind) {
    case "bool":
      return value === "true";
    case "string":
      return value;
    case "uint64":
      // QEMU prints it signed.
      return BigInt.asUintN(64, BigInt(value));
    case "int64":
    case "size":
      return BigInt(value);
    default:
      return Number(value);
  }
}

function clockGetters(instance: Handle, spec: DeviceSpec): object {
  const clocks = {};
  for (const [index, name] of (spec.clocks ?? []).entries()) {
    const get = () => qemu.script_clock_hz(instance.pointer, index);
    Object.defineProperty(clocks, name, { enumerable: true, get });
  }
  return Object.freeze(clocks);
}

function makeParts(pointer: Pointer, block: ArrayBuffer, cls: DeviceClass): Parts {
  const { spec, layout } = cls;
  const handles = [new Handle(pointer, spec.type)];
  const chardevs: Chardev[] = [];
  const config: Record<string, unknown> = {};
  for (const [key, property] of Object.entries(spec.properties ?? {})) {
    if (property.kind === "chardev") {
      const chardev = qemu.script_instance_chardev(pointer, chardevs.length) as Pointer;
      const handle = new Handle(chardev, `${key} of ${spec.type}`);
      handles.push(handle);
      chardevs.push(new ChardevHandle(handle));
      config[key] = chardevs.at(-1);
    } else {
      config[key] = configValue(pointer, key, property);
    }
  }
  const dma = new Dma(handles[0]!);
  const own = {
    [VIEWS]: { value: viewsOf(block, layout), writable: true },
    config: { value: Object.freeze(config), enumerable: true },
    irqs: { value: irqLines(handles[0]!, spec.irqs ?? []) },
    clocks: { value: clockGetters(handles[0]!, spec) },
    dma: { value: dma },
  };
  const drop = (device: ScriptedDevice | undefined) => {
    dma.close();
    for (const handle of handles) {
      handle.drop();
    }
    if (device) {
      device[VIEWS] = staleViews(spec.type);
    }
    // Views that the script still holds lose their memory.
    block.transfer();
  };
  return { own, chardevs, drop };
}

function realize(frame: number): void {
  const pointer = pointerIn(frame);
  const id = words[base(frame) + FRAME.target]!;
  const { cls, banks } = classes.get(text(qemu.script_instance_type(pointer)))!;
  const block = borrow(qemu.script_instance_state(pointer) as Pointer, cls.layout.size);
  const { own, chardevs, drop } = makeParts(pointer, block, cls);
  let device: ScriptedDevice | undefined;
  try {
    device = make(cls as new () => ScriptedDevice, own);
    checkMade(device, cls);
    synchronous("realize", device.realize?.());
  } catch (error) {
    drop(device);
    throw error;
  }
  const slots = banks.map((_, index) => qemu.script_instance_region(pointer, index));
  const receiver = has(cls, "receive") ? chardevs[0] : undefined;
  const instance: Instance = { id, pointer, cls, device, receiver, slots, drop, queue: undefined, active: 0 };
  instances[id] = instance;
  const regions = Object.values(cls.spec.regions ?? {});
  for (const [index, bank] of banks.entries()) {
    ports[slots[index]!] = { owner: instance, device, bank, errorValue: regions[index]!.errorValue ?? 0 };
  }
  updateRoom(instance, false);
}

function unrealize(instance: Instance): void {
  for (const slot of instance.slots) {
    ports[slot] = undefined;
  }
  instances[instance.id] = undefined;
  try {
    synchronous("unrealize", instance.device.unrealize?.());
  } finally {
    instance.drop(instance.device);
  }
}

// --- the rest -----------------------------------------------------------------------------------------------------

function receive(instance: Instance, frame: number): void {
  synchronous("receive", instance.device.receive?.(bytes.subarray(0, words[base(frame) + FRAME.size]!)));
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
      synchronous("reset", device.reset?.());
      return;
    case KIND.PRE_SAVE:
      qemu.script_instance_snapshot(instance.pointer);
      return;
    case KIND.POST_LOAD:
      qemu.script_instance_restore(instance.pointer);
      synchronous("postLoad", device.postLoad?.(words[at + FRAME.value]!));
      return;
    case KIND.RECEIVE:
      receive(instance, frame);
      return;
    case KIND.CHR_EVENT:
      if (words[at + FRAME.value] === CHR_EVENT.BREAK) {
        synchronous("receiveBreak", device.receiveBreak?.());
      }
      return;
    case KIND.CLOCK:
      synchronous("clockChanged", device.clockChanged?.(cls.spec.clocks![words[at + FRAME.offset]!]!));
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
        updateRoom(instance, kind === KIND.RECEIVE);
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
    if (error instanceof ExitRequest) {
      words[base(frame) + FRAME.result] = LOAD_EXIT;
      words[base(frame) + FRAME.value] = error.status;
    } else {
      answerError(frame, error);
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
  } else {
    serveDeviceCall(frame);
    words[base(frame) + FRAME.status] = STATUS.DONE;
  }
}

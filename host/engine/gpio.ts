/** Changes of GPIO inputs. */

import { FRAME } from "../native/abi.ts";
import { words } from "../native/library.ts";
import { base } from "./access.ts";
import type { Instance } from "./instances.ts";

type Changed = (this: object, line: number, level: boolean) => unknown;

/** Tells the device what a frame says of one of its inputs. */
export function gpioChanged({ device, cls, inputs }: Instance, frame: number): unknown {
  const at = base(frame);
  const port = inputs[words[at + FRAME.offset]!]!;
  const line = words[at + FRAME.value]!;
  const level = words[at + FRAME.valueHigh] !== 0;
  port.take(line, level);
  const { changed } = cls.spec.inputs![port.key]!;
  if (changed !== undefined) {
    return (Reflect.get(device, changed) as Changed).call(device, line, level);
  }
  return device.gpioChanged?.(port.key, line, level);
}

import { FRAME, KIND } from "../native/abi.ts";
import { words } from "../native/library.ts";
import { report } from "../script/report.ts";
import { isActive } from "./access.ts";
import { type Instance, synchronous } from "./instances.ts";

/** What the device does with the access. */
function perform({ device }: Instance, at: number): void {
  const [address, length] = [words[at + FRAME.offset]!, words[at + FRAME.size]!];
  if (words[at + FRAME.kind] === KIND.CONFIG_WRITE) {
    synchronous("configWrite", device.configWrite?.(address, words[at + FRAME.value]!, length));
    return;
  }
  const read = device.configRead?.(address, length);
  synchronous("configRead", read);
  words[at + FRAME.value] = Number(read) >>> 0;
}

/**
 * The guest, or a device by DMA, reads or writes configuration space. A read that fails has QEMU's answer in the frame.
 * As with registers, a device does not reach its own from one of its handlers.
 */
export function accessConfig(instance: Instance, at: number): void {
  if (isActive(instance)) {
    report(new Error(`${instance.cls.spec.type} accesses itself`), "access from its own handler");
    return;
  }
  instance.active++;
  try {
    perform(instance, at);
  } finally {
    instance.active--;
  }
}

import { FRAME, KIND } from "../native/abi.ts";
import { words } from "../native/library.ts";
import { type Instance, synchronous } from "./instances.ts";

/** The guest reads or writes configuration space. A read that fails has QEMU's answer in the frame. */
export function accessConfig({ device }: Instance, at: number): void {
  const [address, length] = [words[at + FRAME.offset]!, words[at + FRAME.size]!];
  if (words[at + FRAME.kind] === KIND.CONFIG_WRITE) {
    synchronous("configWrite", device.configWrite?.(address, words[at + FRAME.value]!, length));
    return;
  }
  const read = device.configRead?.(address, length);
  synchronous("configRead", read);
  words[at + FRAME.value] = Number(read) >>> 0;
}

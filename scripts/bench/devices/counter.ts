/** A device with a register that a getter serves; the bench `many` has many of them. */
import { registers, SysBusDevice, u32 } from "qemu-script";

export default class Counter extends SysBusDevice.with({
  type: "bench-counter",
  state: { count: u32 },
  regions: { regs: { size: 0x1000 } },
}) {
  static {
    registers(Counter, "regs", {
      NEXT: { at: 0x0, doc: "Reads so far", read: "next" },
    });
  }

  next() {
    return ++this.count;
  }
}

/** A device with an interrupt line; the bench `irq` measures what it costs to change its level. */
import { registers, SysBusDevice, u32 } from "qemu-script";

export default class Line extends SysBusDevice.with({
  type: "bench-line",
  state: { kept: u32 },
  irqs: ["line"],
  regions: { regs: { size: 0x1000 } },
}) {
  static {
    registers(Line, "regs", {
      LEVEL: { at: 0x0, doc: "Level of the line", write: "drive" },
      STORE: { at: 0x4, doc: "The same without a line", write: "store" },
    });
  }

  drive(value: number) {
    this.irqs.line.set(value !== 0);
  }

  store(value: number) {
    this.kept = value;
  }
}

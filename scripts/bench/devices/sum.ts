/** A device that adds up what it is told; the bench `fair` looks whether it was told everything. */
import { registers, SysBusDevice, u32 } from "qemu-script";

export default class Sum extends SysBusDevice.with({
  type: "bench-sum",
  state: { total: u32 },
  regions: { regs: { size: 0x1000 } },
}) {
  static {
    registers(Sum, "regs", {
      ADD: { at: 0x0, doc: "Adds what is written", write: "add" },
      TOTAL: { at: 0x4, doc: "The sum", field: "total", mode: "ro" },
    });
  }

  add(value: number) {
    this.total += value;
  }
}

/**
 * A device whose author did not think of the garbage collector: each read leaves objects, strings and closures behind.
 * For the bench `latency`.
 */
import { registers, SysBusDevice, u32 } from "qemu-script";

/** So many of the last reads are kept, so that objects grow old before they die. */
const KEPT = 10_000;

export default class Careless extends SysBusDevice.with({
  type: "bench-careless",
  state: { reads: u32 },
  regions: { regs: { size: 0x1000 } },
}) {
  static {
    registers(Careless, "regs", {
      NEXT: { at: 0x0, doc: "Reads so far", read: "next" },
    });
  }

  private readonly log: { readonly at: number; readonly text: () => string }[] = [];

  next() {
    const at = ++this.reads;
    const name = `read ${at}`;
    this.log[at % KEPT] = { at, text: () => [name, ...Array.from({ length: 8 }, (_, i) => at + i)].join() };
    return at;
  }
}

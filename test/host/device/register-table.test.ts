import { expect, test } from "bun:test";
import { registers, registerTable, SysBusDevice, struct, u32 } from "qemu-script";

class Timers extends SysBusDevice.with({
  type: "timers",
  regions: { regs: { size: 0x100 }, empty: { size: 4, read: "now" } },
  state: { ctrl: u32(0x12), raw: u32, timers: struct({ load: u32(0xff) }).array(4) },
}) {
  static {
    registers(Timers, "regs", {
      ID: { at: 0xfe0 - 0xf00, doc: "Identification", values: [1, 0xb1] },
      RAW: { at: 0x8, field: "raw", mode: "ro", doc: "This | that" },
      CLEAR: { at: 0xc, field: "raw", mode: "w1c", writeOnly: true },
      CTRL: {
        at: 0,
        doc: "Control",
        field: "ctrl",
        bits: { EN: { at: 0, doc: "Enable" }, MODE: [6, 4], DMA: { at: 8, mode: "unhandled" } },
      },
      NOW: { at: 4, read: "now" },
      GO: { at: 0x10, write: "go" },
      OLD: { at: 0x14, ignoresWrites: true },
      LOAD: { at: 0x20, count: 4, stride: 8, field: "timers.load", doc: "First value" },
      GAP: { at: 0x18, mode: "reserved" },
    });
  }
  now() {
    return 1;
  }
  go() {}
}

test("a table of registers is Markdown, by offset, with the bits of each below it", () => {
  expect(registerTable(Timers, "regs").split("\n")).toEqual([
    "| offset | register | access | reset | what |",
    "| --- | --- | --- | --- | --- |",
    "| 0x000 | CTRL | rw | 0x12 | Control |",
    "|  | DMA [8] | unhandled |  |  |",
    "|  | MODE [6:4] | rw |  |  |",
    "|  | EN [0] | rw |  | Enable |",
    "| 0x004 | NOW | ro |  |  |",
    "| 0x008 | RAW | ro |  | This \\| that |",
    "| 0x00c | CLEAR | w1c, not read |  |  |",
    "| 0x010 | GO | wo |  |  |",
    "| 0x014 | OLD | ignored |  |  |",
    "| 0x018 | GAP | reserved |  |  |",
    "| 0x020 + 8 n | LOAD[0..3] | rw | 0xff | First value |",
    "| 0x0e0 + 4 n | ID[0..1] | ro | 0x1 0xb1 | Identification |",
  ]);
});

test("a region without registers has an empty one", () => {
  expect(registerTable(Timers, "empty").split("\n").length).toBe(2);
});

// SPDX-License-Identifier: GPL-2.0-or-later

/**
 * PrimeCell UART (PL011). Technical Reference Manual: ARM DDI 0183G.
 *
 * Like QEMU's own model (hw/char/pl011.c), of which it takes the place down to the migration stream: no transmit FIFO
 * (a byte is gone at once), no baud rate, no receive timeout, no DMA; receive interrupts come with the first character
 * whatever IFLS says.
 */

import {
  bool,
  type CharReceiver,
  type ClockRate,
  chardev,
  clockState,
  guestError,
  hex,
  i32,
  type PostLoad,
  registers,
  SysBusDevice,
  subsection,
  type TracedAccess,
  u32,
  unimplemented,
  unused,
} from "qemu-script";

/** Flags, 3.3.3. */
const FR = { CTS: 0x01, DSR: 0x02, DCD: 0x04, RXFE: 0x10, RXFF: 0x40, TXFE: 0x80, RI: 0x100 } as const;

/** Line control, 3.3.7; control, 3.3.8, with the modem outputs by themselves; DMA control, 3.3.14. */
const LCR_H = { BRK: 0x01, FEN: 0x10 } as const;
const CR = { UARTEN: 0x001, LBE: 0x080, TXE: 0x100, RXE: 0x200 } as const;
const MODEM = { DTR: 0x0400, RTS: 0x0800, OUT1: 0x1000, OUT2: 0x2000 } as const;
const DMACR = { RXDMAE: 0x01, TXDMAE: 0x02 } as const;

/** Interrupts, as in IMSC, RIS, MIS and ICR, 3.3.10. */
const INT = { RI: 0x01, CTS: 0x02, DCD: 0x04, DSR: 0x08, RX: 0x10, TX: 0x20, RT: 0x40 } as const;

/** Where loopback connects the modem outputs, 2.4.5. */
const LOOPBACK = [
  { output: MODEM.OUT2, flag: FR.RI, interrupt: INT.RI },
  { output: MODEM.OUT1, flag: FR.DCD, interrupt: INT.DCD },
  { output: MODEM.RTS, flag: FR.CTS, interrupt: INT.CTS },
  { output: MODEM.DTR, flag: FR.DSR, interrupt: INT.DSR },
] as const;

/** Break error, as it comes with a character in DR, 3.3.1. */
const DR_BE = 0x400;
const FIFO_DEPTH = 16;

const accessText = ({ offset, value, name = "UNKN" }: TracedAccess) =>
  `addr ${hex(offset, 3)} value ${hex(value, 8)} reg ${name}`;

export default class PL011
  extends SysBusDevice.with({
    type: "pl011-ts",
    description: "ARM PrimeCell UART (PL011), in TypeScript",
    properties: {
      chardev: chardev({ description: "the other end of the serial line" }),
      migrateClk: bool({ default: true }),
    },
    irqs: [
      { name: "UARTINTR", bits: 0x7ff },
      { name: "UARTRXINTR", bits: INT.RX },
      { name: "UARTTXINTR", bits: INT.TX },
      { name: "UARTRTINTR", bits: INT.RT },
      { name: "UARTMSINTR", bits: INT.RI | INT.CTS | INT.DCD | INT.DSR },
      { name: "UARTEINTR", bits: 0x780 },
    ],
    clocks: [{ name: "clk", changed: "traceBaudRate" }],
    regions: { regs: { name: "pl011", size: 0x1000, trace: { text: accessText } } },
    traces: {
      pl011_irq_state: (on: boolean) => `irq state ${Number(on)}`,
      pl011_read_fifo: (used: number, depth: number) => `RX FIFO read, used ${used}/${depth}`,
      pl011_fifo_rx_put: (character: number, used: number, depth: number) =>
        `RX FIFO push char [${hex(character, 2)}] ${used}/${depth} depth used`,
      pl011_fifo_rx_full: () => "RX FIFO now full, RXFF set",
      pl011_can_receive: (lcr: number, used: number, depth: number, room: number) =>
        `LCR ${hex(lcr, 2)}, RX FIFO used ${used}/${depth}, can_receive ${room >>> 0} chars`,
      pl011_receive: (size: number) => `recv ${size} chars`,
      pl011_baudrate_change: ({ hz }: ClockRate, ibrd: number, fbrd: number) => {
        const rate = ibrd === 0 ? 0 : (4 * Math.floor(hz / (64 * ibrd + fbrd))) >>> 0;
        return `new baudrate ${rate} (clk: ${hz}hz, ibrd: ${ibrd}, fbrd: ${fbrd})`;
      },
    },
    migration: { name: "pl011", version: 2 },
    state: {
      readBuffer: unused(4),
      flags: u32(FR.TXFE | FR.RXFE),
      lcr: u32(0),
      rsr: u32(0),
      cr: u32(CR.TXE | CR.RXE),
      dmacr: u32(0),
      intEnabled: u32(0),
      intLevel: u32(0),
      readFifo: u32.array(FIFO_DEPTH),
      ilpr: u32(0),
      ibrd: u32(0),
      fbrd: u32(0),
      ifl: u32(0x12),
      readPos: i32(0),
      readCount: i32(0),
      readTrigger: i32(1),
      clock: subsection({ needed: "migrateClk", state: { clk: clockState("clk") } }),
    },
    deviceTree: {
      node: "pl011",
      compatible: ["arm,pl011", "arm,primecell"],
      clocks: { uartclk: "/apb-pclk", apb_pclk: "/apb-pclk" },
      alias: "serial",
    },
  })
  implements CharReceiver, PostLoad
{
  static {
    registers(PL011, "regs", {
      DR: { at: 0x000, doc: "Data", read: "readData", write: "writeData" },
      RSR: { at: 0x004, doc: "Receive status, error clear", field: "rsr", mode: "wc" },
      FR: { at: 0x018, doc: "Flags", field: "flags", ignoresWrites: true },
      ILPR: { at: 0x020, doc: "IrDA low-power counter", field: "ilpr" },
      IBRD: { at: 0x024, doc: "Integer baud rate", field: "ibrd", mask: 0xffff, written: "traceBaudRate" },
      FBRD: { at: 0x028, doc: "Fractional baud rate", field: "fbrd", mask: 0x3f, written: "traceBaudRate" },
      LCRH: { at: 0x02c, doc: "Line control", field: "lcr", write: "writeLineControl" },
      CR: { at: 0x030, doc: "Control", field: "cr", written: "loopModemBack" },
      IFLS: { at: 0x034, doc: "FIFO level select", field: "ifl", written: "setTrigger" },
      IMSC: { at: 0x038, doc: "Interrupt mask", field: "intEnabled", written: "update" },
      RIS: { at: 0x03c, doc: "Raw interrupts", field: "intLevel", mode: "ro" },
      MIS: { at: 0x040, doc: "Masked interrupts", field: "activeInterrupts", mode: "ro" },
      ICR: { at: 0x044, doc: "Clear", field: "intLevel", mode: "w1c", writeOnly: true, written: "update" },
      DMACR: { at: 0x048, doc: "DMA control", field: "dmacr", written: "refuseDma" },
      ID: { at: 0xfe0, doc: "Identification", values: [0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1] },
    });
  }

  get activeInterrupts() {
    return (this.intLevel & this.intEnabled) >>> 0;
  }

  update() {
    this.trace.pl011_irq_state(this.activeInterrupts !== 0);
    this.irqs.follow(this.activeInterrupts);
  }

  get depth() {
    return this.lcr & LCR_H.FEN ? FIFO_DEPTH : 1;
  }

  get loopback() {
    return (this.cr & CR.LBE) !== 0;
  }

  // Whether the UART is enabled does not matter, as in QEMU's model: software that never enables it can still read.
  get room() {
    const { depth } = this;
    const room = depth - this.readCount;
    this.trace.pl011_can_receive(this.lcr, this.readCount, depth, room);
    return room;
  }

  receive(bytes: Uint8Array) {
    this.trace.pl011_receive(bytes.length);
    if (!this.loopback) {
      for (const byte of bytes) {
        this.put(byte);
      }
    }
  }

  receiveBreak() {
    if (!this.loopback) {
      this.put(DR_BE);
    }
  }

  /** Takes a character with its error bits, even if that overwrites the oldest one. */
  put(character: number) {
    const { depth } = this;
    this.readFifo[(this.readPos + this.readCount++) & (depth - 1)] = character;
    this.flags &= ~FR.RXFE;
    this.trace.pl011_fifo_rx_put(character, this.readCount, depth);
    if (this.readCount === depth) {
      this.trace.pl011_fifo_rx_full();
      this.flags |= FR.RXFF;
    }
    if (this.readCount === this.readTrigger) {
      this.intLevel |= INT.RX;
      this.update();
    }
  }

  readData() {
    const character = this.readFifo[this.readPos]!;
    this.flags &= ~FR.RXFF;
    if (this.readCount > 0) {
      this.readCount--;
      this.readPos = (this.readPos + 1) & (this.depth - 1);
    }
    if (this.readCount === 0) {
      this.flags |= FR.RXFE;
    }
    if (this.readCount === this.readTrigger - 1) {
      this.intLevel &= ~INT.RX;
    }
    this.trace.pl011_read_fifo(this.readCount, this.depth);
    this.rsr = character >>> 8;
    this.update();
    return character;
  }

  writeData(value: number) {
    if (!(this.cr & CR.UARTEN)) {
      guestError("PL011 data written to disabled UART");
    }
    if (!(this.cr & CR.TXE)) {
      guestError("PL011 data written to disabled TX UART");
    }
    const byte = value & 0xff;
    this.config.chardev.put(byte);
    if (this.loopback) {
      this.put(byte);
    }
    this.intLevel |= INT.TX;
    this.update();
  }

  writeLineControl(value: number) {
    const changed = this.lcr ^ value;
    if (changed & LCR_H.FEN) {
      this.readCount = 0;
      this.readPos = 0;
      this.flags = (this.flags & ~FR.RXFF) | FR.RXFE | FR.TXFE;
    }
    if (changed & LCR_H.BRK) {
      const on = (value & LCR_H.BRK) !== 0;
      this.config.chardev.setBreak(on);
      if (on && this.loopback) {
        this.put(DR_BE);
      }
    }
    this.lcr = value;
    this.setTrigger();
  }

  setTrigger() {
    this.readTrigger = 1;
  }

  /** In loopback, the modem inputs follow the modem outputs, 2.4.5; otherwise they keep what they had. */
  loopModemBack() {
    if (!this.loopback) {
      return;
    }
    for (const { output, flag, interrupt } of LOOPBACK) {
      const on = (this.cr & output) !== 0;
      this.flags = on ? this.flags | flag : this.flags & ~flag;
      this.intLevel = on ? this.intLevel | interrupt : this.intLevel & ~interrupt;
    }
    this.update();
  }

  traceBaudRate(_name = "clk", clock: ClockRate = this.clocks.clk) {
    this.trace.pl011_baudrate_change(clock, this.ibrd, this.fbrd);
  }

  refuseDma() {
    if (this.dmacr & (DMACR.RXDMAE | DMACR.TXDMAE)) {
      unimplemented("pl011: DMA not implemented");
    }
  }

  postLoad() {
    if (this.readPos < 0 || this.readPos >= FIFO_DEPTH || this.readCount < 0 || this.readCount > FIFO_DEPTH) {
      return false;
    }
    if (this.depth === 1 && this.readCount > 0 && this.readPos > 0) {
      // Older QEMU left the only character where the FIFO had it.
      this.readFifo[0] = this.readFifo[this.readPos]!;
      this.readPos = 0;
    }
    this.ibrd &= 0xffff;
    this.fbrd &= 0x3f;
    return true;
  }
}

/** The same in Luminary's Stellaris microcontrollers, which identifies itself differently. */
export class PL011Luminary extends PL011.with({
  type: "pl011_luminary-ts",
  description: "UART of the Stellaris microcontrollers (PL011), in TypeScript",
}) {
  static {
    registers(PL011Luminary, "regs", {
      ID: { at: 0xfe0, doc: "Identification", values: [0x11, 0x00, 0x18, 0x01, 0x0d, 0xf0, 0x05, 0xb1] },
    });
  }
}

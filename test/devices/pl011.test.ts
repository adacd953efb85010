/**
 * The PL011 against its manual (ARM DDI 0183G) and against QEMU's model in C: what is said here must be true of both.
 * Offsets and bits are the manual's, written down again.
 */

import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { VIRT } from "../lib/guest-code.ts";
import { TEST_MS } from "../lib/limit.ts";
import { endAll } from "../lib/qemu.ts";
import { MODELS, type Model, Uart } from "./uart.ts";

setDefaultTimeout(TEST_MS);

const DR = 0x000;
const RSR = 0x004;
const FR = 0x018;
const ILPR = 0x020;
const IBRD = 0x024;
const FBRD = 0x028;
const LCR_H = 0x02c;
const CR = 0x030;
const IFLS = 0x034;
const IMSC = 0x038;
const RIS = 0x03c;
const MIS = 0x040;
const ICR = 0x044;
const DMACR = 0x048;
const ID = 0xfe0;

const FR_RXFE = 0x10;
const FR_RXFF = 0x40;
const FR_TXFE = 0x80;
const EMPTY = FR_TXFE | FR_RXFE;

const BRK = 0x01;
const FEN = 0x10;

const UARTEN = 0x001;
const LBE = 0x080;
const TXE = 0x100;
const RXE = 0x200;
const ENABLED = UARTEN | TXE | RXE;

const INT_RX = 0x010;
const INT_TX = 0x020;
const EVERY_INT = 0x7ff;

/** Outgoing lines: UARTINTR, UARTRXINTR, UARTTXINTR, UARTRTINTR, UARTMSINTR, UARTEINTR. */
const LINE = { all: 1, rx: 2, tx: 4, ms: 16 } as const;

const BREAK_ERROR = 0x400;

afterAll(endAll);

describe.each(Object.keys(MODELS) as Model[])("the PL011 in %s", (model) => {
  let uart: Uart;
  beforeAll(async () => {
    uart = await Uart.start(model);
  });
  beforeEach(() => uart.reset());

  const read = (offset: number) => uart.read(offset);
  const write = (offset: number, value: number) => uart.write(offset, value);

  /** Reads DR so many times. */
  async function characters(count: number): Promise<number[]> {
    const found = [];
    for (let i = 0; i < count; i++) {
      found.push(await read(DR));
    }
    return found;
  }

  async function putInLoopback(...values: number[]): Promise<void> {
    await write(CR, ENABLED | LBE);
    for (const value of values) {
      await write(DR, value);
    }
  }

  describe("registers", () => {
    const resetValues: [string, number, number][] = [
      ["RSR", RSR, 0],
      ["FR", FR, 0x90],
      ["ILPR", ILPR, 0],
      ["IBRD", IBRD, 0],
      ["FBRD", FBRD, 0],
      ["LCR_H", LCR_H, 0],
      ["CR", CR, 0x300],
      ["IFLS", IFLS, 0x12],
      ["IMSC", IMSC, 0],
      ["RIS", RIS, 0],
      ["MIS", MIS, 0],
      ["DMACR", DMACR, 0],
    ];

    test.each(resetValues)("%s is reset", async (_, offset, value) => {
      expect(await read(offset)).toBe(value);
      await write(offset, 0xffffffff);
      await uart.reset();
      expect(await read(offset)).toBe(value);
    });

    test.each([
      ["ILPR", ILPR, 0xffffffff],
      ["IBRD", IBRD, 0x0000ffff],
      ["FBRD", FBRD, 0x0000003f],
      ["LCR_H", LCR_H, 0xffffffff],
      ["CR", CR, 0xffffffff],
      ["IFLS", IFLS, 0xffffffff],
      ["IMSC", IMSC, 0xffffffff],
      ["DMACR", DMACR, 0xffffffff],
    ])("%s keeps what is written to it, as far as it has the bits", async (_, offset, bits) => {
      for (const value of [0xffffffff, 0x12345678, 0x87654321, 0]) {
        await write(offset, value);
        expect(await read(offset)).toBe((value & bits) >>> 0);
      }
    });

    test.each([
      ["FR", FR, 0x90],
      ["RSR", RSR, 0],
    ])("%s takes writes without a word", async (_, offset, value) => {
      await write(offset, 0xffffffff);
      expect([await read(offset), uart.log()]).toEqual([value, []]);
    });

    test("the identification is ARM's", async () => {
      const bytes = [];
      for (let offset = ID; offset < 0x1000; offset += 4) {
        bytes.push(await read(offset));
      }
      expect(bytes).toEqual([0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
    });

    test("DMA is not there, and the log says so", async () => {
      const line = "pl011: DMA not implemented";
      for (const [value, expected] of [
        [0, []],
        [1, [line]],
        [2, [line]],
        [3, [line]],
        [4, []],
        [0xfffffffc, []],
      ] as const) {
        await write(DMACR, value);
        expect(uart.log()).toEqual([...expected]);
      }
    });
  });

  describe("a bad access is logged, and harmless", () => {
    const readable = [DR, RSR, FR, ILPR, IBRD, FBRD, LCR_H, CR, IFLS, IMSC, RIS, MIS, DMACR];
    const writable = [DR, RSR, FR, ILPR, IBRD, FBRD, LCR_H, CR, IFLS, IMSC, ICR, DMACR];
    const words = Array.from({ length: 0x400 }, (_, word) => 4 * word);

    test("a read where no register can be read gives 0", async () => {
      const bad = words.filter((offset) => !readable.includes(offset) && offset < ID);
      for (const offset of bad) {
        expect(await read(offset)).toBe(0);
      }
      expect(uart.log()).toEqual(bad.map((offset) => `pl011_read: Bad offset 0x${offset.toString(16)}`));
    });

    test("a write where no register can be written does nothing", async () => {
      const before = await Promise.all([FR, RIS, MIS, ID].map(read));
      const bad = words.filter((offset) => !writable.includes(offset));
      for (const offset of bad) {
        await write(offset, 0xffffffff);
      }
      expect(uart.log()).toEqual(bad.map((offset) => `pl011_write: Bad offset 0x${offset.toString(16)}`));
      expect(await Promise.all([FR, RIS, MIS, ID].map(read))).toEqual(before);
    });
  });

  describe("any size of access", () => {
    const at = (offset: number) => VIRT.uart + offset;

    test("reaches the register around it with the value as it is", async () => {
      for (const byte of [0, 1, 2, 3]) {
        await uart.bus.writeb(at(CR + byte), 0x80 + byte);
        expect(await read(CR)).toBe(0x80 + byte);
      }
      await uart.bus.writew(at(CR + 2), 0x1234);
      expect(await read(CR)).toBe(0x1234);
      expect(await uart.bus.readw(at(CR))).toBe(0x1234);
      expect(await uart.bus.readw(at(CR + 2))).toBe(0x1234);
      expect(await uart.bus.readb(at(CR + 3))).toBe(0x34);
    });

    test("sends one character, whatever the size", async () => {
      await uart.bus.writeb(at(DR), 0x61);
      await uart.bus.writew(at(DR), 0x62);
      await uart.bus.writew(at(DR + 2), 0x63);
      await uart.bus.writeb(at(DR + 3), 0x64);
      await uart.waitFor("abcd");
      await uart.settle();
      expect(uart.unread).toBe("");
    });

    test("of 8 bytes is two accesses, the lower first", async () => {
      await uart.bus.writeq(at(ILPR), 0x00012345_89abcdefn);
      expect([await read(ILPR), await read(IBRD)]).toEqual([0x89abcdef, 0x2345]);
      expect(await uart.bus.readq(at(ILPR))).toBe(0x00002345_89abcdefn);
    });

    test("that is unaligned is made of bytes", async () => {
      await write(ILPR, 0x89abcdef);
      expect(await uart.bus.readw(at(ILPR + 1))).toBe(0xefef);
      await uart.bus.writew(at(ILPR + 1), 0x1234);
      expect(await read(ILPR)).toBe(0x12);
    });

    test("is logged with its own offset", async () => {
      await uart.bus.readb(at(ICR + 1));
      await uart.bus.writew(at(MIS + 2), 0);
      expect(uart.log()).toEqual(["pl011_read: Bad offset 0x45", "pl011_write: Bad offset 0x42"]);
    });
  });

  describe("a reset", () => {
    test("empties the receive FIFO but does not forget its characters", async () => {
      await write(LCR_H, FEN);
      await putInLoopback(0x41, 0x42);
      await uart.systemReset();
      expect([await read(FR), await read(RIS)]).toEqual([EMPTY, 0]);
      expect(await characters(2)).toEqual([0x41, 0x41]);
    });

    test("does not drive the interrupt lines", async () => {
      await write(IMSC, INT_TX);
      await write(DR, 0);
      expect(uart.lines).toBe(LINE.all | LINE.tx);
      await uart.systemReset();
      expect([await read(MIS), uart.lines]).toEqual([0, LINE.all | LINE.tx]);
      await write(IMSC, 0);
      expect(uart.lines).toBe(0);
    });
  });

  describe("receiving", () => {
    test("without the FIFO: one character fills it, the next waits outside", async () => {
      await uart.send("AB");
      expect([await read(FR), await read(RIS)]).toEqual([FR_TXFE | FR_RXFF, INT_RX]);
      expect(await read(DR)).toBe(0x41);
      await uart.settle();
      expect([await read(FR), await read(RIS)]).toEqual([FR_TXFE | FR_RXFF, INT_RX]);
      expect(await read(DR)).toBe(0x42);
      expect([await read(FR), await read(RIS)]).toEqual([EMPTY, 0]);
    });

    test("with the FIFO: 16 characters fill it, in order", async () => {
      await write(LCR_H, FEN);
      await uart.send("0123456789abcde");
      expect(await read(FR)).toBe(FR_TXFE);
      await uart.send("f");
      expect(await read(FR)).toBe(FR_TXFE | FR_RXFF);
      expect(await read(DR)).toBe(0x30);
      expect(await read(FR)).toBe(FR_TXFE);
      expect(String.fromCharCode(...(await characters(15)))).toBe("123456789abcdef");
      expect(await read(FR)).toBe(EMPTY);
    });

    test.each([
      ["with", FEN],
      ["without", 0],
    ])("%s the FIFO, a long text arrives whole", async (_, lcr) => {
      await write(LCR_H, lcr);
      const text = Array.from({ length: 100 }, (_, i) => String.fromCharCode(0x20 + (i % 95))).join("");
      await uart.send(text);
      let received = "";
      while (received.length < text.length) {
        if ((await read(FR)) & FR_RXFE) {
          await uart.settle();
        } else {
          received += String.fromCharCode(await read(DR));
        }
      }
      expect(received).toBe(text);
      await uart.settle();
      expect(await read(FR)).toBe(EMPTY);
    });

    test("characters have 8 bits and no sign", async () => {
      await write(LCR_H, FEN);
      await uart.send("\x00\x7f\x80\xff");
      expect(await characters(4)).toEqual([0x00, 0x7f, 0x80, 0xff]);
    });

    test.each([0, 0xffffffff])("the interrupt comes with the first character, IFLS %p", async (level) => {
      await write(LCR_H, FEN);
      await write(IFLS, level);
      await write(IMSC, INT_RX);
      expect(uart.lines).toBe(0);
      await uart.send("A");
      expect([await read(RIS), uart.lines]).toEqual([INT_RX, LINE.all | LINE.rx]);
    });

    test("the interrupt comes with the first character only", async () => {
      await write(LCR_H, FEN);
      await uart.send("A");
      await write(ICR, INT_RX);
      await uart.send("B");
      expect(await read(RIS)).toBe(0);
      await characters(2);
      await uart.send("C");
      expect(await read(RIS)).toBe(INT_RX);
    });

    test("the interrupt goes when the last character is read", async () => {
      await write(LCR_H, FEN);
      await write(IMSC, INT_RX);
      await uart.send("AB");
      await read(DR);
      expect([await read(RIS), uart.lines]).toEqual([INT_RX, LINE.all | LINE.rx]);
      await read(DR);
      expect([await read(RIS), uart.lines]).toEqual([0, 0]);
    });

    test("goes on when the UART is disabled", async () => {
      await write(CR, 0);
      await uart.send("A");
      expect(await read(DR)).toBe(0x41);
      expect(uart.log()).toEqual([]);
    });

    test("from an empty FIFO gives an old character", async () => {
      await uart.send("A");
      expect(await characters(3)).toEqual([0x41, 0x41, 0x41]);
      expect([await read(FR), await read(RIS)]).toEqual([EMPTY, 0]);
    });

    test("of a break: a character with an error, and no interrupt of its own", async () => {
      await write(LCR_H, FEN);
      await uart.sendBreak();
      await uart.send("A");
      expect([await read(RIS), await read(RSR)]).toEqual([INT_RX, 0]);
      expect([await read(DR), await read(RSR)]).toEqual([BREAK_ERROR, BREAK_ERROR >>> 8]);
      expect([await read(DR), await read(RSR)]).toEqual([0x41, 0]);
    });

    test("errors stay until the next character, or a write to ECR", async () => {
      await uart.sendBreak();
      await read(DR);
      expect([await read(RSR), await read(RSR)]).toEqual([4, 4]);
      await write(RSR, 0);
      expect(await read(RSR)).toBe(0);
    });

    test("a break overruns a full FIFO", async () => {
      await uart.send("A");
      await uart.sendBreak();
      expect(await read(FR)).toBe(FR_TXFE | FR_RXFF);
      expect(await characters(2)).toEqual([BREAK_ERROR, BREAK_ERROR]);
      expect([await read(FR), await read(RIS)]).toEqual([EMPTY, 0]);
    });
  });

  describe("sending", () => {
    test("takes the low 8 bits", async () => {
      await write(CR, ENABLED);
      for (const value of [0x48, 0xffffff69, 0x00, 0x1ff]) {
        await write(DR, value);
      }
      await uart.waitFor("Hi\x00\xff");
      expect(uart.log()).toEqual([]);
    });

    test("is done at once: the flags stay, the interrupt comes with each character", async () => {
      await write(IMSC, INT_TX);
      for (const _ of [1, 2]) {
        await write(DR, 0x41);
        expect([await read(FR), await read(RIS), uart.lines]).toEqual([EMPTY, INT_TX, LINE.all | LINE.tx]);
        await write(ICR, INT_TX);
        expect([await read(RIS), uart.lines]).toEqual([0, 0]);
      }
      await uart.waitFor("AA");
    });

    const disabled = "PL011 data written to disabled UART";
    const txDisabled = "PL011 data written to disabled TX UART";
    test.each<[string, number, string[]]>([
      ["enabled", UARTEN | TXE, []],
      ["off", TXE, [disabled]],
      ["without its transmitter", UARTEN, [txDisabled]],
      ["off and without its transmitter", 0, [disabled, txDisabled]],
    ])("of a UART that is %s goes on, with a word in the log if need be", async (_, cr, lines) => {
      await write(CR, cr);
      await write(DR, 0x2a);
      await uart.waitFor("*");
      expect(uart.log()).toEqual(lines);
    });

    test("leaves the receiver alone", async () => {
      await write(DR, 0x41);
      await uart.waitFor("A");
      await uart.settle();
      expect([await read(FR), await read(RIS)]).toEqual([EMPTY, INT_TX]);
    });
  });

  describe("LCR_H", () => {
    test.each([
      ["on", 0, FEN],
      ["off", FEN, 0],
    ])("turning the FIFO %s empties it and leaves the interrupts", async (_, before, after) => {
      await write(LCR_H, before);
      await uart.send("A");
      await write(LCR_H, after);
      expect([await read(FR), await read(RIS)]).toEqual([EMPTY, INT_RX]);
      await uart.send("B");
      expect(await read(DR)).toBe(0x42);
      expect(await read(RIS)).toBe(0);
    });

    test("leaving the FIFO as it is leaves what is in it", async () => {
      await write(LCR_H, FEN);
      await uart.send("AB");
      await write(LCR_H, 0xff & ~BRK);
      expect(await read(FR)).toBe(FR_TXFE);
      expect(await characters(2)).toEqual([0x41, 0x42]);
    });

    test("a break is received in loopback, once", async () => {
      await write(LCR_H, FEN);
      await write(CR, ENABLED | LBE);
      await write(LCR_H, FEN | BRK);
      await write(LCR_H, FEN | BRK);
      await write(LCR_H, FEN);
      expect([await read(FR), await read(RIS)]).toEqual([FR_TXFE, INT_RX]);
      expect([await read(DR), await read(RSR), await read(FR)]).toEqual([BREAK_ERROR, 4, EMPTY]);
    });

    test("a break is not received otherwise", async () => {
      await write(LCR_H, BRK);
      expect([await read(FR), await read(RIS)]).toEqual([EMPTY, 0]);
    });

    test("a break that comes with the FIFO finds the depth before it", async () => {
      await write(CR, ENABLED | LBE);
      await write(LCR_H, FEN | BRK);
      expect(await read(FR)).toBe(FR_TXFE | FR_RXFF);
      await write(LCR_H, BRK);
      await write(LCR_H, 0);
      await write(LCR_H, FEN);
      await write(LCR_H, BRK);
      expect(await read(FR)).toBe(FR_TXFE);
    });
  });

  describe("loopback", () => {
    test("receives what is sent, which goes out too", async () => {
      await write(LCR_H, FEN);
      await putInLoopback(0x68, 0x69);
      await uart.waitFor("hi");
      expect([await read(FR), await read(RIS)]).toEqual([FR_TXFE, INT_RX | INT_TX]);
      expect(await characters(2)).toEqual([0x68, 0x69]);
    });

    test("has characters of 8 bits: no error comes back", async () => {
      await putInLoopback(0xffffff41);
      expect([await read(DR), await read(RSR)]).toEqual([0x41, 0]);
    });

    test("cuts the line off", async () => {
      await write(CR, ENABLED | LBE);
      await uart.send("lost".repeat(25));
      await uart.sendBreak();
      expect([await read(FR), await read(RIS)]).toEqual([EMPTY, 0]);
      await write(CR, ENABLED);
      await uart.send("A");
      expect(await read(DR)).toBe(0x41);
    });

    test("overwrites the oldest character of a full FIFO, and counts on", async () => {
      await write(LCR_H, FEN);
      const text = Array.from({ length: 17 }, (_, i) => 0x61 + i);
      await putInLoopback(...text);
      expect([await read(FR), await read(RIS)]).toEqual([FR_TXFE | FR_RXFF, INT_RX | INT_TX]);
      const last = 0x61 + 16;
      expect(await read(DR)).toBe(last);
      expect(await read(FR)).toBe(FR_TXFE);
      expect(await characters(16)).toEqual([...text.slice(1, 16), last]);
      expect([await read(FR), await read(RIS)]).toEqual([EMPTY, INT_TX]);
    });

    test("flags a full FIFO when it becomes full, not while it is more than that", async () => {
      await write(LCR_H, FEN);
      await putInLoopback(...Array.from({ length: 17 }, () => 0x61));
      await read(DR);
      await write(DR, 0x62);
      expect(await read(FR)).toBe(FR_TXFE);
      await characters(2);
      await write(DR, 0x63);
      expect(await read(FR)).toBe(FR_TXFE | FR_RXFF);
    });

    test("overwrites the only character without the FIFO, and counts on", async () => {
      await putInLoopback(0x61, 0x62, 0x63);
      expect(await read(FR)).toBe(FR_TXFE | FR_RXFF);
      expect(await read(DR)).toBe(0x63);
      expect([await read(FR), await read(RIS)]).toEqual([FR_TXFE, INT_RX | INT_TX]);
      expect(await characters(2)).toEqual([0x63, 0x63]);
      expect([await read(FR), await read(RIS)]).toEqual([EMPTY, INT_TX]);
    });

    test("of more than there is room for does not let the line in until there is", async () => {
      await putInLoopback(0x61, 0x62);
      await write(CR, ENABLED);
      await uart.send("A");
      expect(await characters(2)).toEqual([0x62, 0x62]);
      await uart.settle();
      expect(await read(DR)).toBe(0x41);
    });

    /** Output in CR, its input in FR, the input's interrupt. */
    const modem: [string, number, number, number][] = [
      ["Out2 to RI", 0x2000, 0x100, 0x001],
      ["Out1 to DCD", 0x1000, 0x004, 0x004],
      ["RTS to CTS", 0x0800, 0x001, 0x002],
      ["DTR to DSR", 0x0400, 0x002, 0x008],
    ];

    test.each(modem)("connects %s", async (_, output, input, interrupt) => {
      await write(IMSC, interrupt);
      await write(CR, LBE | output);
      expect([await read(FR), await read(RIS), uart.lines]).toEqual([
        EMPTY | input,
        interrupt,
        LINE.all | LINE.ms,
      ]);
      await write(CR, LBE);
      expect([await read(FR), await read(RIS), uart.lines]).toEqual([EMPTY, 0, 0]);
    });

    test("connects all of them at once, each on its own", async () => {
      for (let choice = 0; choice < 16; choice++) {
        const chosen = modem.filter((_, i) => choice & (1 << i));
        const sum = (column: 1 | 2 | 3) => chosen.reduce((bits, row) => bits | row[column], 0);
        await write(CR, LBE | sum(1));
        expect([await read(FR), await read(RIS)]).toEqual([EMPTY | sum(2), sum(3)]);
      }
    });

    test("starts with what is set already, and its end leaves the inputs", async () => {
      await write(CR, 0x2800);
      expect([await read(FR), await read(RIS)]).toEqual([EMPTY, 0]);
      await write(CR, 0x2800 | LBE);
      expect([await read(FR), await read(RIS)]).toEqual([EMPTY | 0x101, 0x003]);
      await write(CR, 0);
      expect([await read(FR), await read(RIS)]).toEqual([EMPTY | 0x101, 0x003]);
    });

    test("raises a modem interrupt again that was cleared, at the next write to CR", async () => {
      await write(CR, 0x2000 | LBE);
      await write(ICR, 0x001);
      expect(await read(RIS)).toBe(0);
      await write(CR, 0x2000 | LBE);
      expect(await read(RIS)).toBe(0x001);
    });
  });

  describe("interrupts", () => {
    /** Raises RI, CTS, DCD, DSR, RX and TX: all that the model knows. */
    const raiseAll = async () => {
      await putInLoopback(0x41);
      await write(CR, ENABLED | LBE | 0x3c00);
    };
    const raised = 0x03f;

    test("are seen through the mask in MIS and on the lines", async () => {
      await raiseAll();
      expect([await read(RIS), await read(MIS), uart.lines]).toEqual([raised, 0, 0]);
      for (let bit = 0; bit < 32; bit++) {
        const mask = 2 ** bit;
        await write(IMSC, mask);
        const own = bit < 4 ? LINE.ms : bit === 4 ? LINE.rx : LINE.tx;
        expect([bit, await read(MIS), uart.lines]).toEqual([
          bit,
          mask & raised,
          mask & raised ? LINE.all | own : 0,
        ]);
      }
      await write(IMSC, 0xffffffff);
      expect([await read(MIS), uart.lines]).toEqual([raised, LINE.all | LINE.rx | LINE.tx | LINE.ms]);
    });

    test("are cleared bit by bit", async () => {
      await raiseAll();
      await write(IMSC, EVERY_INT);
      await write(ICR, 0);
      expect(await read(RIS)).toBe(raised);
      let left = raised;
      for (const bit of [0x020, 0x010, 0x001, 0x008, 0x002, 0x004]) {
        await write(ICR, (bit | 0xfffff800) >>> 0);
        left &= ~bit;
        expect(await read(RIS)).toBe(left);
      }
      expect(uart.lines).toBe(0);
    });

    test("that are raised again while they are up change nothing", async () => {
      await write(IMSC, INT_TX);
      await write(DR, 0);
      await write(DR, 0);
      expect([await read(MIS), uart.lines]).toEqual([INT_TX, LINE.all | LINE.tx]);
    });
  });
});

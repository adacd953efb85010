/**
 * Loopback and interrupts of the PL011, against its manual (ARM DDI 0183G) and against QEMU's model in C: what is said here must be true of both.
 */

import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { TEST_MS } from "../lib/limit.ts";
import { endAll } from "../lib/qemu.ts";
import {
  CR,
  DR,
  EMPTY,
  ENABLED,
  EVERY_INT,
  FEN,
  FR,
  FR_RXFF,
  FR_TXFE,
  ICR,
  IMSC,
  INT_RX,
  INT_TX,
  LBE,
  LCR_H,
  LINE,
  MIS,
  RIS,
  RSR,
} from "./manual.ts";
import { MODELS, type Model, Uart } from "./uart.ts";

setDefaultTimeout(TEST_MS);
afterAll(endAll);

describe.each(Object.keys(MODELS) as Model[])("the PL011 in %s", (model) => {
  let uart: Uart;
  beforeAll(async () => {
    uart = await Uart.start(model);
  });
  beforeEach(() => uart.reset());

  const read = (offset: number) => uart.read(offset);
  const write = (offset: number, value: number) => uart.write(offset, value);
  const characters = (count: number) => uart.characters(count);
  const putInLoopback = (...values: number[]) => uart.putInLoopback(...values);

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

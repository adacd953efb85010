/**
 * The registers of the PL011, against its manual (ARM DDI 0183G) and against QEMU's model in C: what is said here must be true of both.
 */

import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { VIRT } from "../lib/guest-code.ts";
import { TEST_MS } from "../lib/limit.ts";
import { endAll } from "../lib/qemu.ts";
import {
  CR,
  DMACR,
  DR,
  EMPTY,
  FBRD,
  FEN,
  FR,
  IBRD,
  ICR,
  ID,
  IFLS,
  ILPR,
  IMSC,
  INT_TX,
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
});

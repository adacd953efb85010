/**
 * The serial line of the PL011, against its manual (ARM DDI 0183G) and against QEMU's model in C: what is said here must be true of both.
 */

import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { VIRT } from "../lib/guest-code.ts";
import { TEST_MS } from "../lib/limit.ts";
import { endAll, HEADLESS, Qemu } from "../lib/qemu.ts";
import {
  BREAK_ERROR,
  BRK,
  CR,
  DR,
  EMPTY,
  ENABLED,
  FEN,
  FR,
  FR_RXFE,
  FR_RXFF,
  FR_TXFE,
  ICR,
  IFLS,
  IMSC,
  INT_RX,
  INT_TX,
  LBE,
  LCR_H,
  LINE,
  RIS,
  RSR,
  TXE,
  UARTEN,
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

  test("without a serial line, works all the same: nothing goes out, nothing comes in", async () => {
    const board = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];
    const { qtest } = await Qemu.start({ args: [...board, ...MODELS[model].args], qtest: true });
    const at = (offset: number) => VIRT.uart + offset;
    await qtest.writel(at(CR), ENABLED);
    await qtest.writel(at(LCR_H), FEN | BRK);
    for (const character of [0x41, 0x42]) {
      await qtest.writel(at(DR), character);
    }
    expect([await qtest.readl(at(FR)), await qtest.readl(at(RIS))]).toEqual([EMPTY, INT_TX]);
    await qtest.writel(at(CR), ENABLED | LBE);
    await qtest.writel(at(DR), 0x43);
    expect([await qtest.readl(at(DR)), await qtest.readl(at(FR))]).toEqual([0x43, EMPTY]);
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
});

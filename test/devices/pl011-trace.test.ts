/**
 * Trace events of the PL011: the script's are those of QEMU's model in C, in its words and in its order. Here each is
 * seen once; the fuzzer compares those of random operations.
 */

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { TEST_MS } from "../lib/limit.ts";
import { endAll } from "../lib/qemu.ts";
import { BRK, CR, DMACR, DR, ENABLED, EVERY_INT, FBRD, FEN, IBRD, ICR, IMSC, LBE, LCR_H } from "./manual.ts";
import { type Model, Uart } from "./uart.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

/** hw/char/trace-events of QEMU's. */
const EVENTS = [
  "irq_state",
  "read",
  "read_fifo",
  "write",
  "fifo_rx_put",
  "fifo_rx_full",
  "baudrate_change",
  "receive",
];
/** Comes when QEMU's main loop asks for room in C; when the room is known again in the script. */
const POLLED = "pl011_can_receive ";

async function traced(model: Model, drive: (uart: Uart) => Promise<void>): Promise<string[]> {
  const uart = await Uart.start(model, ["-trace", "pl011_*"]);
  await uart.reset();
  await drive(uart);
  // A test waits for input by reads of FR.
  return uart.log().filter((line) => !line.startsWith(POLLED) && !line.endsWith("reg FR"));
}

async function everything(uart: Uart): Promise<void> {
  for (const divisor of [0, 1, 0x1ffff]) {
    await uart.write(IBRD, divisor);
    await uart.write(FBRD, 0xff);
  }
  await uart.write(IMSC, EVERY_INT);
  await uart.write(DMACR, 1);
  await uart.write(DR, 0xfffff00d);
  await uart.write(CR, ENABLED);
  await uart.write(LCR_H, FEN);
  await uart.send("A");
  await uart.send("0123456789abcde");
  await uart.sendBreak();
  await uart.characters(18);
  await uart.write(LCR_H, 0);
  await uart.send("A");
  await uart.write(CR, ENABLED | LBE | 0x3c00);
  await uart.write(LCR_H, BRK);
  await uart.write(DR, 0x80);
  await uart.write(ICR, 0xffffffff);
  await uart.characters(4);
  await uart.send("lost");
  await uart.sendBreak();
}

test("trace events tell everything that C's tell", async () => {
  const [ours, theirs] = await Promise.all([traced("TypeScript", everything), traced("C", everything)]);
  for (const event of EVENTS) {
    expect(theirs.filter((line) => line.startsWith(`pl011_${event} `))).not.toBeEmpty();
  }
  expect(ours).toEqual(theirs);
});

test("trace events name the register of every word, or say that there is none", async () => {
  const all = async (uart: Uart) => {
    for (let offset = 0; offset < 0x1000; offset += 4) {
      await uart.write(offset, offset);
      await uart.read(offset);
    }
    await uart.bus.writeb(0x0900_0031, 0xff);
    await uart.bus.readw(0x0900_0042);
  };
  const [ours, theirs] = await Promise.all([traced("TypeScript", all), traced("C", all)]);
  expect(theirs).toContain("pl011_read addr 0x004 value 0x00000000 reg RSR");
  expect(theirs).toContain("pl011_write addr 0xffc value 0x00000ffc reg ID");
  expect(ours).toEqual(theirs);
});

test("the room for characters is told, also when it is less than none", async () => {
  const rooms = async (model: Model) => {
    const uart = await Uart.start(model, ["-trace", POLLED.trim()]);
    const last = async () => {
      await uart.settle();
      return uart.log().at(-1);
    };
    const found = [];
    await uart.write(LCR_H, FEN);
    found.push(await last());
    await uart.send("abc");
    found.push(await last());
    await uart.putInLoopback(...Array.from({ length: 15 }, () => 0x61));
    found.push(await last());
    return found;
  };
  const [ours, theirs] = await Promise.all([rooms("TypeScript"), rooms("C")]);
  expect(theirs).toEqual([
    "pl011_can_receive LCR 0x10, RX FIFO used 0/16, can_receive 16 chars",
    "pl011_can_receive LCR 0x10, RX FIFO used 3/16, can_receive 13 chars",
    "pl011_can_receive LCR 0x10, RX FIFO used 18/16, can_receive 4294967294 chars",
  ]);
  expect(ours).toEqual(theirs);
});

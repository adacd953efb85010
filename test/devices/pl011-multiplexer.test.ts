/** Two PL011 behind one multiplexer, which keeps what neither has room for; C and TypeScript alike. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { VIRT } from "../lib/guest-code.ts";
import { TEST_MS } from "../lib/limit.ts";
import { Line } from "../lib/line.ts";
import { endAll, folder, HEADLESS, Qemu } from "../lib/qemu.ts";
import { DR, FR, FR_RXFE } from "./manual.ts";
import { MODELS, type Model } from "./uart.ts";

setDefaultTimeout(TEST_MS);

let qemu: Qemu;
let line: Line;

afterEach(async () => {
  await endAll();
  await line.finish();
});

const FIRST = VIRT.uart;
const SECOND = VIRT.uart + 0x40000;
/** To whom the input goes changes. */
const NEXT = "\x01c";

async function start(model: Model): Promise<void> {
  const path = join(folder(), "line");
  line = await Line.listen(path, "line");
  const chardev = ["-chardev", `socket,id=both,path=${path},mux=on`];
  const uarts = ["-serial", "chardev:both", "-serial", "chardev:both"];
  const board = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];
  qemu = await Qemu.start({ args: [...board, ...MODELS[model].args, ...chardev, ...uarts], qtest: true });
  await line.connected;
}

/** Lets QEMU take what it will take: an access makes an iteration of its main loop. */
async function settle(): Promise<void> {
  for (let i = 0; i < 100; i++) {
    await qemu.qtest.readl(FIRST + FR);
  }
}

/** Sends, and waits until QEMU took what it will take. */
async function send(text: string): Promise<void> {
  await line.write(text);
  await settle();
}

/** What a UART has, and what comes after it when that is read. */
async function drain(uart: number): Promise<string> {
  let text = "";
  while (((await qemu.qtest.readl(uart + FR)) & FR_RXFE) === 0) {
    text += String.fromCharCode(await qemu.qtest.readl(uart + DR));
    await settle();
  }
  return text;
}

describe.each(Object.keys(MODELS) as Model[])("two PL011 in %s", (model) => {
  test("one that is turned to again gets what was kept for it", async () => {
    await start(model);
    // The one that was made last has the input. Without its FIFO it takes one character.
    await send("abcd");
    expect(await qemu.qtest.readl(FIRST + DR)).toBe(0x61);
    await settle();
    await send(`${NEXT}xyz`);
    // What was kept is the first one's, and stays where it is.
    expect(await qemu.qtest.readl(FIRST + DR)).toBe(0x62);
    await settle();
    expect((await qemu.qtest.readl(FIRST + FR)) & FR_RXFE).toBe(FR_RXFE);
    expect(await qemu.qtest.readl(SECOND + DR)).toBe(0x78);
    await settle();
    // In C a read of its data gives it what was kept; with a script it has that when it is turned to.
    await send(NEXT);
    const soon = await drain(FIRST);
    await qemu.qtest.readl(FIRST + DR);
    expect(soon + (await drain(FIRST))).toBe("cd");
    await send(NEXT);
    expect(await drain(SECOND)).toBe("yz");
  });
});

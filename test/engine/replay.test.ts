/** Recording a guest with a scripted device. Replaying one comes with a later issue. */

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { bareMetal, guest } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { PL011 } from "../lib/program.ts";
import { endAll, folder, Qemu } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const start = (mode: "record", file: string) =>
  Qemu.start({
    args: [
      ...bareMetal(guest("echo", { FIFO: 1, CPU: 0 })),
      "-icount",
      `shift=7,rr=${mode},rrfile=${file}`,
      "-device",
      `script,path=${PL011},chardev=line`,
    ],
    lines: ["console", "line"],
  });

const LINES = ["first", "second", "third"];

async function record(file: string): Promise<void> {
  const qemu = await start("record", file);
  const line = qemu.line("line");
  await qemu.line("console").text.waitFor("echoing\n", SOON_MS);
  for (const text of LINES) {
    // The guest is busy when the key comes.
    await line.write(`${text}\n`);
    await line.text.waitFor(`${text}\n`, SOON_MS);
  }
  expect(await qemu.quit()).toEqual({ status: 0, signal: null });
}

test("a recorded guest takes input while it is busy", async () => {
  await record(join(folder(), "log"));
});

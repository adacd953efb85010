/** U-Boot, which polls, on the PL011 in TypeScript and on QEMU's own. */

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { SOON_MS, START_MS, TEST_MS } from "../lib/limit.ts";
import { endAll, type Qemu } from "../lib/qemu.ts";
import { random } from "../lib/random.ts";
import { sendFile } from "../lib/ymodem.ts";
import { Twins } from "./guests.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const PROMPT = "\n=> ";
/** RAM that nobody uses. */
const ADDRESS = "40200000";
const SIZE = 256 * 1024;
/** A block of a file, on a loaded machine. */
const BLOCK_MS = 20_000;

/** Types a command. @returns what U-Boot printed for it */
async function command(qemu: Qemu, text: string): Promise<string> {
  const console = qemu.line("console");
  await console.write(`${text}\r`);
  const { input, index } = await console.text.waitFor(PROMPT, SOON_MS);
  return input.slice(0, index).replaceAll("\r", "");
}

/** Stops it before it boots something. @returns all it printed before it counted seconds */
async function prompt(qemu: Qemu): Promise<string> {
  const console = qemu.line("console");
  const { input, index } = await console.text.waitFor("Hit any key to stop autoboot", START_MS);
  await console.write("\r");
  await console.text.waitFor(PROMPT, START_MS);
  return input.slice(0, index);
}

test("U-Boot takes 256 KiB by YMODEM, and has their CRC", async () => {
  const seed = Date.now() >>> 0;
  const next = random(seed);
  const file = Uint8Array.from({ length: SIZE }, () => next(256));
  const crc = Bun.hash.crc32(file).toString(16).padStart(8, "0");
  const twins = await Twins.boot("u-boot", ["console"]);
  await twins.alike(prompt);
  const said = await twins.alike(async (qemu) => {
    const console = qemu.line("console");
    await console.write(`loady ${ADDRESS}\r`);
    await console.text.waitFor("bps...", SOON_MS);
    await sendFile(console, "file", file, BLOCK_MS);
    const { input, index } = await console.text.waitFor(PROMPT, SOON_MS);
    return {
      // How often it asked before the transfer began is a matter of time.
      loaded: input.slice(0, index).replace(/\d+ retries/, "some retries"),
      size: await command(qemu, "printenv filesize"),
      crc: await command(qemu, `crc32 ${ADDRESS} ${SIZE.toString(16)}`),
    };
  });
  expect(said.loaded).toContain(`## Total Size      = 0x000${SIZE.toString(16)} = ${SIZE} Bytes`);
  expect(said.size).toBe(`printenv filesize\nfilesize=${SIZE.toString(16)}`);
  expect(said.crc, `seed ${seed}`).toEndWith(`==> ${crc}`);
});

test("U-Boot's line editing, and a text that fills the screen", async () => {
  const twins = await Twins.boot("u-boot", ["console"]);
  await twins.alike(prompt);
  // Backspace, to the start and back to the end, the command before, Ctrl-U.
  const edited = await twins.alike((qemu) => command(qemu, "echp\x08o wo\x01\x05rld"));
  expect(edited).toEndWith("\nworld");
  expect(await twins.alike((qemu) => command(qemu, "nonsense\x15echo \x1b[A"))).toEndWith("\nworld");
  expect(await twins.alike((qemu) => command(qemu, "help"))).toContain("\nloady     - load binary file");
  const memory = await twins.alike((qemu) => command(qemu, `mw ${ADDRESS} 12345678 400; md ${ADDRESS} 400`));
  expect(memory.split("\n")).toHaveLength(257);
});

/** EDK2's firmware, to its shell, on the PL011 in TypeScript and on QEMU's own. */

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { TEST_MS } from "../lib/limit.ts";
import { endAll, type Qemu } from "../lib/qemu.ts";
import { Twins } from "./guests.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const PROMPT = "Shell> ";
const BOOT_MS = 60_000;
const COMMAND_MS = 20_000;

/** `Press ESC in 5 seconds ...`, once a second. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it comes with escape sequences
const COUNTDOWN = /\x1b\[\d+;01HPress .*?to continue\./g;

/** Types keys, which the shell echoes with escape sequences. @returns what came after the last, without them */
async function command(qemu: Qemu, keys: string): Promise<string> {
  const console = qemu.line("console");
  await console.write(keys);
  const { input, index } = await console.text.waitFor(PROMPT, COMMAND_MS);
  const text = input.slice(0, index);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.slice(text.indexOf("\r\n") + 2).replace(/\x1b\[[\d;=]*[A-Za-z]|\r/g, "");
}

test("EDK2 boots to its shell, takes keys, and switches the machine off", async () => {
  const twins = await Twins.boot("edk2", ["console"]);
  const start = await twins.alike(async (qemu) => {
    const console = qemu.line("console");
    await console.text.waitFor("any other key to continue.", BOOT_MS);
    await console.write("\x1b");
    await console.text.waitFor(PROMPT, COMMAND_MS);
    const { all } = console.text;
    return all.slice(0, all.indexOf(PROMPT)).replace(COUNTDOWN, "");
  });
  expect(start).toContain("UEFI Interactive Shell v2.2\r\n");

  const typed = (keys: string) => twins.alike((qemu) => command(qemu, keys));
  expect(await typed("ver\r")).toBe(
    "UEFI Interactive Shell v2.2\nEDK II\nUEFI v2.70 (Debian distribution of EDK II, 0x00010000)\n",
  );
  expect(await typed("echo wrold\x08\x08\x08\x08orld\r")).toBe("world\n");
  // The line before, changed in its middle.
  expect(await typed("\x1b[A\x1b[D\x1b[D\x1b[D\x1b[D\x1b[Dwhole \r")).toBe("whole world\n");
  expect((await typed("memmap\r")).split("\n").length).toBeGreaterThan(40);
  expect(await typed("help\r")).toContain("\nver ");

  const ends = await twins.alike(async (qemu) => {
    await qemu.line("console").write("reset -s\r");
    return await qemu.waitForExit(COMMAND_MS);
  });
  expect(ends).toEqual({ status: 0, signal: null });
});

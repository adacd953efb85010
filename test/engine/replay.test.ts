/** Record and replay of guests with scripted devices (docs/system/replay.rst). */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { bareMetal, guest } from "../lib/guest-code.ts";
import { SOON_MS, START_MS, TEST_MS } from "../lib/limit.ts";
import { PL011, paths } from "../lib/program.ts";
import { endAll, folder, Qemu, script } from "../lib/qemu.ts";
import { anew, reload } from "../lib/reload.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

type Mode = "record" | "replay";

const icount = (mode: Mode, log: string) => ["-icount", `shift=5,rr=${mode},rrfile=${log}`];

test("a recorded guest takes input while it is busy", async () => {
  const qemu = await Qemu.start({
    args: [
      ...bareMetal(guest("echo", { FIFO: 1, CPU: 0 })),
      ...icount("record", join(folder(), "log")),
      ...["-device", `script,path=${PL011},chardev=line`],
    ],
    lines: ["console", "line"],
  });
  const line = qemu.line("line");
  await qemu.line("console").text.waitFor("echoing\n", SOON_MS);
  for (const text of ["first", "second", "third"]) {
    // The guest is busy when the key comes.
    await line.write(`${text}\n`);
    await line.text.waitFor(`${text}\n`, SOON_MS);
  }
  expect(await qemu.quit()).toEqual({ status: 0, signal: null });
});

describe("a boot that was recorded with the PL011 in TypeScript", () => {
  const boot = (mode: Mode, log: string): Promise<Qemu> =>
    Qemu.start({
      args: [
        ...["-M", "virt", "-cpu", "cortex-a57", "-nic", "none", "-display", "none", "-monitor", "none"],
        // What comes by -chardev is not recorded.
        ...["-serial", "stdio", "-bios", paths.guests["u-boot"].firmware],
        ...["-script", `path=${PL011},replaces=pl011`, ...icount(mode, log)],
      ],
    });

  test("replays to the same output, input included", async () => {
    const log = join(folder(), "log");
    const recorded = await boot("record", log);
    // While it records, QEMU's backends do not wait for room: the next key comes when the one before is echoed.
    const type = async (command: string, answer: string) => {
      await recorded.stdout.waitFor("=> ", START_MS);
      for (const key of command) {
        await recorded.type(key);
        await recorded.stdout.waitFor(key, SOON_MS);
      }
      await recorded.type("\r");
      await recorded.stdout.waitFor(answer, SOON_MS);
    };
    await recorded.stdout.waitFor("autoboot", START_MS);
    await recorded.type(" ");
    await type("version", "U-Boot ");
    await type("md.b 40000000 10", "40000000: d0 0d fe ed");
    await type("md.l 09000fe0 8", "09000fe0: 00000011 00000010 00000014 00000000");
    expect(await recorded.quit()).toEqual({ status: 0, signal: null });
    const replayed = await boot("replay", log);
    expect(await replayed.waitForExit(START_MS)).toEqual({ status: 0, signal: null });
    expect(replayed.stdout.all).toBe(recorded.stdout.all);
    expect(replayed.stderr.all).toBe("");
  });
});

describe("with record/replay", () => {
  const start = (path: string, args: readonly string[] = []) =>
    Qemu.start({
      args: [
        ...bareMetal(guest("echo", { FIFO: 1, CPU: 0 })),
        ...["-device", `script,path=${path},watch=on`, ...icount("record", join(folder(), "log")), ...args],
      ],
      lines: ["console"],
    });

  test("a script is not loaded anew, neither by command nor because it changed", async () => {
    const path = script(anew(1));
    const qemu = await start(path);
    const message = `${path}: not with record/replay: the log does not say when code changes`;
    expect(reload(qemu, path)).rejects.toThrow(message);
    expect((await qemu.qmp.waitForEvent("SCRIPT_ERROR")).data).toEqual({ path, message });
    writeFileSync(path, anew(2));
    expect((await qemu.qmp.waitForEvent("SCRIPT_ERROR")).data).toEqual({ path, message });
    await qemu.stderr.waitFor(message, SOON_MS);
  });

  test("a handler cannot be asynchronous", async () => {
    const path = script(
      anew(1, { members: "async write() {} ", registers: 'CR: { at: 0x30, write: "write" },' }),
    );
    const qemu = await start(path);
    await qemu.stderr.waitFor("a handler cannot be asynchronous with record/replay", SOON_MS);
    await qemu.line("console").text.waitFor("echoing", SOON_MS);
  });
});

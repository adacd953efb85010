/**
 * Live migration between QEMU's PL011 and the script, while the guest sends and with input in the FIFO: of what was on
 * its way, nothing is lost and nothing comes twice.
 */

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { bareMetal, guest } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { endAll, folder, Qemu } from "../lib/qemu.ts";
import { arrival, migrate, saveDevices } from "../lib/stream.ts";
import type { Text } from "../lib/text.ts";
import { MODELS, type Model } from "./uart.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

interface Machine {
  readonly smp: number;
  /** Which of the CPUs uses the UART. */
  readonly cpu: number;
  readonly accel: string;
}

const MULTI = "tcg,thread=multi";
const SINGLE = "tcg,thread=single";

/** A machine that runs the guest counted.S, or waits for it to come. */
function start(model: Model, { smp, cpu, accel }: Machine, uri?: string): Promise<Qemu> {
  const image = guest("counted", { CPU: cpu, CPUS: smp });
  const incoming = uri === undefined ? [] : ["-incoming", uri];
  const args = [...bareMetal(image, { smp, accel }), ...MODELS[model].args, ...incoming];
  return Qemu.start({ args, lines: ["console"] });
}

const output = (qemu: Qemu): Text => qemu.line("console").text;

/** The guest sends. */
const sends = (qemu: Qemu) => output(qemu).waitFor(/\n[0-9a-f]{16}\n/, SOON_MS);

const socket = () => `unix:${join(folder(), "socket")}`;

/** Of all that was sent, whichever machine sent it, the lines that are no numbers; the numbers must all be there. */
async function check(...machines: readonly Qemu[]): Promise<string[]> {
  const texts = await Promise.all(machines.map((qemu) => output(qemu).complete));
  const lines = texts.join("").split("\n").slice(0, -1);
  const numbers = lines.filter((line) => /^[0-9a-f]/.test(line));
  const wrong = numbers.findIndex((line, index) => line !== index.toString(16).padStart(16, "0"));
  expect(wrong < 0 ? [] : numbers.slice(Math.max(wrong - 1, 0), wrong + 2)).toEqual([]);
  return lines.filter((line) => !numbers.includes(line));
}

test.each([
  { models: ["C", "TypeScript", "C"], smp: 1, cpu: 0, accel: MULTI },
  { models: ["C", "TypeScript", "C"], smp: 2, cpu: 0, accel: MULTI },
  { models: ["C", "TypeScript", "C"], smp: 2, cpu: 1, accel: MULTI },
  { models: ["TypeScript", "C", "TypeScript"], smp: 2, cpu: 1, accel: SINGLE },
] as const)(
  "from $models.0 to $models.1 to $models.2, CPU $cpu of $smp, $accel",
  async ({ models, ...machine }) => {
    const machines = [await start(models[0], machine)];
    for (const model of models.slice(1)) {
      const from = machines.at(-1)!;
      await sends(from);
      await from.line("console").write("0123456789");
      await output(from).waitFor("+\n", SOON_MS);
      const uri = socket();
      const to = await start(model, machine, uri);
      await migrate(from, uri);
      await from.quit();
      await arrival(to);
      await to.line("console").write("abcdef");
      await output(to).waitFor(">0123456789abcdef\n", SOON_MS);
      machines.push(to);
    }
    await sends(machines.at(-1)!);
    await machines.at(-1)!.quit();
    expect(await check(...machines)).toEqual(["+", ">0123456789abcdef", "+", ">0123456789abcdef"]);
  },
);

/** Waits until the guest is where it was for some time: it may wait for its UART. @returns where that is */
async function stalled({ qmp }: Qemu): Promise<string> {
  let place = "";
  for (let times = 0; times < 20; ) {
    const now = /X21=\w+/.exec(await qmp.human("info registers"))![0];
    times = now === place ? times + 1 : 0;
    place = now;
  }
  return place;
}

/** Stops the machine while its UART has output that the other side does not take: it cannot be saved then. */
async function stopBlocked(qemu: Qemu): Promise<void> {
  let place = "";
  for (let times = 0; times < 10; ) {
    await qemu.qmp.execute("cont");
    const now = await stalled(qemu);
    await qemu.qmp.execute("stop");
    const refused = await saveDevices(qemu).catch(() => true);
    if (refused === true) {
      return;
    }
    times = now === place ? times + 1 : 0;
    place = now;
  }
  throw new Error("the machine can be saved, although its UART has output still");
}

// QEMU's own model would keep the monitor waiting, and with it the migration.
test("what the other side has not taken yet is no part of the machine: it does not migrate before", async () => {
  const machine = { smp: 1, cpu: 0, accel: MULTI };
  const from = await start("TypeScript", machine);
  await sends(from);
  from.line("console").pause();
  await stopBlocked(from);
  const uri = socket();
  const refused = await start("C", machine, uri);
  await expect(migrate(from, uri)).rejects.toThrow("migration failed: pre-save failed: pl011");
  expect(from.stderr.all).toContain("pl011-ts: the other side does not take its output\n");
  await refused.kill();

  const to = await start("C", machine, uri);
  from.line("console").resume();
  await migrate(from, uri);
  await from.quit();
  await to.qmp.execute("cont");
  await sends(to);
  await to.quit();
  expect(await check(from, to)).toEqual([]);
});

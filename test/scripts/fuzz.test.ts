/** npm run fuzz as a command, and the parts of it that need no QEMU. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { access, command, pieces } from "../lib/fuzz/operation.ts";
import type { Found } from "../lib/fuzz/run.ts";
import { shrink } from "../lib/fuzz/shrink.ts";
import { read, tell } from "../lib/fuzz/story.ts";
import { PL011 as TWIN } from "../lib/fuzz/twins/pl011.ts";
import { TEST_MS } from "../lib/limit.ts";
import { PL011, PROGRAM, paths } from "../lib/program.ts";
import { endAll, script } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const SITE = { path: "/machine/x", spaces: { "": 0x900_0000, ram: 0x4000_0000 } };

describe("operations", () => {
  test.each([
    ["readb 0x30", "readb 150994992"],
    ["writeq ram+0x8 0xffffffffffffffff", "writeq 1073741832 0xffffffffffffffff"],
    ["dump 0x18 0x34", "read 150994968 0x34"],
    ["pin 3 1", "set_irq_in /machine/x unnamed-gpio-in 3 1"],
    ["clock 1000", "clock_step 1000"],
  ])("%s is %s", (operation, wanted) => {
    expect(command(operation, SITE)).toBe(wanted);
  });

  test.each([
    ["readl here", '"here" is no number'],
    ["writel 0x0", '"" is no number'],
    ["readl rom+0x0", 'there is no place "rom+0x0"; spaces: , ram'],
  ])("%s is refused", (operation, message) => {
    expect(() => command(operation, SITE)).toThrow(message);
  });

  test("an access comes in aligned pieces of 4 bytes at most", () => {
    const of = (offset: number, size: number) => [...pieces(offset, size)].map((p) => [p.offset, p.size]);
    expect(of(0x2c, 4)).toEqual([[0x2c, 4]]);
    expect(of(0x2e, 4)).toEqual([
      [0x2e, 2],
      [0x30, 2],
    ]);
    expect(of(0x2d, 4)).toEqual([
      [0x2d, 1],
      [0x2e, 2],
      [0x30, 1],
    ]);
    expect(of(0x0, 8)).toEqual([
      [0, 4],
      [4, 4],
    ]);
    expect(of(0x3, 2)).toEqual([
      [3, 1],
      [4, 1],
    ]);
    expect(access("writew 0x2e 0xffff")).toEqual({ write: true, offset: 0x2e, size: 2, value: 0xffffn });
    expect(access("readl ram+0x0")).toMatchObject({ offset: undefined });
    expect(access("pin 1 1")).toBeUndefined();
  });
});

const found = (operations: readonly string[]): Found => ({
  operations,
  difference: { at: operations.length - 1, what: "reads and lines", ours: "0x1\nIRQ", theirs: "0x2" },
});

describe("shrinking", () => {
  const noise = Array.from({ length: 300 }, (_, index) => `readl ${4 * index}`);

  test("leaves what is needed, however far apart, with values as simple as they can be", async () => {
    const needed = (operations: readonly string[]) => {
      const first = operations.findIndex(
        (operation) => /^writel 0x2c/.test(operation) && BigInt(operation.split(" ")[2]!) & 0x10n,
      );
      const last = operations.findIndex(
        (operation, index) => index > first && /^input( \S+){3}/.test(operation),
      );
      return first >= 0 && last >= 0 ? found(operations.slice(0, last + 1)) : undefined;
    };
    const start = found([
      ...noise,
      "writel 0x2c 0xfffffff7",
      ...noise,
      ...noise,
      "input 0x41 0x42 0x43 0x44",
    ]);
    const shortest = await shrink(start, async (operations) => needed(operations));
    expect(shortest.operations).toEqual(["writel 0x2c 0x10", "input 0x0 0x0 0x0"]);
  });

  test("leaves out what is only needed for each other", async () => {
    // It shows when as much was put in as taken out, and then something is put in.
    const balance = (operations: readonly string[]) =>
      operations.reduce((sum, operation) => sum + (operation === "put" ? 1 : -1), 0);
    const start = found(["put", "put", "take", "put", "take", "take", "put"]);
    const shortest = await shrink(start, async (operations) =>
      balance(operations) === 1 ? found(operations) : undefined,
    );
    expect(shortest.operations).toEqual(["put"]);
  });

  test("keeps what does not show again", async () => {
    const start = found(noise);
    expect(await shrink(start, async () => undefined)).toBe(start);
  });
});

describe("a story", () => {
  const subject = { twin: TWIN, board: "virt", script: TWIN.script };

  test("is read as it was told", () => {
    const operations = ["writel 0x2c 0x10", "break", "readb 0x1"];
    const text = tell(subject, found(operations));
    expect(text).toContain("#   script: 0x1\n#   IRQ\n#   C:      0x2\n");
    expect(read(text)).toEqual({ device: "pl011", board: "virt", operations });
  });

  test("without a device is refused", () => {
    expect(() => read("board virt\nreset\n")).toThrow("device NAME");
  });
});

describe("npm run fuzz", () => {
  function fuzz(...args: string[]) {
    const { stdout, stderr, exitCode } = Bun.spawnSync(
      [process.execPath, join(paths.root, "scripts/fuzz.ts"), ...args],
      { cwd: paths.root, env: { ...process.env, QEMU_SCRIPT_PROGRAM: PROGRAM.join(" ") } },
    );
    return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  test("finds no difference between devices that are the same", () => {
    const { exitCode, stdout, stderr } = fuzz(
      "--device",
      "pl011",
      "--board",
      "virt",
      "--ops",
      "2000",
      "--seed",
      "7",
    );
    expect(stderr).toContain("2000 operations of pl011 on virt, seed 7");
    expect(stdout).toMatch(/^pl011 on virt: no difference in 2000 operations, seed 7; \d+\/s\n$/);
    expect(exitCode).toBe(0);
  });

  test("keeps a sequence that shows a fault, and does it again", () => {
    const copy = script(readFileSync(PL011, "utf8").replace("mask: 0x3f,", "mask: 0x7f,"));
    const kept = join(paths.build, "fuzz/pl011-virt-424242.txt");
    rmSync(kept, { force: true });
    const first = fuzz("--board", "virt", "--ops", "20000", "--seed", "424242", "--script", copy);
    expect(first.exitCode).toBe(1);
    const story = readFileSync(kept, "utf8");
    expect(first.stdout).toBe(
      `${story}# npm run fuzz -- --replay build/fuzz/pl011-virt-424242.txt --script ${copy}\n`,
    );
    expect(read(story).operations.length).toBeLessThanOrEqual(2);
    expect(fuzz("--replay", kept, "--script", copy)).toMatchObject({ exitCode: 1, stdout: story });
    const right = fuzz("--replay", kept);
    expect(right.exitCode).toBe(0);
    expect(right.stdout).toMatch(/^pl011 on virt: no difference in [12] operations\n$/);
    rmSync(kept);
    expect(existsSync(kept)).toBeFalse();
  });

  test.each([
    ["device edu\nboard virt\nbreak\n", "edu has no serial line"],
    ["device pl011\nboard virt\nshake 0x0\n", 'there is no operation "shake 0x0"'],
    ["device pl011\nboard virt\nreadl 0x\n", '"0x" is no number'],
    ["readl 0x0\n", "device NAME"],
  ])("a story that makes no sense is an error: %p", (text, message) => {
    const { exitCode, stderr } = fuzz("--replay", script(text, "story.txt"));
    expect(stderr).toStartWith("error: ");
    expect(stderr).toContain(message);
    expect(exitCode).toBe(1);
  });

  test.each([
    [["--ops", "0"], "--ops takes a whole number from 1"],
    [["--seed", "x"], "--seed takes a whole number from 0"],
    [["--device", "z80"], "there is no device z80; there are pl011, pl061, edu"],
    [["--board", "pc"], "there is no board pc with a pl011; there are virt, raspi, stellaris"],
    [["--script", "/nowhere"], "there is no file /nowhere"],
    [["--nonsense"], "--help tells how it is used"],
  ])("%p is an error", (args, message) => {
    const { exitCode, stdout, stderr } = fuzz(...args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain(" at ");
    expect(stdout).toBe("");
    expect(exitCode).toBe(1);
  });

  test("ends at once when it is interrupted", async () => {
    const child = Bun.spawn([process.execPath, join(paths.root, "scripts/fuzz.ts"), "--ops", "10000000"], {
      env: { ...process.env, QEMU_SCRIPT_PROGRAM: PROGRAM.join(" ") },
      stdout: "pipe",
      stderr: "pipe",
    });
    for await (const bytes of child.stderr) {
      if (Buffer.from(bytes).includes("operations of pl011")) {
        break;
      }
    }
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect(await child.stdout.text()).toBe("");
  });

  test("--help", () => {
    const { exitCode, stdout } = fuzz("--help");
    expect(stdout).toStartWith("Usage: npm run fuzz");
    expect(exitCode).toBe(0);
  });
});

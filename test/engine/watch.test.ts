/** Scripts that are loaded anew because somebody saves them. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { Poker } from "../lib/poker.ts";
import { PROGRAM } from "../lib/program.ts";
import { endAll, HEADLESS, Qemu, script } from "../lib/qemu.ts";
import { anew, REG, reload, scripts } from "../lib/reload.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];
const code = ({ qtest }: Qemu) => qtest.readl(VIRT.platformBus + REG.CODE);

const start = (path: string, option = ",watch=on") =>
  Qemu.start({ args: [...MACHINE, "-device", `script,path=${path}${option}`], qtest: true });

/** Waits until a script has been loaded anew with success. */
const reloaded = async (qemu: Qemu) => (await qemu.qmp.waitForEvent("SCRIPT_RELOADED", SOON_MS)).data;

describe("saving a script", () => {
  test("gives its devices the new code, and says so", async () => {
    const path = script(anew(1));
    const qemu = await start(path);
    for (const value of [2, 3, 4]) {
      writeFileSync(path, anew(value));
      expect(await reloaded(qemu)).toEqual({ path, generation: value, instances: 1 });
      expect(await code(qemu)).toBe(value);
      await qemu.stderr.waitFor(`${path}: reloaded, generation ${value}\n`, SOON_MS);
    }
    expect(qemu.stderr.lines).toHaveLength(3);
  });

  test("that it imports, directly or not, does too; imports come and go", async () => {
    const path = script(anew("value", { head: 'import { value } from "./lib/a.ts";' }));
    const folder = join(dirname(path), "lib");
    const put = (name: string, text: string) => Bun.write(join(folder, name), text);
    await put("a.ts", 'export { value } from "../b.ts";\n');
    await put("../b.ts", "export const value = 1;\n");
    await put("c.ts", "export const value = 30;\n");
    const qemu = await start(path);
    await put("../b.ts", "export const value = 2;\n");
    await reloaded(qemu);
    expect(await code(qemu)).toBe(2);
    await put("a.ts", 'export { value } from "./c.ts";\n');
    await reloaded(qemu);
    expect(await code(qemu)).toBe(30);
    await put("c.ts", "export const value = 31;\n");
    await reloaded(qemu);
    expect(await code(qemu)).toBe(31);
    // Nobody imports this any more.
    await put("../b.ts", "export const value = ;\n");
    await put("c.ts", "export const value = 32;\n");
    await reloaded(qemu);
    expect(await code(qemu)).toBe(32);
    expect((await scripts(qemu))[0]).toMatchObject({ generation: 5 });
  });

  test("with a mistake in what it imports, too: the module is watched all the same", async () => {
    const path = script(anew("value", { head: 'import { value } from "./value.ts";' }));
    const other = join(dirname(path), "value.ts");
    writeFileSync(other, "export const value = 1;\n");
    const qemu = await start(path);
    writeFileSync(other, "export const value = ;\n");
    expect((await qemu.qmp.waitForEvent("SCRIPT_ERROR")).data).toMatchObject({
      message: expect.stringContaining("value.ts:1:22: "),
    });
    writeFileSync(other, "export const value = 2;\n");
    await reloaded(qemu);
    expect(await code(qemu)).toBe(2);
  });

  test("before a module that it imports is there works when the module comes", async () => {
    const path = script(anew(1));
    const qemu = await start(path);
    writeFileSync(path, anew("value", { head: 'import { value } from "./late.ts";' }));
    expect((await qemu.qmp.waitForEvent("SCRIPT_ERROR")).data).toMatchObject({
      message: expect.stringContaining("late.ts"),
    });
    writeFileSync(join(dirname(path), "late.ts"), "export const value = 5;\n");
    await reloaded(qemu);
    expect(await code(qemu)).toBe(5);
    await qemu.stderr.waitFor("generation 2\n", SOON_MS);
    expect(qemu.stderr.lines.filter((line) => line.includes("late.ts"))).toHaveLength(1);
  });

  test("by a name that leads to it through a link", async () => {
    const path = script(anew(1));
    const link = join(dirname(path), "link.ts");
    Bun.spawnSync(["ln", "-s", path, link]);
    const qemu = await start(link);
    writeFileSync(link, anew(2));
    expect(await reloaded(qemu)).toMatchObject({ path, generation: 2 });
  });

  test("with a mistake tells it once with its place, and the next save tries again", async () => {
    const path = script(anew(1));
    const qemu = await start(path);
    writeFileSync(path, `const x = ;\n${anew(2)}`);
    const event = await qemu.qmp.waitForEvent("SCRIPT_ERROR");
    expect(event.data).toEqual({ path, message: expect.stringMatching(/device\.ts:1:11: Unexpected ;/) });
    expect(await code(qemu)).toBe(1);
    writeFileSync(path, anew(3));
    await reloaded(qemu);
    expect(await code(qemu)).toBe(3);
    await qemu.stderr.waitFor("generation 2\n", SOON_MS);
    expect(qemu.stderr.lines).toEqual([
      `qemu-system-aarch64: ${path}:1:11: Unexpected ;`,
      `qemu-system-aarch64: ${path}: reloaded, generation 2`,
    ]);
  });

  test("without a change, or touching it, is nothing", async () => {
    const path = script(anew(1));
    const qemu = await start(path);
    writeFileSync(path, anew(1));
    Bun.spawnSync(["touch", path]);
    writeFileSync(join(dirname(path), "neighbour.ts"), "const x = ;");
    await Bun.sleep(100);
    writeFileSync(path, anew(2));
    expect(await reloaded(qemu)).toMatchObject({ generation: 2 });
    await qemu.stderr.waitFor("\n", SOON_MS);
    expect(qemu.stderr.lines).toEqual([`qemu-system-aarch64: ${path}: reloaded, generation 2`]);
  });

  test("a type of its own along with it stops the guest for the moment, and no longer", async () => {
    const path = script(anew(1));
    const poker = await Poker.start(path, { properties: ",watch=on", busy: "device" });
    const tail = 'export class Second extends SysBusDevice.with({ type: "second" }) {}';
    writeFileSync(path, anew(2, { tail }));
    expect(await reloaded(poker.qemu)).toMatchObject({ generation: 2, instances: 1 });
    expect(await poker.read(REG.CODE)).toBe(2);
    expect((await scripts(poker.qemu))[0]).toMatchObject({ types: ["anew", "second"] });
  });
});

describe("an editor may write", () => {
  /** What it does to a file; it ends with the text there. */
  const habits: Record<string, (path: string, text: string) => Promise<void>> = {
    async "a new file and rename it"(path, text) {
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
    },
    async "after moving the old file away"(path, text) {
      renameSync(path, `${path}~`);
      await Bun.sleep(5);
      writeFileSync(path, text);
    },
    async "after truncating it"(path, text) {
      writeFileSync(path, "");
      await Bun.sleep(30);
      writeFileSync(path, text);
    },
    async "in pieces"(path, text) {
      const half = text.length >> 1;
      writeFileSync(path, text.slice(0, half));
      await Bun.sleep(8);
      writeFileSync(path, text);
    },
    async "in pieces, slowly"(path, text) {
      const half = text.length >> 1;
      writeFileSync(path, text.slice(0, half));
      await Bun.sleep(25);
      writeFileSync(path, text);
    },
    async twice(path, text) {
      writeFileSync(path, text.replace(/code\(\) \{ return \d+/, "code() { return 1000"));
      await Bun.sleep(6);
      writeFileSync(path, text);
    },
    async "after removing it"(path, text) {
      rmSync(path);
      await Bun.sleep(40);
      writeFileSync(path, text);
    },
  };

  test.each(Object.keys(habits))("%s", async (habit) => {
    const path = script(anew(1));
    const qemu = await start(path);
    for (let value = 2; value < 12; value++) {
      await habits[habit]!(path, anew(value));
      while ((await code(qemu)) !== value) {
        // The new code is not there yet.
      }
    }
    expect(qemu.stderr.lines.filter((line) => !line.includes("reloaded, generation"))).toEqual([]);
    expect((await scripts(qemu))[0]).not.toHaveProperty("last-error");
  });

  test("a script while the one before is being loaded", async () => {
    const path = script(anew(1));
    const qemu = await start(path);
    for (let value = 2; value < 60; value++) {
      writeFileSync(path, anew(value));
      await Bun.sleep(value % 20);
    }
    while ((await code(qemu)) !== 59) {
      // Not yet.
    }
    expect(qemu.stderr.all).not.toContain("error");
  });
});

describe("whether a script is watched", () => {
  /** Saves another text, and waits until it serves if it should; otherwise, for what will not come. */
  async function isWatched(qemu: Qemu, path: string, watched = true): Promise<boolean> {
    writeFileSync(path, anew(2));
    await (watched ? reloaded(qemu) : Bun.sleep(200));
    return (await code(qemu)) === 2;
  }

  test.each([
    ["", false],
    [",watch=off", false],
    [",watch=on", true],
  ])("-device script,path=...%s, with no terminal", async (option, watched) => {
    const path = script(anew(1));
    const qemu = await start(path, option);
    expect(await isWatched(qemu, path, watched)).toBe(watched);
    // A user can always say so.
    writeFileSync(path, anew(3));
    await reload(qemu, path);
    expect(await code(qemu)).toBe(3);
  });

  test("-script has the option, too", async () => {
    const path = script(anew(1));
    const qemu = await Qemu.start({
      args: [...MACHINE, "-script", `path=${path},watch=on`, "-device", "anew"],
      qtest: true,
    });
    expect(await isWatched(qemu, path)).toBeTrue();
  });

  test.each([
    ["", true],
    [",watch=off", false],
  ])("-device script,path=...%s, on a terminal", async (option, watched) => {
    const path = script(anew(1));
    const words = [...PROGRAM, ...MACHINE, "-device", `script,path=${path}${option}`];
    const command = [...words, '"$@"'].map((word) => (word === '"$@"' ? word : `'${word}'`)).join(" ");
    const qemu = await Qemu.start({
      program: [
        "bash",
        "-c",
        `quoted=$(printf ' %q' "$@"); exec script -qec "${words.join(" ")} $quoted" /dev/null`,
        command,
      ],
      args: [],
      qtest: true,
    });
    expect(await isWatched(qemu, path, watched)).toBe(watched);
    await qemu.quit();
  });

  test("is a yes or a no", async () => {
    const path = script(anew(1));
    for (const option of ["-device", "-script"]) {
      const value = option === "-device" ? `script,path=${path},watch=maybe` : `path=${path},watch=maybe`;
      const { status, stderr } = await Qemu.run([...MACHINE, option, value]);
      expect(status).toBe(1);
      expect(stderr).toContain("'watch' expects 'on' or 'off'");
    }
  });
});

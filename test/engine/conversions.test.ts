/** Values on their way between QEMU and scripts: none is mended, none is lost, and nothing leaks. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { TEST_MS } from "../lib/limit.ts";
import { PROGRAM } from "../lib/program.ts";
import { endAll, HEADLESS, Qemu, script } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];

/** Says how many bytes malloc() has given out, and lets QEMU be used a million times. */
const LEAK = (once: string) => `
  import { dlopen } from "bun:ffi";
  import { heapStats } from "bun:jsc";
  import { ObjectRef, SysBusDevice, SysBusDeviceRef } from "qemu-script";
  const libc = dlopen("libc.so.6", {
    malloc: { args: ["u64"], returns: "ptr" },
    malloc_stats: { args: [], returns: "void" },
  }).symbols;
  const { malloc } = libc;
  export class Part extends SysBusDevice.with({ type: "part" }) {}
  export default class Leak extends SysBusDevice.with({ type: "leak" }) {
    realize() {
      const TEXT = "caf\\u00e9 \\u{1f600}";
      let held = "";
      this.object.addProperty("text", { type: "str", get: () => held, set: (value) => { held = value; } });
      const uart = SysBusDeviceRef.new("pl011");
      const once = () => { ${once} };
      const many = (count) => { for (let i = 0; i < count; i++) once(); };
      const settle = () => new Promise((done) => setTimeout(() => { Bun.gc(true); setTimeout(done, 20); }, 20));
      setTimeout(async () => {
        many(20_000);
        await settle();
        libc.malloc_stats();
        const before = heapStats().objectCount;
        for (let i = 0; i < 50; i++) {
          many(COUNT / 50);
          await new Promise((done) => setTimeout(done));
        }
        await settle();
        libc.malloc_stats();
        console.log("done", heapStats().objectCount - before, "objects");
      }, 1);
    }
  }
`;

/** @returns bytes of C's that were in use afterwards and not before */
async function growth(once: string, count = 1_000_000): Promise<number> {
  const path = script(LEAK(once).replace("COUNT", String(count)));
  const qemu = await Qemu.start({ args: [...MACHINE, "-device", `script,path=${path}`] });
  const [, objects] = await qemu.stderr.waitFor(/done (-?\d+) objects\n/, TEST_MS);
  expect(Number(objects)).toBeLessThan(count / 10);
  const totals = [
    ...qemu.stderr.all.matchAll(/Total \(incl\. mmap\):\nsystem bytes.*\nin use bytes +=\s+(\d+)/g),
  ];
  expect(totals).toHaveLength(2);
  const [before, after] = totals.map(([, bytes]) => Number(bytes));
  await qemu.kill();
  return after! - before!;
}

/** Of a million times 16 bytes: what other threads of QEMU may need meanwhile. */
const NOISE = 4_000_000;

describe("a million times", () => {
  test("the check sees 16 bytes each", async () => {
    expect(await growth("malloc(16);")).toBeGreaterThan(16_000_000);
  });

  test.each([
    [
      "a string to C and back",
      "this.object.set('text', TEXT); if (this.object.get('text') !== TEXT) throw new Error(held);",
      1_000_000,
    ],
    ["a string from C", "if (this.object.typeName !== 'leak') throw new Error('no');", 1_000_000],
    ["a string that C gives away", "if (!this.object.path) throw new Error('no');", 1_000_000],
    ["a list", "if (this.object.class.parents.length !== 3) throw new Error('no');", 1_000_000],
    ["a value, read and written", "uart.set('migrate-clk', !uart.get('migrate-clk'));", 1_000_000],
    [
      "an error",
      "try { uart.get('none'); throw 1; } catch (error) { if (error === 1) throw error; }",
      1_000_000,
    ],
    ["a handle", "uart.clone().dispose();", 1_000_000],
  ])("%s", async (_, once, count) => {
    const bytes = await growth(once, count);
    expect(bytes).toBeLessThan(Math.min(NOISE, 16 * count));
  });
});

describe("many times", () => {
  test.each([
    ["an object that is made and dropped", "Part.new().dispose();", 20_000],
    [
      "a child that is added and removed",
      "this.object.addChild('p', Part.new()); this.object.removeChild('p');",
      20_000,
    ],
    [
      "a device that is realized and unparented",
      "const part = Part.new().realize(); part.unparent(); part.dispose();",
      2_000,
    ],
    ["a handle that is collected", "ObjectRef.machine();", 200_000],
    [
      "a weak reference",
      "const part = Part.new(); const weak = part.weak(); part.dispose(); if (weak.get()) throw new Error('no');",
      20_000,
    ],
    [
      "a property that a script adds and removes",
      "this.object.addProperty('q', { type: 'int', get: () => 1 }); this.object.removeProperty('q');",
      50_000,
    ],
  ])("%s", async (_, once, count) => {
    expect(await growth(once, count)).toBeLessThan(16 * count);
  });
});

describe("text that is no text", () => {
  test("of a user, is refused with the reason", async () => {
    const path = script(`
      import { string, SysBusDevice } from "qemu-script";
      export default class extends SysBusDevice.with({ type: "labelled", properties: { label: string() } }) {
        realize() { console.log(this.config.label); }
      }
    `);
    const shell = 'exec "$@" -device "script,path=$DEVICE,label=$(printf "caf\\\\303\\\\251 \\\\377")"';
    const { status, stderr } = await Qemu.run(MACHINE, {
      program: ["sh", "-c", shell, "sh", ...PROGRAM],
      env: { DEVICE: path },
    });
    expect(status).toBe(1);
    expect(stderr).toContain("is not valid UTF-8");
  });
});

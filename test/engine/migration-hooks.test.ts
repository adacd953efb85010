/** What a device does before and after it is saved and loaded, and what it may refuse. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { NAME } from "../lib/program.ts";
import { endAll, folder, Qemu } from "../lib/qemu.ts";
import { load, makeImage, save } from "../lib/snapshots.ts";
import { migrateToFile, sectionOf, streamAt } from "../lib/stream.ts";
import { args, carry, device, fill, type Parts, shown, start } from "./kept.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

describe("methods around it", () => {
  const say = (name: string, argument = "") =>
    `${name}(${argument}) { console.error("${name}", ${argument || '""'}); }`;

  test("are called in order, with the version", async () => {
    const methods = [
      say("preSave"),
      say("postSave"),
      say("preLoad"),
      say("postLoad", "version"),
      say("good"),
      "load() { console.error('load'); }",
      "save() { console.error('save'); return new Uint8Array(1); }",
    ];
    const path = device({
      migration: "{ version: 5, validate: ['ok'] }",
      state: "{ a: u32 }",
      methods: `${methods.join("\n")} ok() { console.error("ok"); return true; }`,
      shown: "0",
    });
    const qemu = await start(path);
    await makeImage(qemu, folder());
    await save(qemu, "a");
    await load(qemu, "a");
    expect(qemu.stderr.lines.map((line) => line.trim())).toEqual([
      ...["preSave", "save", "postSave", "preLoad", "ok", "load", "postLoad 5"],
    ]);
  });

  test("preSave() brings the state up to date; preLoad() prepares it", async () => {
    const path = device({
      migration: "{ version: 2, minimum: 1 }",
      state: "{ a: u32, later: since(2, u32) }",
      methods: "preSave() { this.a++; } preLoad() { this.later = 5; }",
      fill: "this.a = 1; this.later = 1;",
      shown: "[this.a, this.later]",
    });
    const old = device({ state: "{ a: u32 }", fill: "this.a = 7;", shown: "0" });
    expect(await shown(await carry(path, path))).toEqual([2, 1]);
    expect(await shown(await carry(old, path))).toEqual([7, 5]);
  });

  test.each(["preSave", "postSave"])("what %s() throws makes saving fail", async (name) => {
    const methods = `${name}() { throw new Error("not now"); }`;
    const qemu = await start(device({ state: "{ a: u32 }", methods, shown: "0" }));
    await makeImage(qemu, folder());
    await expect(save(qemu, "a")).rejects.toThrow("Error while writing VM state");
    await qemu.stderr.waitFor("not now", SOON_MS);
  });

  test.each([
    ["preLoad() { throw new Error('not now'); }", "not now"],
    ["postLoad() { throw new Error('not so'); }", "not so"],
    ["small() { return this.a < 5; } ", "kept: what was loaded makes no sense to small()"],
    ["async small() { return true; } ", "small() cannot be asynchronous"],
    ["postLoad() { this.a = 99; throw new RangeError('99'); }", "99"],
  ])("%s makes loading fail, and the device keeps its state", async (methods, message) => {
    const validate = methods.includes("small") ? "validate: ['small']" : "";
    const path = device({
      migration: `{ ${validate} }`,
      state: "{ a: u32, s: struct({ b: u8 }) }",
      methods,
      fill: "this.a = value; this.s.b = value;",
      shown: "[this.a, this.s.b]",
    });
    const qemu = await start(path);
    await makeImage(qemu, folder());
    await fill(qemu, 8);
    await save(qemu, "a");
    await fill(qemu, 3);
    await expect(load(qemu, "a")).rejects.toThrow("while loading VM state");
    await qemu.stderr.waitFor(message, SOON_MS);
    expect(await shown(qemu)).toEqual([3, 3]);
  });
});

test("postLoad() that returns false refuses what was loaded, and leaves it to QEMU to say so", async () => {
  const path = device({
    state: "{ a: u32 }",
    methods: "postLoad() { const good = this.a < 5; this.a = 99; return good; }",
    fill: "this.a = value;",
    shown: "this.a",
  });
  const qemu = await start(path);
  await makeImage(qemu, folder());
  await fill(qemu, 8);
  await save(qemu, "bad");
  await fill(qemu, 4);
  await save(qemu, "good");
  await fill(qemu, 3);
  await expect(load(qemu, "bad")).rejects.toThrow("Error -1 while loading VM state");
  expect(qemu.stderr.rest).toBe(`${NAME}: error while loading state for instance 0x0 of device 'kept'\n`);
  expect(await shown(qemu)).toBe(3);
  await load(qemu, "good");
  expect(await shown(qemu)).toBe(99);
});

describe("a stream that ends", () => {
  const path = () =>
    device({
      state: `{
        a: u32, gap: unused(4), manyWords: u16.array(4), fifo: struct({ headPlace: u32, tail: u32 }),
        extra: subsection({ state: { inIt: u32 } }),
      }`,
      shown: "0",
    });

  test.each([
    [0, ["kept:a"]],
    [4, ["kept:unused"]],
    [8, ["kept:many_words"]],
    [12, ["kept:many_words"]],
    [16, ["kept.fifo:head_place", "kept:fifo"]],
    [20, ["kept.fifo:tail", "kept:fifo"]],
    [24 + 2 + "kept/extra".length + 4, ["kept/extra:in_it"]],
  ])(
    "after %i bytes of a section: QEMU says which field is missing, as of its own devices",
    async (length, fields) => {
      const script = path();
      const uri = await migrateToFile(await start(script));
      const stream = streamAt(uri);
      writeFileSync(uri.replace("file:", ""), stream.subarray(0, sectionOf(stream, "kept").at + length));
      const { status, stderr } = await Qemu.run([...args(script), "-incoming", uri]);
      expect(status).toBe(1);
      expect(stderr.trim().split("\n")).toEqual([
        ...fields.map((field) => `${NAME}: Failed to load ${field}`),
        `${NAME}: error while loading state for instance 0x0 of device 'kept'`,
        `${NAME}: load of migration failed: Input/output error`,
      ]);
    },
  );
});

describe("a device that cannot migrate", () => {
  const parts = (unmigratable: string): Parts => ({
    migration: `{ unmigratable: ${unmigratable} }`,
    state: "{ a: u32 }",
    shown: "0",
  });

  test("says so when the machine is saved", async () => {
    const qemu = await start(device(parts("true")));
    await makeImage(qemu, folder());
    await expect(save(qemu, "a")).rejects.toThrow("State blocked by non-migratable device 'kept'");
  });

  test("gives its reason, if it has one, as long as it is there", async () => {
    const qemu = await start(device(parts('"its laser cannot be moved"')));
    await makeImage(qemu, folder());
    const reason = "kept does not migrate: its laser cannot be moved";
    await expect(save(qemu, "a")).rejects.toThrow(reason);
    await expect(qemu.qmp.execute("migrate", { uri: "file:/dev/null" })).rejects.toThrow(reason);
  });

  test("is refused by -only-migratable", async () => {
    for (const reason of ["true", '"reasons"']) {
      const { status, stderr } = await Qemu.run([...args(device(parts(reason))), "-only-migratable"]);
      expect(status).toBe(1);
      expect(stderr).toContain("only-migratable");
    }
  });
});

describe("a section's priority", () => {
  test("decides when it is in the stream", async () => {
    const first = device({ type: "usual", state: "{ a: u32 }", shown: "0" });
    const second = device({
      type: "early",
      migration: '{ name: "early", priority: "gicv3" }',
      state: "{ a: u32 }",
      shown: "0",
    });
    const qemu = await start(first, ["-device", `script,path=${second}`]);
    const stream = streamAt(await migrateToFile(qemu));
    const place = (name: string) => stream.indexOf(Buffer.from([name.length, ...Buffer.from(name)]));
    expect(place("early")).toBeGreaterThan(0);
    expect(place("early")).toBeLessThan(place("usual"));
  });
});

/** Scripts that are loaded anew while the machine runs, because the monitor says so. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { endAll, HEADLESS, Qemu, script } from "../lib/qemu.ts";
import { type Anew, anew, REG, reload, scripts } from "../lib/reload.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];
const BASE = VIRT.platformBus;

const start = (path: string, options = "", args: readonly string[] = [], lines: readonly string[] = []) =>
  Qemu.start({
    args: [...MACHINE, "-device", `script,path=${path}${options}`, ...args],
    qtest: true,
    lines,
  });

const code = ({ qtest }: Qemu) => qtest.readl(BASE + REG.CODE);
const kept = ({ qtest }: Qemu) => qtest.readl(BASE + REG.KEPT);

/** A machine with the first text, and then the second. */
async function change(before: Anew, after: Anew, options = "") {
  const path = script(anew(1, before));
  const qemu = await start(path, options);
  return {
    path,
    qemu,
    async go() {
      writeFileSync(path, anew(2, after));
      return reload(qemu, path);
    },
  };
}

describe("script-reload", () => {
  test("gives a device new code and leaves it its state", async () => {
    const { path, qemu, go } = await change({}, {});
    await qemu.qtest.writel(BASE + REG.KEPT, 0x1234);
    expect(await code(qemu)).toBe(1);
    const info = await go();
    expect(info).toMatchObject({ path, types: ["anew"], generation: 2, instances: 1 });
    expect(await code(qemu)).toBe(2);
    expect(await kept(qemu)).toBe(0x1234);
    expect(await qemu.qmp.waitForEvent("SCRIPT_RELOADED")).toMatchObject({
      data: { path, generation: 2, instances: 1 },
    });
    expect(qemu.stderr.all).toBe("");
  });

  test("goes by the device's ID, too, or its path in the tree", async () => {
    const { qemu, path } = await change({}, {}, ",id=it");
    for (const [index, id] of ["it", "/machine/peripheral/it"].entries()) {
      writeFileSync(path, anew(index + 2));
      expect(await qemu.qmp.execute("script-reload", { id })).toEqual({});
      expect(await code(qemu)).toBe(index + 2);
    }
  });

  test("reads what the script imports anew, too", async () => {
    const path = script(anew("value", { head: 'import { value } from "./value.ts";' }));
    const other = join(dirname(path), "value.ts");
    writeFileSync(other, "export const value = 1;\n");
    const qemu = await start(path);
    for (const value of [1, 2, 3]) {
      writeFileSync(other, `export const value = ${value};\n`);
      await reload(qemu, path);
      expect(await code(qemu)).toBe(value);
    }
  });

  test("reaches every device of every type of the script", async () => {
    const text = (value: number) =>
      anew(value, {
        tail: `export class Second extends Anew.with({ type: "second", state: { more: u32(3) } }) {
          code() { return super.code() + 10; }
        }`,
      });
    const path = script(text(1));
    const more = ["-device", "anew", "-device", "second"];
    const qemu = await start(path, "", more);
    const all = async () => {
      const codes = [];
      for (const at of [0, 0x1000, 0x2000]) {
        codes.push(await qemu.qtest.readl(BASE + at));
      }
      return codes;
    };
    expect((await all()).sort()).toEqual([1, 1, 11]);
    writeFileSync(path, text(2));
    expect(await reload(qemu, path)).toMatchObject({ types: ["anew", "second"], instances: 3 });
    expect((await all()).sort()).toEqual([12, 2, 2]);
  });

  test("that is repeated goes on from what it was", async () => {
    const { path, qemu } = await change({}, {});
    for (let value = 2; value < 30; value++) {
      writeFileSync(path, anew(value));
      await qemu.qtest.writel(BASE + REG.KEPT, value);
      expect(await reload(qemu, path)).toMatchObject({ generation: value });
      expect([await code(qemu), await kept(qemu)]).toEqual([value, value]);
    }
  });

  test("of a text that did not change makes a new generation all the same", async () => {
    const { path, qemu } = await change({}, {});
    expect(await reload(qemu, path)).toMatchObject({ generation: 2 });
  });

  test("makes new types, and has the guest wait for that alone", async () => {
    const tail = `export class Second extends SysBusDevice.with({
      type: "second", regions: { regs: { size: 0x1000, read: "read" } },
    }) { read() { return 99; } }`;
    const { path, qemu, go } = await change({}, { tail });
    expect(await go()).toMatchObject({ types: ["anew", "second"], instances: 1 });
    const types = await qemu.qmp.execute<{ name: string }[]>("qom-list-types", {
      implements: "sys-bus-device",
    });
    expect(types.map(({ name }) => name)).toContain("second");
    writeFileSync(path, anew(3, { tail }));
    expect(await reload(qemu, path)).toMatchObject({ types: ["anew", "second"], generation: 3 });
    expect(await code(qemu)).toBe(3);
  });

  test.each([
    [{}, "either by its path or by the id"],
    [{ path: "/x", id: "y" }, "either by its path or by the id"],
    [
      { path: "/nowhere/x.ts" },
      "/nowhere/x.ts: no such script was loaded; query-scripts lists those that were",
    ],
    [{ id: "nobody" }, "Device 'nobody' not found"],
    [{ id: "/machine" }, "'/machine' is no device of a script's"],
  ])("of %p is an error", async (args, message) => {
    const { qemu } = await change({}, {});
    expect(qemu.qmp.execute("script-reload", args)).rejects.toThrow(message);
    expect(await code(qemu)).toBe(1);
  });
});

describe("a script that is wrong leaves the old code in charge", () => {
  test.each<[string, string, RegExp, string]>([
    ["that does not compile", "const x = ;", /:\d+:\d+: /, ""],
    ["that throws", 'throw new Error("not today");', /:5:\d+: not today/, ""],
    ["with a bad import", 'import "./nowhere.ts";', /:5:\d+: .*nowhere/, ""],
    ["whose declaration is wrong", "", /register ODD/, 'ODD: { at: 2, field: "kept" },'],
  ])("%s", async (_, head, message, registers) => {
    const { path, qemu, go } = await change({}, { head, registers });
    expect(go()).rejects.toThrow(message);
    const error = await qemu.qmp.waitForEvent("SCRIPT_ERROR");
    expect(error.data).toMatchObject({ path, message: expect.stringMatching(message) });
    expect(await code(qemu)).toBe(1);
    const [info] = await scripts(qemu);
    expect(info).toMatchObject({ generation: 1, "last-error": expect.stringMatching(message) });
    writeFileSync(path, anew(3));
    expect(await reload(qemu, path)).not.toHaveProperty("last-error");
    expect(await code(qemu)).toBe(3);
  });

  test("that is gone", async () => {
    const { path, qemu } = await change({}, {});
    rmSync(path);
    expect(reload(qemu, path)).rejects.toThrow(path);
    expect(await code(qemu)).toBe(1);
  });

  test("whose errors at run time are told with the lines of the new text", async () => {
    const { path, qemu } = await change({}, {});
    for (const lines of [1, 5]) {
      writeFileSync(
        path,
        anew('fail("so")', { head: `${"\n".repeat(lines)}function fail(why) { throw new Error(why); }` }),
      );
      await reload(qemu, path);
      await code(qemu);
      await code(qemu);
      const line =
        readFileSync(path, "utf8")
          .split("\n")
          .findIndex((text) => text.includes("function fail")) + 1;
      await qemu.stderr.waitFor(`${path}:${line}:`, SOON_MS);
    }
    expect(qemu.stderr.all.match(/: so \(/g)).toHaveLength(2);
  });
});

describe("what QOM has for good is refused", () => {
  test.each<[string, Anew, Anew, string]>([
    [
      "the type's name",
      {},
      { type: "other" },
      "type anew is not exported any more, but there are devices of it",
    ],
    ["a new property", {}, { spec: "properties: { speed: u32({ default: 1 }) }," }, "property speed is new"],
    [
      "a property that goes",
      { spec: "properties: { speed: u32({ default: 1 }) }," },
      {},
      "property speed is gone",
    ],
    [
      "another default",
      { spec: "properties: { speed: u32({ default: 1 }) }," },
      { spec: "properties: { speed: u32({ default: 2 }) }," },
      "property speed is declared otherwise",
    ],
    [
      "the name of the section",
      {},
      { spec: 'migration: { name: "x" },' },
      "the name of its section in a migration stream",
    ],
    ["whether it migrates", {}, { spec: 'migration: { unmigratable: "no" },' }, "why it does not migrate"],
    [
      "interfaces",
      {},
      { spec: 'interfaces: ["nmi"],', members: "nmi() {}" },
      "the interfaces changed from 0 to 1",
    ],
  ])("%s", async (_, before, after, message) => {
    const { qemu, go } = await change(before, after);
    expect(go()).rejects.toThrow(message);
    expect(await code(qemu)).toBe(1);
    expect((await scripts(qemu))[0]).toMatchObject({ generation: 1 });
  });
});

describe("what a device was made with is refused for it, and new devices have it", () => {
  test.each<[string, string, string]>([
    ["interrupt lines", 'irqs: ["a", "b"],', "the number of interrupt lines changed from 0 to 2"],
    ["GPIO inputs", "inputs: { pins: lines(2) },", "the GPIO inputs changed from 0 to 1"],
    ["GPIO outputs", "outputs: { pins: lines(2) },", "the GPIO outputs changed from 0 to 1"],
    ["clocks", 'clocks: ["clk"],', "the clock inputs changed from 0 to 1"],
    [
      "the size of a region",
      "regions: { regs: { size: 0x2000 } },",
      "the size of region regs changed from 4096 to 8192",
    ],
    [
      "regions",
      'regions: { regs: { size: 0x1000 }, more: { kind: "ram", size: 0x1000 } },',
      "the number of regions changed from 1 to 2",
    ],
  ])("%s", async (_, spec, message) => {
    const { path, qemu, go } = await change({}, { spec });
    expect(go()).rejects.toThrow(`${path}: anew: ${message}, which devices that exist cannot take on`);
    expect(await code(qemu)).toBe(1);
    expect((await scripts(qemu))[0]).toMatchObject({
      instances: 1,
      "last-error": expect.stringContaining(message),
    });
    writeFileSync(path, anew(3));
    expect(await reload(qemu, path)).not.toHaveProperty("last-error");
    expect(await code(qemu)).toBe(3);
  });

  test("which come by device_add", async () => {
    const card = (value: number, spec: string) => `
      import { lines, PCIDevice } from "qemu-script";
      export default class Card extends PCIDevice.with({
        type: "card", pci: { vendor: 0x1234, device: 1, class: 0xff00 }, ${spec}
      }) {
        realize() { this.show(); }
        reloaded() { this.show(); }
        show() { this.object.addProperty("code", { type: "int", get: () => ${value} }); }
      }`;
    const path = script(card(1, ""));
    const qemu = await Qemu.start({
      args: [
        ...MACHINE,
        "-script",
        `path=${path}`,
        "-device",
        "pcie-root-port,id=rp",
        "-device",
        "card,id=old",
      ],
      qtest: true,
    });
    const codeOf = (id: string) => qemu.qmp.execute("qom-get", { path: id, property: "code" });
    writeFileSync(path, card(2, "inputs: { pins: lines(2) },"));
    expect(reload(qemu, path)).rejects.toThrow("card: the GPIO inputs changed from 0 to 1");
    await qemu.qmp.execute("device_add", { driver: "card", id: "late", bus: "rp" });
    expect([await codeOf("old"), await codeOf("late")]).toEqual([1, 2]);
    expect(await qemu.qmp.human("info qtree")).toContain('gpio-in "pins" 2');
    // Each takes what fits: this fits neither, but for one of them it is the type's own.
    writeFileSync(path, card(3, "inputs: { pins: lines(2) },"));
    expect(reload(qemu, path)).rejects.toThrow("the GPIO inputs changed from 0 to 1");
    expect([await codeOf("old"), await codeOf("late")]).toEqual([1, 2]);
    writeFileSync(path, card(4, ""));
    expect(reload(qemu, path)).rejects.toThrow("the GPIO inputs changed from 1 to 0");
  });
});

test("a device that was unrealized meanwhile is not realized with what it was not made for", async () => {
  const { path, qemu } = await change({}, {}, ",id=it");
  const realized = (value: boolean) =>
    qemu.qmp.execute("qom-set", { path: "it", property: "realized", value });
  await realized(false);
  writeFileSync(path, anew(2, { state: "kept: u32(7), more: u64.array(40000)", spec: 'irqs: ["a", "b"],' }));
  await reload(qemu, path);
  expect(realized(true)).rejects.toThrow("anew: the object was made before its script was loaded anew");
  expect((await scripts(qemu))[0]).toMatchObject({ generation: 2, instances: 0 });
});

describe("a reload that comes to nothing", () => {
  test("with a message that is half a character is told of all the same", async () => {
    const { path, qemu, go } = await change({}, { head: 'throw new Error("ab\u{1f600}".slice(0, 3));' });
    expect(go()).rejects.toThrow(/:5:\d+: ab/);
    expect((await scripts(qemu))[0]!["last-error"]).toEndWith("ab\ufffd");
    writeFileSync(path, anew(3));
    await reload(qemu, path);
  });

  test("leaves new types that work, and that the next one knows", async () => {
    const extra = (value: number) =>
      `export class Extra extends SysBusDevice.with({ type: "extra", state: {} }) {
        init() { this.object.addProperty("code", { type: "int", get: () => ${value} }); }
      }`;
    const bad = 'export class Zbad extends SysBusDevice.with({ type: "pl011" }) {}';
    const { path, qemu } = await change({}, {});
    writeFileSync(path, anew(2, { tail: `${extra(2)}\n${bad}` }));
    expect(reload(qemu, path)).rejects.toThrow("there is a type 'pl011' already");
    expect(await code(qemu)).toBe(1);
    const maker = `make() { globalThis.made = Extra.new(); this.object.addChild("made", globalThis.made); }`;
    writeFileSync(
      path,
      anew(3, { tail: extra(3), members: maker, registers: 'MAKE: { at: 8, write: "make" },' }),
    );
    await reload(qemu, path);
    expect((await scripts(qemu))[0]).toMatchObject({ types: ["anew", "extra"], generation: 2 });
    await qemu.qtest.writel(BASE + 8, 0);
    const list = await qemu.qmp.execute<{ name: string; type: string }[]>("qom-list", {
      path: "/machine/peripheral-anon",
    });
    const { name } = list.find(({ type }) => type === "child<anew>")!;
    const made = `/machine/peripheral-anon/${name}/made`;
    expect(await qemu.qmp.execute("qom-get", { path: made, property: "code" })).toBe(3);
  });

  test("because it does not end, ends", async () => {
    const { path, qemu, go } = await change({}, { head: "await new Promise(() => {});" });
    expect(go()).rejects.toThrow(`${path}: is not loaded after 5 s: it awaits something that does not come`);
    writeFileSync(path, anew(3));
    await reload(qemu, path);
    expect(await code(qemu)).toBe(3);
  });
});

test("while a migration is to come, a reload is not now, and the monitor goes on", async () => {
  const path = script(anew(1));
  const qemu = await Qemu.start({
    args: [...MACHINE, "-device", `script,path=${path},watch=on`, "-incoming", "defer"],
    qtest: true,
  });
  writeFileSync(path, anew(2));
  expect(reload(qemu, path)).rejects.toThrow("not now: the machine is being saved, loaded or migrated");
  expect(reload(qemu, path)).rejects.toThrow("not now: the machine is being saved, loaded or migrated");
  expect(await qemu.qmp.execute("query-status")).toMatchObject({ status: "inmigrate" });
  expect(qemu.stderr.all).toBe("");
});

test("new code that does not return, while the machine is stopped, is noticed, and QEMU can end", async () => {
  const { qemu, go } = await change({}, { members: "migrate() { for (;;); }" });
  go().catch(() => {});
  await qemu.stderr.waitFor("has not returned for 1 s", SOON_MS);
  qemu.signal("SIGTERM");
  expect(await qemu.waitForExit(SOON_MS)).toEqual({ status: 1, signal: null });
});

test("an object that was made before is not realized with what it was not made for", async () => {
  const maker = (state: string) =>
    anew(1, {
      tail: `export class Part extends SysBusDevice.with({ type: "part", state: { ${state} } }) {
        reset() { this.a = 1; }
      }`,
      registers: 'MAKE: { at: 8, write: "make" }, REALIZE: { at: 12, write: "bring" },',
      members: `make() { globalThis.part = globalThis.Part.new(); this.object.addChild("part", globalThis.part); }
        bring() { globalThis.part.realize(); }`,
    }).concat("globalThis.Part = Part;\n");
  const path = script(maker("a: u32"));
  const qemu = await start(path);
  await qemu.qtest.writel(BASE + 8, 0);
  writeFileSync(path, maker("a: u32, b: u64.array(1000)"));
  await reload(qemu, path);
  await qemu.qtest.writel(BASE + 12, 0);
  await qemu.stderr.waitFor("the object was made before its script was loaded anew", SOON_MS);
  expect(await code(qemu)).toBe(1);
});

describe("query-scripts and its like", () => {
  test("tell of all scripts in the order in which they were loaded", async () => {
    const first = script(anew(1), "first.ts");
    const second = script(anew(1, { type: "second" }), "second.ts");
    const qemu = await start(first, "", ["-script", `path=${second}`]);
    const found = await scripts(qemu);
    expect(found).toEqual(
      [
        { path: second, types: ["second"], generation: 1, "loaded-at": expect.any(String), instances: 0 },
        { path: first, types: ["anew"], generation: 1, "loaded-at": expect.any(String), instances: 1 },
      ].sort(
        (a, b) =>
          found.findIndex(({ path }) => path === a.path) - found.findIndex(({ path }) => path === b.path),
      ),
    );
    expect(Math.abs(Date.now() - Date.parse(found[0]!["loaded-at"]))).toBeLessThan(TEST_MS);
    expect(found[0]!["loaded-at"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test("in a machine without scripts tell of none", async () => {
    const qemu = await Qemu.start({ args: MACHINE, qtest: true });
    expect(await scripts(qemu)).toEqual([]);
    expect(await qemu.qmp.human("info scripts")).toBe("");
    expect(qemu.qmp.execute("script-reload", { path: "/x.ts" })).rejects.toThrow("no such script was loaded");
  });

  test("in the human monitor", async () => {
    const { path, qemu } = await change({}, {}, ",id=it");
    const line = (generation: number) =>
      new RegExp(`^${path}: generation ${generation}, loaded at \\S+Z, 1 instance\\r\\n  types: anew\\r\\n`);
    expect(await qemu.qmp.human("info scripts")).toMatch(line(1));
    writeFileSync(path, anew(2));
    expect(await qemu.qmp.human(`script_reload ${path}`)).toMatch(line(2));
    expect(await code(qemu)).toBe(2);
    expect(await qemu.qmp.human("script_reload it")).toMatch(line(3));
    writeFileSync(path, "oh");
    expect(await qemu.qmp.human("script_reload it")).toStartWith(`Error: ${path}`);
    expect(await qemu.qmp.human("info scripts")).toContain("  last error: /");
    expect(await qemu.qmp.human("script_reload nobody")).toBe("Error: Device 'nobody' not found\r\n");
  });

  test("are in the schema", async () => {
    const qemu = await Qemu.start({ args: MACHINE, qtest: true });
    const schema = await qemu.qmp.execute<{ name: string; "meta-type": string }[]>("query-qmp-schema");
    const named = (name: string) => schema.find((entry) => entry.name === name)?.["meta-type"];
    expect(["query-scripts", "script-reload"].map(named)).toEqual(["command", "command"]);
    expect(["SCRIPT_RELOADED", "SCRIPT_ERROR"].map(named)).toEqual(["event", "event"]);
  });
});

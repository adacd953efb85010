/** What of a device goes on under new code: its state, timers, input, lines, and what its script opened. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { Poker } from "../lib/poker.ts";
import { endAll, folder, HEADLESS, Qemu, script } from "../lib/qemu.ts";
import { type Anew, anew, REG, reload } from "../lib/reload.ts";
import { load, makeImage, save, withImage } from "../lib/snapshots.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];
const BASE = VIRT.platformBus;

async function start(before: Anew, options = "", more: Partial<Parameters<typeof Qemu.start>[0]> = {}) {
  const path = script(anew(1, before));
  const { args = [], ...rest } = more;
  const qemu = await Qemu.start({
    args: [...MACHINE, "-device", `script,path=${path}${options}`, ...args],
    qtest: true,
    ...rest,
  });
  return {
    path,
    qemu,
    to(after: Anew) {
      writeFileSync(path, anew(2, after));
      return reload(qemu, path);
    },
  };
}

/** A register that does something. */
const act = (at: number, method: string) => `R${at}: { at: ${at}, write: "${method}" },`;

const print = (expression: string) =>
  `show() { console.error(JSON.stringify(${expression}, (_, v) => typeof v === "bigint" ? \`\${v}n\` : ArrayBuffer.isView(v) ? [...v] : v)); }`;

async function shown(qemu: Qemu): Promise<unknown> {
  await qemu.qtest.writel(BASE + 0x10, 0);
  await qemu.stderr.waitFor("\n", SOON_MS);
  return JSON.parse(qemu.stderr.lines.at(-1)!);
}

describe("a schema that changes", () => {
  test("keeps fields by name and kind, gives new ones their reset value, and drops the rest", async () => {
    const { qemu, to } = await start({
      state:
        "kept: u32(7), gone: u32(8), wider: u8(0), other: u32(0), list: u16.array(3), one: struct({ a: u8, b: u32 })",
      registers: act(8, "fill"),
      members: `fill() {
        Object.assign(this, { gone: 80, wider: 200, other: 5 });
        this.list.set([1, 2, 3]);
        this.one.a = 9; this.one.b = 10;
      }`,
    });
    await qemu.qtest.writel(BASE + REG.KEPT, 70);
    await qemu.qtest.writel(BASE + 8, 0);
    await to({
      state:
        "fresh: u64(1n), wider: u32(1), one: struct({ b: u32, c: u32(11), a: u16 }), list: u16.array(5), other: bool, kept: u32(7)",
      registers: act(0x10, "show"),
      members: print(
        "[this.fresh, this.wider, this.one.a, this.one.b, this.one.c, this.list, this.other, this.kept]",
      ),
    });
    expect(await shown(qemu)).toEqual(["1n", 200, 9, 10, 11, [1, 2, 3, 0, 0], false, 70]);
    await qemu.qmp.execute("system_reset");
    await qemu.qmp.waitForEvent("RESET");
    expect(await shown(qemu)).toEqual(["1n", 1, 9, 10, 11, [1, 2, 3, 0, 0], false, 7]);
  });

  test("can be helped by migrate(), which has the old state", async () => {
    const { qemu, to } = await start({
      state: "kept: u32(7), old: u32(3), on: bool, big: u64(5n), list: u8.array(2)",
    });
    await to({
      state: "kept: u32(7), renamed: u32(0)",
      registers: act(0x10, "show"),
      members: `migrate(old) {
        this.renamed = old.old * 2;
        this.kept += 1;
        this.was = old;
      } ${print("[this.kept, this.renamed, this.was]")}`,
    });
    expect(await shown(qemu)).toEqual([8, 6, { kept: 7, old: 3, on: false, big: "5n", list: [0, 0] }]);
  });

  test.each([
    ["migrate()", 'migrate() { this.kept = 99; throw new Error("cannot"); }'],
    ["its constructor", 'constructor() { super(); this.kept = 99; throw new Error("cannot"); }'],
  ])("is refused if %s throws, and nothing is lost", async (_, members) => {
    const { path, qemu, to } = await start({});
    expect(to({ state: "more: u32(1), kept: u32(7)", members })).rejects.toThrow(
      new RegExp(`^${path}:\\d+:\\d+: cannot`),
    );
    expect([await qemu.qtest.readl(BASE), await qemu.qtest.readl(BASE + REG.KEPT)]).toEqual([1, 7]);
    await to({});
    expect([await qemu.qtest.readl(BASE), await qemu.qtest.readl(BASE + REG.KEPT)]).toEqual([2, 7]);
  });

  test("of a reset value is of interest at the next reset", async () => {
    const { qemu, to } = await start({});
    await to({ state: "kept: u32(8)" });
    expect(await qemu.qtest.readl(BASE + REG.KEPT)).toBe(7);
    await qemu.qmp.execute("system_reset");
    await qemu.qmp.waitForEvent("RESET");
    expect(await qemu.qtest.readl(BASE + REG.KEPT)).toBe(8);
  });

  test("is saved and loaded as it is now; versions before are still loaded", async () => {
    const v2: Anew = {
      spec: "migration: { version: 2, minimum: 1 },",
      state: "kept: u32(7), more: since(2, u32(5))",
      registers: 'MORE: { at: 8, field: "more" },',
    };
    const { path, qemu, to } = await start({});
    const image = await makeImage(qemu, folder());
    await qemu.qtest.writel(BASE + REG.KEPT, 71);
    await save(qemu, "one");
    await to(v2);
    await qemu.qtest.writel(BASE + REG.KEPT, 72);
    await qemu.qtest.writel(BASE + 8, 6);
    await save(qemu, "two");
    await load(qemu, "one");
    expect(await qemu.qtest.readl(BASE + REG.KEPT)).toBe(71);
    await load(qemu, "two");
    expect([await qemu.qtest.readl(BASE + REG.KEPT), await qemu.qtest.readl(BASE + 8)]).toEqual([72, 6]);
    await qemu.quit();
    // What was saved is what a machine that never heard of the first text takes.
    const again = await Qemu.start({
      args: [...MACHINE, "-device", `script,path=${path}`, ...withImage(image)],
      qtest: true,
    });
    await load(again, "two");
    expect([await again.qtest.readl(BASE + REG.KEPT), await again.qtest.readl(BASE + 8)]).toEqual([72, 6]);
  });

  test("is brought up to date by preSave(), and postSave() comes when it has been taken", async () => {
    const { qemu, to } = await start({
      members: `late = 55;
        preSave() { this.kept = this.late; }
        postSave() { console.error("saved " + this.kept); this.kept = 0; }`,
    });
    await to({ state: "more: u32(1), kept: u32(7)" });
    await qemu.stderr.waitFor("saved 55\n", SOON_MS);
    expect(await qemu.qtest.readl(BASE + REG.KEPT)).toBe(55);
  });

  test("hands over what save() makes to load(), with the version that made it", async () => {
    const bytes = (spec: string, members: string): Anew => ({ spec, members, registers: act(0x10, "show") });
    const { qemu, to } = await start(
      bytes("", 'list = ["a"]; save() { return Buffer.from(this.list.join()); } load(b) {} show() {}'),
    );
    await to(
      bytes(
        "migration: { version: 2, minimum: 1 },",
        `save() { return undefined; }
        load(bytes, version) { this.got = [Buffer.from(bytes).toString(), version]; }
        ${print("this.got")}`,
      ),
    );
    expect(await shown(qemu)).toEqual(["a", 1]);
  });
});

describe("timers", () => {
  const timed = (state: string, members: string): Anew => ({
    state: `kept: u32(0), ${state}`,
    registers: act(8, "arm"),
    members,
  });

  test("of the state expire when they would have, into the new code, also where the schema changes", async () => {
    const { qemu, to } = await start(
      timed(
        'alarm: timer({ expired: "ring" }), tick: timer({ periodic: true, expired: "count" })',
        `
        arm() { this.alarm.after(5000); this.tick.every(2000); }
        ring() { this.kept += 1; }
        count() { this.kept += 0x10; }`,
      ),
    );
    await qemu.qtest.writel(BASE + 8, 0);
    await qemu.qtest.clockStep(2000);
    expect(await qemu.qtest.readl(BASE + REG.KEPT)).toBe(0x10);
    await to(
      timed(
        'fresh: u32(1), tick: timer({ periodic: true, expired: "count" }), alarm: timer({ expired: "ring" })',
        `
        arm() {}
        ring() { this.kept += 0x100; }
        count() { this.kept += 0x1000; }`,
      ),
    );
    expect(await qemu.qtest.readl(BASE + REG.KEPT)).toBe(0x10);
    await qemu.qtest.clockStep(1999);
    expect(await qemu.qtest.readl(BASE + REG.KEPT)).toBe(0x10);
    await qemu.qtest.clockStep(1);
    expect(await qemu.qtest.readl(BASE + REG.KEPT)).toBe(0x1010);
    await qemu.qtest.clockStep(1000);
    expect(await qemu.qtest.readl(BASE + REG.KEPT)).toBe(0x1110);
  });

  test("that the new code has not, do not expire any more", async () => {
    const { qemu, to } = await start(
      timed(
        'alarm: timer({ expired: "ring" })',
        "arm() { this.alarm.after(5000); } ring() { this.kept += 1; }",
      ),
    );
    await qemu.qtest.writel(BASE + 8, 0);
    await to(timed('other: timer({ expired: "ring" })', "arm() {} ring() { this.kept += 1; }"));
    await qemu.qtest.clockStep(10000);
    expect(await qemu.qtest.readl(BASE + REG.KEPT)).toBe(0);
  });

  test("and servers of Bun's end with the code that started them, wherever it did", async () => {
    const loud: Anew = {
      head: 'setInterval(() => console.error("module"), 1);',
      registers: act(8, "arm"),
      members: `realize() { setInterval(() => console.error("realize"), 1); this.server = Bun.serve({ port: 0, fetch: () => new Response("old") }); console.error(\`port \${this.server.port}.\`); }
        arm() { setInterval(() => console.error("handler"), 1); }`,
    };
    const { qemu, to } = await start(loud);
    const port = (await qemu.stderr.waitFor(/port (\d+)\./, SOON_MS))[1];
    expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe("old");
    await qemu.qtest.writel(BASE + 8, 0);
    for (const who of ["module", "realize", "handler"]) {
      await qemu.stderr.waitFor(who, SOON_MS);
    }
    await to({ members: 'reloaded() { console.error("reloaded"); }' });
    await qemu.stderr.waitFor("reloaded\n", SOON_MS);
    for (let i = 0; i < 20; i++) {
      await qemu.qtest.readl(BASE);
    }
    expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow();
    expect(qemu.stderr.rest).toBe("");
  });

  test("are no more when reloaded() starts its own: a server has the same port again", async () => {
    const serves = (answer: string): Anew => ({
      state: "kept: u32(0), port: u16",
      members: `realize() { this.open(); } reloaded() { this.open(); }
        open() {
          this.port = Bun.serve({ port: this.port, fetch: () => new Response("${answer}") }).port;
          console.error(\`port \${this.port}.\`);
        }`,
    });
    const { qemu, to } = await start(serves("old"));
    const [, port] = await qemu.stderr.waitFor(/port (\d+)\./, SOON_MS);
    await to(serves("new"));
    await qemu.stderr.waitFor(`port ${port}.`, SOON_MS);
    expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe("new");
  });
});

describe("the old device", () => {
  test("is told to retire; later uses of it throw", async () => {
    const { qemu, to } = await start({
      members: `realize() { globalThis.old = this; }
        retire() { console.error("retired with " + this.kept); }`,
    });
    await to({
      registers: act(0x10, "show"),
      members: `show() {
        const { old } = globalThis;
        for (const use of [() => old.kept, () => old.config, () => old.irqs.drive(0), () => old.object.path]) {
          try { console.error(String(use())); } catch (error) { console.error(error.name); }
        }
        console.error("end");
      }`,
    });
    await qemu.stderr.waitFor("retired with 7\n", SOON_MS);
    await qemu.qtest.writel(BASE + 0x10, 0);
    await qemu.stderr.waitFor("end\n", SOON_MS);
    expect(qemu.stderr.lines.slice(-5)).toEqual([
      "StaleError",
      "[object Object]",
      "StaleError",
      "StaleError",
      "end",
    ]);
  });

  test("that throws when it retires is told of, and goes all the same", async () => {
    const { qemu, to } = await start({ members: 'retire() { throw new Error("never"); }' });
    await to({});
    await qemu.stderr.waitFor("never (retire of anew)", SOON_MS);
    expect(await qemu.qtest.readl(BASE)).toBe(2);
  });
});

describe("old code that is wrong does not stay for that", () => {
  test.each([
    ["preSave() throws", 'preSave() { throw new Error("wrong"); }'],
    ["save() throws", 'save() { throw new Error("wrong"); } load() {}'],
    ["retire() throws", 'retire() { throw new Error("wrong"); }'],
    ["it froze itself", "realize() { Object.freeze(this); }"],
  ])("when %s", async (_, members) => {
    const { path, qemu, to } = await start({ members });
    await to({ members: "load() {} save() { return undefined; }" });
    expect([await qemu.qtest.readl(BASE), await qemu.qtest.readl(BASE + REG.KEPT)]).toEqual([2, 7]);
    writeFileSync(path, anew(3));
    await reload(qemu, path);
    expect(await qemu.qtest.readl(BASE)).toBe(3);
  });

  test("when it takes a device of its own away as it retires", async () => {
    const tail = `export class Part extends SysBusDevice.with({ type: "part", state: { a: u32 } }) {}`;
    const parent = (retire: string) => ({
      tail,
      members: `realize() { this.part = Part.new(); this.object.addChild("part", this.part); this.part.realize(); }
        retire() { ${retire} }`,
    });
    const { path, qemu, to } = await start(parent("this.part.unparent();"));
    await to(parent(""));
    expect(await qemu.qtest.readl(BASE)).toBe(2);
    writeFileSync(path, anew(3, parent("")));
    await reload(qemu, path);
    expect(await qemu.qtest.readl(BASE)).toBe(3);
    expect(qemu.stderr.all).toBe("");
  });
});

describe("input", () => {
  const uart = (offset: number): Anew => ({
    spec: "properties: { chardev: chardev() },",
    state: "kept: u32(0), count: u32(0)",
    registers: 'COUNT: { at: 8, field: "count" },',
    members: `get room() { return this.count < 4 ? 1 : 0; }
      receive(bytes) { for (const byte of bytes) { this.kept = byte + ${offset}; this.count++; } }`,
  });

  test("goes to the new code, and is held back as it has room", async () => {
    const { qemu, to } = await start(uart(0), ",chardev=line", { lines: ["line"] });
    const line = qemu.line("line");
    const received = async (count: number) => {
      while ((await qemu.qtest.readl(BASE + 8)) !== count) {
        // It comes by itself.
      }
      return qemu.qtest.readl(BASE + REG.KEPT);
    };
    await line.write("\x01\x02");
    expect(await received(2)).toBe(2);
    await to(uart(0x100));
    await line.write("\x03\x04\x05\x06");
    expect(await received(4)).toBe(0x104);
    await qemu.qtest.writel(BASE + 8, 2);
    expect(await received(4)).toBe(0x106);
  });

  test("comes from now on if the new code receives, and no more if it does not", async () => {
    const deaf: Anew = { spec: "properties: { chardev: chardev() },", state: "kept: u32(0), count: u32(0)" };
    const { qemu, path, to } = await start(deaf, ",chardev=line", { lines: ["line"] });
    await qemu.line("line").write("\x01");
    await to(uart(0));
    while ((await qemu.qtest.readl(BASE + 8)) !== 1) {
      // It comes by itself.
    }
    writeFileSync(path, anew(3, deaf));
    await reload(qemu, path);
    await qemu.line("line").write("\x02");
    for (let i = 0; i < 20; i++) {
      expect(await qemu.qtest.readl(BASE + REG.KEPT)).toBe(1);
    }
  });

  test("levels of lines in and out are what they were", async () => {
    const wired: Anew = {
      spec: 'irqs: ["a", "b"], inputs: { pins: lines(3) }, outputs: { out: lines(2) },',
      registers: `${act(8, "drive")} ${act(0x10, "show")}`,
      members: `drive() { this.irqs.b.raise(); this.outputs.out.set(1, true); }
        ${print("[this.irqs.a.level, this.irqs.b.level, this.outputs.out.levels, this.inputs.pins.levels]")}`,
    };
    const { qemu, to } = await start(wired, ",id=it");
    await qemu.qtest.setIrqIn("/machine/peripheral/it", "pins", 2, 1);
    await qemu.qtest.writel(BASE + 8, 0);
    const before = await shown(qemu);
    expect(before).toEqual([false, true, 2, 4]);
    await to(wired);
    expect(await shown(qemu)).toEqual(before);
  });
});

describe("resets and other calls", () => {
  test("go to what the new code has for them", async () => {
    const { qemu, path, to } = await start({});
    const reset = async () => {
      await qemu.qtest.writel(BASE + REG.KEPT, 1);
      await qemu.qmp.execute("system_reset");
      await qemu.qmp.waitForEvent("RESET");
      return qemu.qtest.readl(BASE + REG.KEPT);
    };
    expect(await reset()).toBe(7);
    await to({ members: "resetExit() { this.kept += 0x100; }" });
    expect(await reset()).toBe(0x107);
    writeFileSync(path, anew(3, { members: "reset() { this.kept = 5; }" }));
    await reload(qemu, path);
    expect(await reset()).toBe(5);
    writeFileSync(path, anew(4, { state: "kept: u32" }));
    await reload(qemu, path);
    expect(await reset()).toBe(1);
  });

  test("properties that the script computes are the new code's", async () => {
    const shows = (value: number): Anew => ({
      members: `realize() { this.show(); } reloaded() { this.show(); }
        show() { this.object.addProperty("code", { type: "int", get: () => ${value} }); }`,
    });
    const { qemu, to } = await start(shows(1), ",id=it");
    const get = () => qemu.qmp.execute("qom-get", { path: "it", property: "code" });
    expect(await get()).toBe(1);
    await to(shows(2));
    expect(await get()).toBe(2);
    await to({});
    expect(get()).rejects.toThrow("Property 'anew.code' not found");
  });
});

describe("an asynchronous handler", () => {
  const slow = (value: number, body: string): Anew => ({
    registers: 'SLOW: { at: 8, read: "slow" },',
    members: `async slow() { console.error("waiting"); ${body}; return ${value}; }`,
  });

  test("answers before the new code takes over, and accesses behind it go to the new code", async () => {
    const path = script(anew(1, slow(1, "await Bun.sleep(100)")));
    const poker = await Poker.start(path);
    await poker.askRead(8);
    await poker.qemu.stderr.waitFor("waiting", SOON_MS);
    writeFileSync(path, anew(2, slow(2, "")));
    await reload(poker.qemu, path);
    expect((await poker.answer()).value).toBe(1);
    expect(await poker.read(8)).toBe(2);
    expect(await poker.read(0)).toBe(2);
  });

  test("that does not settle is cut short", async () => {
    const path = script(
      anew(1, {
        ...slow(1, "await new Promise(() => {})"),
        spec: "regions: { regs: { size: 0x1000, errorValue: 0xdead } },",
      }),
    );
    const poker = await Poker.start(path);
    await poker.askRead(8);
    await poker.qemu.stderr.waitFor("waiting", SOON_MS);
    writeFileSync(
      path,
      anew(2, { ...slow(2, ""), spec: "regions: { regs: { size: 0x1000, errorValue: 0xdead } }," }),
    );
    await reload(poker.qemu, path);
    expect((await poker.answer()).value).toBe(0xdead);
    expect(await poker.read(8)).toBe(2);
  });
});

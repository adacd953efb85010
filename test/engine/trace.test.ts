/** Trace events that scripts name, and those of their registers: -trace, the monitor, and what they cost when off. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { Poker } from "../lib/poker.ts";
import { PL011 } from "../lib/program.ts";
import { endAll, HEADLESS, Qemu, script } from "../lib/qemu.ts";
import { reload } from "../lib/reload.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const BASE = VIRT.platformBus;
const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];

/** What QEMU and its scripts have printed, all of it, once the last line is there. */
async function said(qemu: Qemu, lines: readonly string[]): Promise<void> {
  await qemu.stderr.waitFor(`${lines.at(-1)}\n`, SOON_MS);
  expect(qemu.stderr.lines).toEqual([...lines]);
}

const path = () =>
  script(`
    import { registers, SysBusDevice, u32 } from "qemu-script";
    export default class Traced extends SysBusDevice.with({
      type: "traced-ts",
      traces: {
        traced_text: (value) => "value " + value,
        traced_lazy(device, value) {
          device.asked++;
          return "100 % of " + value + (device.trace.traced_lazy.enabled ? "" : " off");
        },
      },
      state: { ctrl: u32, loads: u32.array(2), asked: u32 },
      regions: {
        regs: { size: 0x40 },
        window: { name: "a window", size: 0x10, read: "look", write: "put", handled: { min: 1, max: 8 } },
        quiet: { size: 0x10, read: "look", trace: false },
      },
    }) {
      static {
        registers(Traced, "regs", {
          CTRL: { at: 0, field: "ctrl", bits: { EN: 0, MODE: [6, 4], IRQ: 31 } },
          LOAD: { at: 0x10, count: 2, stride: 8, field: "loads" },
          SAY: { at: 4, write: "say" },
          ASKED: { at: 8, field: "asked" },
          LATER: { at: 12, read: "later" },
        });
      }
      say(value) {
        this.trace.traced_text(value);
        this.trace.traced_lazy(this, value);
      }
      async later() {
        await Bun.sleep(1);
        return 5;
      }
      look(offset) {
        return 2n ** 40n + BigInt(offset);
      }
      put() {}
    }`);

const start = (...args: string[]) =>
  Qemu.start({ args: [...MACHINE, "-device", `script,path=${path()}`, ...args], qtest: true });

describe("events that a script names", () => {
  test("are there for -trace, by name", async () => {
    const qemu = await start("-trace", "traced_text");
    await qemu.qtest.writel(BASE + 4, 7);
    expect(await qemu.qtest.readl(BASE + 8)).toBe(0);
    await said(qemu, ["traced_text value 7"]);
  });

  test("by pattern; a text is made only then", async () => {
    const qemu = await start("-trace", "traced_[lt]*");
    expect(qemu.stderr.lines).toEqual([]);
    const glob = await start("-trace", "traced_*");
    await glob.qtest.writel(BASE + 4, 8);
    expect(await glob.qtest.readl(BASE + 8)).toBe(1);
    await said(glob, [
      "traced_ts_regs_write SAY <- 0x8",
      "traced_text value 8",
      "traced_lazy 100 % of 8",
      "traced_ts_regs_read ASKED -> 0x1",
    ]);
  });

  test("are switched by the monitor, which lists them", async () => {
    const qemu = await start();
    const { qmp, qtest } = qemu;
    expect(await qmp.human("info trace-events traced_t*")).toBe(
      "traced_text : state 0\r\ntraced_ts_regs_write : state 0\r\ntraced_ts_regs_read : state 0\r\n",
    );
    await qtest.writel(BASE + 4, 1);
    expect(await qmp.human("trace-event traced_text on")).toBe("");
    expect(await qmp.human("info trace-events traced_text")).toBe("traced_text : state 1\r\n");
    await qtest.writel(BASE + 4, 2);
    await qmp.human("trace-event traced_text off");
    await qtest.writel(BASE + 4, 3);
    await said(qemu, ["traced_text value 2"]);
  });

  test("are in the help, and nothing warns of them", async () => {
    const { status, stdout, stderr } = await Qemu.run([
      "-M",
      "none",
      "-script",
      `path=${path()}`,
      "-trace",
      "help",
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const name of [
      "traced_text",
      "traced_lazy",
      "traced_ts_regs_read",
      "a_window_write",
      "pl011_read",
    ]) {
      expect(stdout.split("\n").filter((line) => line === name)).toEqual([name]);
    }
    expect(stdout).not.toContain("quiet");
  });

  test("have time and thread as QEMU's have, if -msg asks for it", async () => {
    const qemu = await start("-trace", "traced_text", "-msg", "timestamp=on");
    await qemu.qtest.writel(BASE + 4, 7);
    await qemu.stderr.waitFor("traced_text value 7\n", SOON_MS);
    expect(qemu.stderr.all).toMatch(/^\d+@\d+\.\d{6}:traced_text value 7\n$/);
  });
});

test("a type has its parent's events, and new code its own texts", async () => {
  const text = (word: string) => `
    import { registers, SysBusDevice } from "qemu-script";
    class Parent extends SysBusDevice.with({
      type: "parent-ts",
      traces: { parent_event: (value) => "${word} " + value },
      regions: { regs: { size: 0x10 } },
    }) {
      static {
        registers(Parent, "regs", { SAY: { at: 0, write: "say" } });
      }
      say(value) {
        this.trace.parent_event(value);
      }
    }
    export default class Child extends Parent.with({
      type: "child-ts",
      traces: { child_event: (value) => "${word} " + value },
    }) {
      say(value) {
        super.say(value);
        this.trace.child_event(value + 1);
      }
    }
    export { Parent };`;
  const file = script(text("first"));
  const qemu = await Qemu.start({
    args: [...MACHINE, "-device", `script,path=${file}`, "-trace", "parent_event", "-trace", "child_event"],
    qtest: true,
  });
  await qemu.qtest.writel(BASE, 1);
  writeFileSync(file, text("second"));
  await reload(qemu, file);
  await qemu.qtest.writel(BASE, 2);
  await said(qemu, [
    "parent_event first 1",
    "child_event first 2",
    "parent_event second 2",
    "child_event second 3",
  ]);
});

test("a word that is read or written is among QEMU's own events of accesses too", async () => {
  const qemu = await start("-trace", "memory_region_ops_*");
  await qemu.qtest.writel(BASE, 1);
  await qemu.qtest.readl(BASE);
  await qemu.stderr.waitFor(
    /memory_region_ops_read .*addr 0xc000000 value 0x1 size 4 name 'regs'\n/,
    SOON_MS,
  );
  expect(qemu.stderr.all).toMatch(/memory_region_ops_write .*addr 0xc000000 value 0x1 size 4 name 'regs'\n/);
});

describe("events of a region", () => {
  test("tell registers by name and their fields, elements by their index, and what is nothing", async () => {
    const qemu = await start("-trace", "traced_ts_regs_*");
    const { qtest } = qemu;
    await qtest.writel(BASE, 0x80000071);
    await qtest.readl(BASE);
    await qtest.writel(BASE + 0x18, 9);
    await qtest.readl(BASE + 0x10);
    await qtest.readl(BASE + 0x3c);
    await said(qemu, [
      "traced_ts_regs_write CTRL <- 0x80000071 EN MODE=7 IRQ",
      "traced_ts_regs_read CTRL -> 0x80000071 EN MODE=7 IRQ",
      "traced_ts_regs_write LOAD[1] <- 0x9",
      "traced_ts_regs_read LOAD[0] -> 0x0",
      "traced_ts_regs_read 0x3c -> 0x0",
    ]);
  });

  test("tell all 64 bits of a method's values", async () => {
    const qemu = await start("-trace", "a_window_*");
    const tree = await qemu.qmp.human("info mtree");
    const window = Number(`0x${/([0-9a-f]{16})-[0-9a-f]{16} \(prio 0, i\/o\): a window/.exec(tree)![1]}`);
    expect(await qemu.qtest.readq(window + 8)).toBe(2n ** 40n + 8n);
    await qemu.qtest.writeq(window, 0x1234_5678_9abc_def0n);
    await said(qemu, ["a_window_read 0x8 -> 0x10000000008", "a_window_write 0x0 <- 0x123456789abcdef0"]);
  });

  test("come when a handler has answered, also for a guest's accesses", async () => {
    const poker = await Poker.start(path(), { args: ["-trace", "traced_ts_regs_*"] });
    expect(await poker.read(12)).toBe(5);
    await poker.write(0, 1);
    await said(poker.qemu, ["traced_ts_regs_read LATER -> 0x5", "traced_ts_regs_write CTRL <- 0x1 EN"]);
    await poker.qemu.qmp.human("trace-event traced_ts_regs_read off");
    expect(await poker.read(0)).toBe(1);
    await poker.write(0, 0);
    await poker.stderr.waitFor("traced_ts_regs_write CTRL <- 0x0\n", SOON_MS);
    expect(poker.stderr.lines.length).toBe(3);
  });
});

describe("an event that QEMU has is that one", () => {
  const NAMES = { 0: "DR", 24: "FR", 44: "LCRH", 56: "IMSC" };
  const like = () =>
    script(`
      import { hex, registers, SysBusDevice, u32 } from "qemu-script";
      export default class Like extends SysBusDevice.with({
        type: "like-ts",
        state: { flags: u32(0x90), mask: u32, line: u32 },
        regions: {
          regs: {
            name: "pl011",
            size: 0x1000,
            trace: {
              text: ({ offset, value, register }) =>
                \`addr \${hex(offset, 3)} value \${hex(value, 8)} reg \${register}\`,
            },
          },
        },
      }) {
        static {
          registers(Like, "regs", {
            ${NAMES[0x18]}: { at: 0x18, field: "flags", mode: "ro" },
            ${NAMES[0x2c]}: { at: 0x2c, field: "line" },
            ${NAMES[0x38]}: { at: 0x38, field: "mask" },
          });
        }
      }`);

  test("with the same text, if the script wants it so", async () => {
    const device = ["-device", `script,path=${like()}`];
    const qemu = await Qemu.start({ args: [...MACHINE, ...device, "-trace", "pl011_*"], qtest: true });
    for (const base of [VIRT.uart, BASE]) {
      await qemu.qtest.readl(base + 0x18);
      await qemu.qtest.writel(base + 0x38, 0x7ff);
      await qemu.qtest.readl(base + 0x38);
      await qemu.qtest.writel(base + 0x2c, 0x60);
    }
    await qemu.stderr.waitFor(/pl011_write .*LCRH\n[\s\S]*pl011_write .*LCRH\n/, SOON_MS);
    const accesses = qemu.stderr.lines.filter((line) => /^pl011_(read|write) /.test(line));
    expect(accesses.length).toBe(8);
    expect(accesses.slice(0, 4)).toEqual(accesses.slice(4));
    expect(accesses[0]).toBe("pl011_read addr 0x018 value 0x00000090 reg FR");
  });

  test("once, however many scripts have it", async () => {
    const args = ["-M", "none", "-script", `path=${like()}`, "-script", `path=${PL011}`, "-trace", "help"];
    const { stdout } = await Qemu.run(args);
    expect(stdout.split("\n").filter((line) => line === "pl011_read")).toEqual(["pl011_read"]);
  });
});

test("a text that throws is reported, and the access is as it would be", async () => {
  const throwing = script(`
    import { registers, SysBusDevice, u32 } from "qemu-script";
    export default class Throwing extends SysBusDevice.with({
      type: "throwing-ts",
      state: { value: u32(3) },
      regions: { regs: { size: 4, trace: { text: () => { throw new Error("no words"); } } } },
    }) {
      static { registers(Throwing, "regs", { VALUE: { at: 0, field: "value" } }); }
    }`);
  const args = [...MACHINE, "-device", `script,path=${throwing}`, "-trace", "throwing_ts_*"];
  const qemu = await Qemu.start({ args, qtest: true });
  await qemu.qtest.writel(BASE, 4);
  expect(await qemu.qtest.readl(BASE)).toBe(4);
  await qemu.stderr.waitFor(/no words \(trace event of throwing-ts\)\n/, SOON_MS);
});

test("a script that comes later brings its events along, which are off", async () => {
  const qemu = await Qemu.start({ args: [...MACHINE, "-trace", "traced_*"], qtest: true });
  const state = () => qemu.qmp.human("info trace-events traced_text");
  expect(await state()).toContain("unknown event");
  // The script is loaded; that its device cannot be plugged in is another matter.
  const added = qemu.qmp.execute("device_add", { driver: "script", path: path() });
  expect(await added.catch((error: Error) => error.message)).toContain("hotplug");
  expect(await state()).toBe("traced_text : state 0\r\n");
});

/** Types that inherit: from each other, from QEMU's own, and of every kind. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { device, NAME, PL011 } from "../lib/program.ts";
import { endAll, folder, HEADLESS, Qemu, script } from "../lib/qemu.ts";
import { load, makeImage, save } from "../lib/snapshots.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const BASE = VIRT.platformBus;
/** The platform bus puts one region behind the other. */
const MORE = BASE + 0x100;
const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];
const FAMILY = device("family");

const start = (args: readonly string[]) => Qemu.start({ args: [...MACHINE, ...args], qtest: true });
const NO_MACHINE = ["-M", "none", "-accel", "qtest", ...HEADLESS];

async function ancestors(qemu: Qemu, type: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of [
    "object",
    "device",
    "sys-bus-device",
    "pci-device",
    "pl011",
    "ancestor-ts",
    "parent-ts",
  ]) {
    const types = await qemu.qmp.execute<{ name: string }[]>("qom-list-types", {
      implements: name,
      abstract: true,
    });
    if (name !== type && types.some((t) => t.name === type)) {
      found.push(name);
    }
  }
  return found;
}

describe("a scripted type as parent of another", () => {
  const family = (type: string, rest = "") => start(["-script", FAMILY, "-device", `${type},id=f${rest}`]);

  test("is its QOM parent", async () => {
    const qemu = await family("child-ts");
    expect(await ancestors(qemu, "child-ts")).toEqual([
      ...["object", "device", "sys-bus-device", "ancestor-ts", "parent-ts"],
    ]);
    expect(await ancestors(qemu, "parent-ts")).toEqual(["object", "device", "sys-bus-device", "ancestor-ts"]);
  });

  test("gives it fields, registers, properties and regions", async () => {
    const { qtest } = await family("child-ts", ",first=7,second=8");
    expect(await qtest.readl(BASE)).toBe(0x11);
    expect(await qtest.readl(BASE + 0xc)).toBe(0x22);
    expect(await qtest.readl(BASE + 0x14)).toBe(0x33);
    expect(await qtest.readl(MORE)).toBe(708);
    await qtest.writel(BASE + 0xc, 3);
    expect(await qtest.readl(BASE + 0x14)).toBe(0x33);
    expect(await qtest.readl(BASE)).toBe(0x11);
  });

  test("has methods that it overrides, and registers that it replaces", async () => {
    const { qtest } = await family("child-ts");
    expect(await qtest.readl(BASE + 4)).toBe(3);
    await qtest.writel(BASE, 6);
    await qtest.writel(BASE + 0xc, 7);
    expect(await qtest.readl(BASE + 8)).toBe(42);
  });

  test("has lines before its own", async () => {
    const { qtest } = await family("parent-ts");
    await qtest.interceptOut("/machine/peripheral/f");
    await qtest.writel(BASE + 0x10, 2);
    expect([qtest.irq(0), qtest.irq(1)]).toEqual([false, true]);
    await qtest.writel(BASE + 0x10, 1);
    expect([qtest.irq(0), qtest.irq(1)]).toEqual([true, false]);
  });

  test("has a life that it joins in, by super", async () => {
    const qemu = await family("child-ts");
    await qemu.qmp.execute("system_reset");
    await qemu.stderr.waitFor(/child reset\n.*child reset\n/s, SOON_MS);
    expect(qemu.stderr.lines.slice(0, 5)).toEqual([
      ...["parent made", "ancestor realized", "parent realized", "ancestor reset", "child reset"],
    ]);
  });

  test("may be abstract", async () => {
    const { status, stderr } = await Qemu.run([...MACHINE, "-script", FAMILY, "-device", "ancestor-ts"]);
    expect(status).toBe(1);
    expect(stderr).toBe(
      `${NAME}: -device ancestor-ts: Parameter 'driver' expects a non-abstract device type\n`,
    );
  });

  test("shows its properties in the child's help", async () => {
    const { stdout, status } = await Qemu.run(["-script", FAMILY, "-device", "child-ts,help"]);
    expect(status).toBe(0);
    expect(stdout).toContain("first=<uint32>         - of the ancestor (default: 1)");
    expect(stdout).toContain("second=<uint32>");
  });

  test("may come from another script", async () => {
    const child = script(`
import { registers } from "qemu-script";
import PL011 from "${PL011}";
export default class Odd extends PL011.with({ type: "odd-ts" }) {
  override readData() { return super.readData() | 0x80; }
}`);
    const qemu = await Qemu.start({
      args: [...MACHINE, "-script", PL011, "-device", `script,path=${child},chardev=line`],
      lines: ["line"],
      qtest: true,
    });
    await qemu.qtest.interceptOut("/machine/peripheral-anon/device[0]");
    await qemu.qtest.writel(BASE + 0x38, 1 << 4);
    await qemu.line("line").write("A");
    await qemu.qtest.waitForIrq(0, true);
    expect(await qemu.qtest.readl(BASE)).toBe(0xc1);
  });

  test("PL011 of the Stellaris", async () => {
    const { qtest } = await start(["-script", PL011, "-device", "pl011_luminary-ts"]);
    const id = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map((i) => qtest.readl(BASE + 0xfe0 + 4 * i)));
    expect(id).toEqual([0x11, 0x00, 0x18, 0x01, 0x0d, 0xf0, 0x05, 0xb1]);
    expect(await qtest.readl(BASE + 0x18)).toBe(0x90);
  });
});

describe("interfaces", () => {
  test("NMI reaches the device", async () => {
    const qemu = await start(["-script", FAMILY, "-device", "child-ts"]);
    await qemu.qmp.execute("inject-nmi");
    await qemu.stderr.waitFor("nmi of CPU 0\n", SOON_MS);
    expect(await qemu.qtest.readl(BASE + 0xc)).toBe(0x1000);
  });

  test("a new one finds the types that have it", async () => {
    const qemu = await Qemu.start({ args: [...NO_MACHINE, "-script", FAMILY] });
    const types = await qemu.qmp.execute<{ name: string }[]>("qom-list-types", { implements: "familiar" });
    expect(types.map(({ name }) => name).toSorted()).toEqual(["child-ts", "parent-ts"]);
  });
});

describe("init and finalize", () => {
  test("come when an object comes and goes, realized or not", async () => {
    const qemu = await Qemu.start({ args: [...NO_MACHINE, "-script", FAMILY] });
    await qemu.qmp.execute("device-list-properties", { typename: "child-ts" });
    await qemu.stderr.waitFor("parent gone\n", SOON_MS);
    expect(qemu.stderr.lines).toEqual(["parent made", "parent gone"]);
  });

  test("of a thousand objects leak nothing to speak of", async () => {
    const qemu = await Qemu.start({ args: [...NO_MACHINE, "-script", FAMILY] });
    const make = async (count: number) => {
      for (let i = 0; i < count; i++) {
        await qemu.qmp.execute("device-list-properties", { typename: "child-ts" });
      }
    };
    const resident = async () => {
      const [, pages] = (await Bun.file(`/proc/${qemu.pid}/statm`).text()).split(" ");
      return Number(pages) * 4096;
    };
    await make(500);
    const before = await resident();
    await make(1000);
    expect((await resident()) - before).toBeLessThan(8 * 2 ** 20);
  });

  test("that use what is not there yet, or no more, get an error", async () => {
    const path = script(`
import { SysBusDevice, u32 } from "qemu-script";
export default class Early extends SysBusDevice.with({
  type: "early-ts", properties: { level: u32({ default: 5 }) }, state: { kept: u32(3) }, irqs: ["out"],
}) {
  init() {
    this.kept++;
    this.irqs.out.raise();
    try { this.config.level; } catch (error) { console.log("init: " + error.message); }
  }
  realize() { console.log("realize: " + this.config.level + " " + this.kept); }
  finalize() {
    try { this.kept; } catch (error) { console.log(error.name + ": " + error.message); }
    try { this.irqs.out.raise(); } catch (error) { console.log(error.name + ": " + error.message); }
  }
}`);
    const qemu = await start(["-device", `script,path=${path}`]);
    await qemu.qmp.execute("device-list-properties", { typename: "early-ts" });
    await qemu.stderr.waitFor(/StaleError.*\nStaleError.*\n/, SOON_MS);
    expect(qemu.stderr.lines).toEqual([
      "init: early-ts: config is not known before realize()",
      "realize: 5 4",
      "init: early-ts: config is not known before realize()",
      "StaleError: early-ts is gone: its state cannot be used any more",
      "StaleError: early-ts is gone and cannot be used any more",
    ]);
  });
});

describe("a parent of QEMU's own", () => {
  const over = (body: string) =>
    script(`
import { SysBusDevice, string, u32 } from "qemu-script";
export default class Over extends SysBusDevice.with({
  type: "over-ts", parent: "pl011", properties: { refuse: string() }, state: { mine: u32(9) },
}) {
${body}
}`);

  test("does what the script does not", async () => {
    const qemu = await Qemu.start({
      args: [...MACHINE, "-device", `script,path=${over("")},chardev=line`],
      lines: ["line"],
      qtest: true,
    });
    expect(await ancestors(qemu, "over-ts")).toEqual(["object", "device", "sys-bus-device", "pl011"]);
    await qemu.qtest.writel(BASE + 0x30, 0x301);
    await qemu.qtest.writel(BASE, 0x41);
    await qemu.line("line").text.waitFor("A", SOON_MS);
    expect(await qemu.qtest.readl(BASE + 0x18)).toBe(0x90);
    await qemu.qmp.execute("system_reset");
    expect(await qemu.qtest.readl(BASE + 0x30)).toBe(0x300);
  });

  test("is reset before the script's reset", async () => {
    const path = over(`
  reset() { this.mine++; console.log("reset " + this.mine); }`);
    const qemu = await start(["-device", `script,path=${path}`]);
    await qemu.qtest.writel(BASE + 0x30, 0x301);
    await qemu.qmp.execute("system_reset");
    await qemu.stderr.waitFor(/reset 10\n.*reset 10\n/s, SOON_MS);
    expect(await qemu.qtest.readl(BASE + 0x30)).toBe(0x300);
  });

  test.each([
    ["alone, if the script has nothing to add", "", ""],
    [
      "with the script's state",
      "state: { mine: u32(9) }, regions: { extra: { size: 0x10 } },",
      'static { registers(Over, "extra", { MINE: { at: 0, field: "mine" } }); }',
    ],
  ])("migrates, %s", async (_, spec, body) => {
    const path = script(`
import { registers, SysBusDevice, u32 } from "qemu-script";
export default class Over extends SysBusDevice.with({ type: "over-ts", parent: "pl011", ${spec} }) { ${body} }`);
    const qemu = await start(["-device", `script,path=${path}`]);
    const { qtest } = qemu;
    await makeImage(qemu, folder());
    await qtest.writel(BASE + 0x30, 0x301);
    await qtest.writel(BASE + 0x1000, 77);
    const extra = spec === "" ? 0 : 77;
    await save(qemu, "one");
    await qtest.writel(BASE + 0x30, 0x300);
    await qtest.writel(BASE + 0x1000, 78);
    await load(qemu, "one");
    expect(await qtest.readl(BASE + 0x30)).toBe(0x301);
    expect(await qtest.readl(BASE + 0x1000)).toBe(extra);
  });

  test("is reached by super", async () => {
    const path = over(`
  realize() { console.log("before"); super.realize(); console.log("after"); }`);
    const qemu = await start(["-device", `script,path=${path}`]);
    await qemu.stderr.waitFor("before\nafter\n", SOON_MS);
    expect(await qemu.qtest.readl(BASE + 0x18)).toBe(0x90);
  });

  test("that refuses is an error of the script's, and of the command line", async () => {
    const path = script(`
import { SysBusDevice } from "qemu-script";
export default class Over extends SysBusDevice.with({ type: "over-ts", parent: "arm-gicv2m" }) {
  realize() {
    super.realize();
  }
}`);
    const { status, stderr } = await Qemu.run([
      ...MACHINE,
      "-device",
      `script,path=${path},num-spi=0,base-spi=5000`,
    ]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/device\.ts:5:\d+: /);
  });
});

describe("every base", () => {
  test("device: no bus, no regions", async () => {
    const path = script(`
import { Device, u32 } from "qemu-script";
export default class Bare extends Device.with({ type: "bare-ts", properties: { n: u32({ default: 4 }) } }) {
  realize() { console.log("bare " + this.config.n); }
}`);
    const qemu = await Qemu.start({ args: [...NO_MACHINE, "-device", `script,path=${path},n=6,id=b`] });
    await qemu.stderr.waitFor("bare 6\n", SOON_MS);
    await expect(qemu.qmp.execute("device_del", { id: "b" })).rejects.toThrow(/hotplug/);
  });

  test("object: not a device", async () => {
    const path = script(`
import { QomObject, SysBusDevice, u32 } from "qemu-script";
export class Thing extends QomObject.with({ type: "thing-ts", properties: { n: u32({ default: 4 }) } }) {}
export default class Dev extends SysBusDevice.with({ type: "dev-ts" }) {}`);
    const qemu = await Qemu.start({ args: [...NO_MACHINE, "-script", path] });
    expect(await ancestors(qemu, "thing-ts")).toEqual(["object"]);
    await expect(qemu.qmp.execute("device_add", { driver: "thing-ts" })).rejects.toThrow(/thing-ts/);
  });
});

describe("what is refused", () => {
  const IMPORT = `import { Device, PCIDevice, QomObject, registers, SysBusDevice, u32 } from "qemu-script";\n`;
  const refusal = async (text: string) => {
    const path = script(IMPORT + text);
    const { status, stderr } = await Qemu.run([...NO_MACHINE, "-script", path]);
    expect(status).toBe(1);
    return stderr
      .replaceAll(path, "FILE")
      .replace(/^.*?FILE: /, "")
      .trimEnd();
  };
  const PARENT = `class P extends SysBusDevice.with({ type: "p-ts", properties: { a: u32({}) }, state: { f: u32 },
    regions: { regs: { size: 16 } }, irqs: ["x"] }) { static { registers(P, "regs", { A: { at: 0, field: "f" } }); } m() {} }\n`;
  const child = (spec: string, body = "") =>
    `${PARENT}export default class C extends P.with({ type: "c-ts", ${spec} }) {${body}}`;

  test.each([
    [
      "no such parent",
      `export default class X extends SysBusDevice.with({ type: "x-ts", parent: "nowhere" }) {}`,
      "there is no type 'nowhere' to inherit from",
    ],
    [
      "a parent of another kind",
      `export default class X extends SysBusDevice.with({ type: "x-ts", parent: "edu" }) {}`,
      "parent type 'edu' is no sys-bus-device",
    ],
    [
      "an object of QEMU's as parent",
      `export default class X extends QomObject.with({ type: "x-ts", parent: "memory-backend-ram" }) {}`,
      "parent type 'memory-backend-ram' is no object",
    ],
    [
      "two parents",
      child(`parent: "pl011"`),
      "c-ts: parent: its parent type is p-ts, which another script type declares",
    ],
    [
      "a property twice",
      child("properties: { a: u32({}) }"),
      "c-ts: properties: the parent type declares a already",
    ],
    ["a field twice", child("state: { f: u32 }"), "c-ts: state: the parent type declares f already"],
    [
      "a region twice",
      child("regions: { regs: { size: 4 } }"),
      "c-ts: regions: the parent type declares regs already",
    ],
    ["a line twice", child(`irqs: ["x"]`), "c-ts: two interrupt lines have the same name"],
    [
      "a field that hides a method",
      child("state: { m: u32 }"),
      "c-ts: the parent type has a member m, which the field of that name would hide",
    ],
    [
      "an interface with methods",
      `export default class X extends Device.with({ type: "x-ts", interfaces: ["hotplug-handler"] }) {}`,
      "'hotplug-handler' is no interface that a script can implement: only nmi and those that scripts name first",
    ],
    [
      "an interface's name",
      `export default class X extends Device.with({ type: "x-ts", interfaces: ["a b"] }) {}`,
      "'a b' is no name for a type",
    ],
    [
      "NMI without a method",
      `export default class X extends Device.with({ type: "x", interfaces: ["nmi"] }) {}`,
      "x: interface nmi: X has no method nmi()",
    ],
    [
      "regions of a bare device",
      `export default class X extends Device.with({ type: "x", regions: {} }) {}`,
      "x: a device of this kind has no regions",
    ],
    [
      "lines of a PCI device",
      `export default class X extends PCIDevice.with({ type: "x", irqs: ["a"] }) {}`,
      "x: a device of this kind has no irqs",
    ],
    [
      "clocks of an object",
      `export default class X extends QomObject.with({ type: "x", clocks: ["a"] }) {}`,
      "x: a device of this kind has no clocks",
    ],
  ])("%s", async (_, text, message) => {
    expect(await refusal(text)).toEndWith(message);
  });
});

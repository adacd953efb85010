/** Reset of scripted devices: phases, their order, and what resets a device. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { Poker } from "../lib/poker.ts";
import { endAll, folder, HEADLESS, Qemu, script } from "../lib/qemu.ts";
import { load, makeImage, save } from "../lib/snapshots.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const BASE = VIRT.platformBus;
const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];

/** A device with a register at 0 that resets to 7, and these methods. */
const device = (methods: string, base = "SysBusDevice", more = "") =>
  script(`
    import { ${base}, registers, string, u32 } from "qemu-script";
    export default class Probe extends ${base}.with({
      type: "probe-ts",
      properties: { label: string() },
      state: { value: u32(7), kept: u32 },
      ${base === "SysBusDevice" ? "regions: { regs: { size: 0x1000 } }," : ""}
      ${more}
    }) {
      ${base === "SysBusDevice" ? 'static { registers(Probe, "regs", { VALUE: { at: 0, field: "value" }, KEPT: { at: 4, field: "kept" } }); }' : ""}
      tell(what: string) {
        console.log(\`\${this.config.label} \${what}: \${this.value}\`);
        this.value++;
      }
      ${methods}
    }`);

const PHASES = `
  resetEnter(type: string) { this.tell(\`enter \${type}\`); }
  resetHold(type: string) { this.tell(\`hold \${type}\`); }
  resetExit(type: string) { this.tell(\`exit \${type}\`); }`;

const add = (path: string, label = "x") => ["-device", `script,path=${path},label=${label},id=${label}`];

async function start(args: readonly string[], first = 0) {
  const qemu = await Qemu.start({ args: [...MACHINE, ...args], qtest: true });
  /** Waits until the scripts have told so many lines after the first ones. @returns those, and what else came */
  const told = async (from: number, count: number) => {
    const until = performance.now() + SOON_MS;
    while (qemu.stderr.lines.length < from + count) {
      expect(performance.now()).toBeLessThan(until);
      await Bun.sleep(1);
    }
    return qemu.stderr.lines.slice(from);
  };
  const { qtest } = qemu;
  return {
    qemu,
    qtest,
    told,
    first: await told(0, first),
    /** Resets the machine. @returns what comes on stderr, `first` lines at least */
    async reset(): Promise<string[]> {
      const before = qemu.stderr.lines.length;
      await qemu.qmp.execute("system_reset");
      await qemu.qmp.waitForEvent("RESET");
      return told(before, first);
    },
  };
}

describe("a device with phases", () => {
  test("goes through them in order, with its reset values from the first on", async () => {
    const { first, qtest, reset } = await start(add(device(PHASES)), 3);
    const expected = ["x enter cold: 7", "x hold cold: 8", "x exit cold: 9"];
    expect(first).toEqual(expected);
    await qtest.writel(BASE, 1000);
    await qtest.writel(BASE + 4, 5);
    expect(await reset()).toEqual(expected);
    expect([await qtest.readl(BASE), await qtest.readl(BASE + 4)]).toEqual([10, 5]);
  });

  test("waits in each until all the others are in it", async () => {
    const path = device(PHASES);
    const { reset } = await start([...add(path, "a"), ...add(path, "b")], 6);
    const lines = await reset();
    expect(lines.map((line) => line.split(" ")[1])).toEqual([
      "enter",
      "enter",
      "hold",
      "hold",
      "exit",
      "exit",
    ]);
    for (let i = 0; i < 6; i += 2) {
      expect(
        lines
          .slice(i, i + 2)
          .map((line) => line[0])
          .toSorted(),
      ).toEqual(["a", "b"]);
    }
  });

  test.each([
    ["enter", 'resetEnter() { this.tell("enter"); }', ["x enter: 7"]],
    ["hold", 'resetHold() { this.tell("hold"); }', ["x hold: 7"]],
    ["exit", 'resetExit() { this.tell("exit"); }', ["x exit: 7"]],
    [
      "enter and the simple form",
      'resetEnter() { this.tell("enter"); } reset() { this.tell("reset"); }',
      ["x enter: 7", "x reset: 8"],
    ],
  ])("need not have all: %s", async (_, methods, expected) => {
    const { first, qtest, reset } = await start(add(device(methods)), expected.length);
    expect(first).toEqual(expected);
    await qtest.writel(BASE, 1000);
    expect(await reset()).toEqual(expected);
  });

  test("knows that a snapshot is to be loaded", async () => {
    const { qemu, qtest, told } = await start(add(device(PHASES)), 3);
    await makeImage(qemu, folder());
    await qtest.writel(BASE, 1234);
    await save(qemu, "before");
    await qtest.writel(BASE, 1);
    await load(qemu, "before");
    expect(await qtest.readl(BASE)).toBe(1234);
    expect(await told(3, 3)).toEqual([
      "x enter snapshot-load: 7",
      "x hold snapshot-load: 8",
      "x exit snapshot-load: 9",
    ]);
  });

  test("is reset by its guest", async () => {
    const poker = await Poker.start(device(PHASES), { properties: ",label=x" });
    await poker.write(0, 1000);
    await poker.reset();
    await poker.ready();
    expect(await poker.read(0)).toBe(10);
    const all = ["x enter cold: 7", "x hold cold: 8", "x exit cold: 9"];
    expect(poker.stderr.lines).toEqual([...all, ...all]);
  });
});

describe("the simple form", () => {
  test("finds the reset values, and comes in the hold phase", async () => {
    const simple = device('reset() { this.tell("reset"); }');
    const phases = script(
      `import { SysBusDevice } from "qemu-script";
       export default class Other extends SysBusDevice.with({ type: "other-ts" }) {
         resetEnter() { console.log("enter"); }
         resetExit() { console.log("exit"); }
       }`,
      "other.ts",
    );
    const { qtest, reset } = await start([...add(simple), "-device", `script,path=${phases}`], 3);
    await qtest.writel(BASE, 1000);
    expect(await reset()).toEqual(["enter", "x reset: 7", "exit"]);
  });

  test("is not needed for fields with reset values", async () => {
    const { qtest, reset } = await start(add(device("")));
    await qtest.writel(BASE, 1000);
    await qtest.writel(BASE + 4, 5);
    expect(await reset()).toEqual([]);
    expect([await qtest.readl(BASE), await qtest.readl(BASE + 4)]).toEqual([7, 5]);
  });
});

describe("a parent's reset", () => {
  test("of QEMU's own comes first, and stays if the class has none", async () => {
    const child = (methods: string) =>
      script(`
        import { SysBusDevice } from "qemu-script";
        export default class Child extends SysBusDevice.with({ type: "child-ts", parent: "pl011" }) {
          ${methods}
        }`);
    const CR = 0x30;
    const CASES = [
      ["", 0],
      [PHASES.replaceAll("this.tell", "console.log"), 3],
      ['reset() { console.log("reset"); }', 1],
    ] as const;
    for (const [methods, count] of CASES) {
      const { qtest, reset } = await start(["-device", `script,path=${child(methods)}`], count);
      await qtest.writel(BASE + CR, 0);
      expect(await reset()).toHaveLength(count);
      // hw/char/pl011.c, pl011_reset()
      expect(await qtest.readl(BASE + CR)).toBe(0x300);
    }
  });

  test("of a script is a method like others", async () => {
    const path = script(`
      import { SysBusDevice, u32, registers } from "qemu-script";
      class Parent extends SysBusDevice.with({
        type: "parent-ts",
        abstract: true,
        state: { a: u32(1) },
        regions: { regs: { size: 0x1000 } },
      }) {
        static { registers(Parent, "regs", { A: { at: 0, field: "a" } }); }
        resetEnter(type: string) { console.log(\`parent enters \${type} \${this.a}\`); }
        resetExit(type: string) { console.log("parent exits"); }
      }
      export default class Child extends Parent.with({ type: "child-ts", state: { b: u32(2) } }) {
        resetEnter(type: string) { super.resetEnter(type); console.log(\`child enters \${this.b}\`); this.b = 5; }
        resetHold() { console.log(\`child held \${this.b}\`); }
      }`);
    const { first, qtest, reset } = await start(["-device", `script,path=${path}`], 4);
    const expected = ["parent enters cold 1", "child enters 2", "child held 5", "parent exits"];
    expect(first).toEqual(expected);
    await qtest.writel(BASE, 9);
    expect(await reset()).toEqual(expected);
    expect(await qtest.readl(BASE)).toBe(1);
  });
});

test("a bridge resets the device behind it alone", async () => {
  const path = device(PHASES, "PCIDevice", "pci: { vendor: 0x1234, device: 0x5678, class: 0xff00 },");
  const args = ["-device", "pcie-root-port,id=rp,chassis=1,addr=1.0"];
  const behind = `script,path=${path},label=behind,bus=rp,addr=0`;
  const beside = `script,path=${path},label=beside,bus=pcie.0,addr=2.0`;
  const { qtest, told } = await start([...args, "-device", behind, "-device", beside], 6);
  // virt's configuration space; PCI-to-PCI bridge specification 3.2.5.18.
  const control = 0x40_1000_0000 + (1 << 15) + 0x3e;
  await qtest.writew(control, 1 << 6);
  await qtest.writew(control, 0);
  expect(await told(6, 3)).toEqual(["behind enter cold: 7", "behind hold cold: 8", "behind exit cold: 9"]);
});

describe("a reset method", () => {
  test("that throws is reported, and the reset goes on", async () => {
    const methods = PHASES.replace("resetEnter(type: string) {", '$& throw new Error("thrown in enter");');
    const { qemu } = await start(add(device(methods)));
    await qemu.stderr.waitFor("thrown in enter", SOON_MS);
    await qemu.stderr.waitFor("x hold cold: 7\nx exit cold: 8\n", SOON_MS);
    expect(qemu.stderr.all).toContain("reset_enter of probe-ts");
  });

  test.each(["reset", "resetEnter", "resetHold", "resetExit"])("cannot be asynchronous: %s", async (name) => {
    const { qemu } = await start(add(device(`async ${name}() {}`)));
    await qemu.stderr.waitFor(
      `${name}() cannot be asynchronous: only methods that read and write registers can`,
      SOON_MS,
    );
  });

  test("cannot be there twice under two names", async () => {
    const path = device("reset() {} resetHold() {}");
    const { status, stderr } = await Qemu.run(["-M", "none", ...HEADLESS, "-script", `path=${path}`]);
    expect(status).toBe(1);
    expect(stderr).toContain(
      "probe-ts: Probe has both reset() and resetHold(), which are two names of one phase",
    );
  });
});

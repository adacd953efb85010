/** What authors and users get wrong, and what the order of a device's life makes of it: QEMU says so and goes on. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { PCI_MACHINE, PciFunction } from "../lib/pci.ts";
import { Poker } from "../lib/poker.ts";
import { endAll, Qemu, script } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

/** Writes a script of which `qs` is the module qemu-script. @returns its path */
const write = (text: string) => script(`import * as qs from "qemu-script";\n${text}`);

const PCI_IDS = "pci: { vendor: 0x1234, device: 1, class: 0xff00 }";

/** Freed memory holds nonsense at once. */
const PERTURBED = { env: { MALLOC_PERTURB_: "165" } };

/** Scripts of one class, `x-ts`. */
const sysbus = (rest: string) =>
  `export default class X extends qs.SysBusDevice.with({ type: "x-ts", ${rest} }) {}`;
const pci = (rest: string) =>
  `export default class X extends qs.PCIDevice.with({ type: "x-ts", ${PCI_IDS}, ${rest} }) {}`;
const pl011 = (rest: string) => sysbus(`parent: "pl011", ${rest}`);

describe("what the parent type has", () => {
  test.each([
    ["property addr: the parent type has a property of that name", pci("properties: { addr: qs.u32() }")],
    ["property chardev: the parent type has a property of", pl011("properties: { chardev: qs.u32() }")],
    ["property migrate-clk: the parent type has a property", pl011("properties: { migrateClk: qs.bool() }")],
    ["clock clk: the parent type has a property or clock of that name", pl011('clocks: ["clk"]')],
    ["clock clk: the parent type has a property or clock of that name", pl011('clockOutputs: ["clk"]')],
    ["clock chardev: the parent type has a property or clock of that", pl011('clocks: ["chardev"]')],
    ["clock addr: the parent type has a property or clock of that name", pci('clocks: ["addr"]')],
    [
      "inputs detect: the parent type has outputs of that name",
      sysbus('parent: "nrf51_soc.gpio", inputs: { detect: qs.lines(1) }'),
    ],
    [
      "outputs shutdown: the parent type has inputs of that name",
      sysbus('parent: "gpio-pwr", outputs: { shutdown: qs.lines(1) }'),
    ],
    ["interface 'x-ts' has the name of the type itself", sysbus('interfaces: ["x-ts"]')],
    [
      "x-ts: pci: express: the parent type 'p-ts' is no PCI Express device",
      `class P extends qs.PCIDevice.with({ type: "p-ts", abstract: true, ${PCI_IDS} }) {}
       export default class X extends P.with({ type: "x-ts", pci: { express: true } }) {}`,
    ],
    [
      "x-ts: pci: express: the parent type 'edu' is no PCI Express device",
      pci('parent: "edu"').replace("}, parent", ", express: true }, parent"),
    ],
  ])("%s", async (message, text) => {
    const args = [...PCI_MACHINE, "-device", `script,path=${write(text)}`];
    const { status, stderr } = await Qemu.run(args);
    expect(stderr).toContain(message);
    expect(status).toBe(1);
  });

  test("may be had again in other types", async () => {
    const text = `
      export class P extends qs.PCIDevice.with({
        type: "p-ts", abstract: true, ${PCI_IDS}, properties: { a: qs.u32() }, clocks: ["c"],
        inputs: { in: qs.lines(2) }, outputs: { out: qs.lines(2) },
      }) {}
      export default class X extends P.with({ type: "x-ts", properties: { b: qs.u32() }, clocks: ["d"] }) {}
      export class Y extends P.with({ type: "y-ts", properties: { b: qs.u32() }, clocks: ["d"] }) {}
    `;
    const devices = ["-device", `script,path=${write(text)},a=1,b=2`, "-device", "y-ts,a=1,b=2"];
    const { qmp } = await Qemu.start({ args: [...PCI_MACHINE, ...devices] });
    expect(await qmp.human("info qtree")).toContain('dev: y-ts, id ""');
  });
});

/** Runs code of a device's, in its realize(), and tells what came of it. */
async function told(code: string): Promise<string> {
  const path = write(`
    const { ObjectRef } = qs;
    export default class X extends qs.Device.with({ type: "x-ts" }) {
      realize() {
        try {
          console.error("done", ${code});
        } catch (error) {
          console.error(error.name + ": " + error.message);
        }
      }
    }
  `);
  const qemu = await Qemu.start({ args: [...PCI_MACHINE, "-device", `script,path=${path},id=x`] });
  for (const value of [false, true]) {
    const where = { path: "/machine/peripheral/x", property: "realized" };
    await qemu.qmp.execute("qom-set", { ...where, value });
  }
  await qemu.qmp.human("info qom-tree");
  expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  return qemu.stderr.lines[0] ?? "";
}

const LATER = "QemuError: QEMU waits for what a script does with the 'x-ts': this can be done later";
const NAMED = "QemuError: properties are given by their names";

describe("what a script may ask of QEMU's objects", () => {
  test.each([
    ['ObjectRef.new("iothread", [1])', NAMED],
    ['ObjectRef.new("iothread", null)', NAMED],
    ['ObjectRef.new("edu").set("realized", true)', "QemuError: a 'edu' needs a bus, of type PCI"],
    ['ObjectRef.new("edu", { realized: true })', "QemuError: a 'edu' needs a bus, of type PCI"],
    [
      'ObjectRef.new("usb-mouse", { realized: true })',
      "QemuError: a 'usb-mouse' needs a bus, of type usb-bus",
    ],
    ['ObjectRef.new("pl011", { realized: true }).get("parent_bus")', "done /machine/unattached/sysbus"],
    [
      'this.object.addProperty("x[*]", { type: "int", get: () => 1 })',
      "QemuError: property 'x[*]' must have a name of its own",
    ],
    ["ObjectRef.machine().unparent()", "QemuError: QEMU needs /machine"],
    ['ObjectRef.resolve("/machine/peripheral").unparent()', "QemuError: QEMU needs /machine/peripheral"],
    ['ObjectRef.resolve("/objects").unparent()', "QemuError: QEMU needs /objects"],
    ["this.object.unparent()", LATER],
    ['this.object.set("realized", true)', LATER],
    ["this.object.realize()", LATER],
  ])("%s", async (code, message) => {
    expect(await told(code)).toBe(message);
  });

  test("an object is taken out of the tree once", async () => {
    const path = write(`
      export default class X extends qs.Device.with({ type: "x-ts" }) {
        realize() {
          const leave = () => {
            try {
              this.object.unparent();
            } catch {
              setTimeout(leave, 10);
            }
          };
          setTimeout(leave, 0);
        }
        unrealize() { this.#leave("unrealize"); }
        unparent() { this.#leave("unparent"); }
        finalize() { console.error("finalize"); }
        #leave(where) {
          try {
            this.object.unparent();
          } catch (error) {
            console.error(where + ": " + error.message);
          }
        }
      }
    `);
    const qemu = await Qemu.start({ args: [...PCI_MACHINE, "-device", `script,path=${path}`] });
    await qemu.stderr.waitFor("finalize\n", SOON_MS);
    const later = LATER.replace("QemuError: ", "");
    expect(qemu.stderr.lines).toEqual([`unparent: ${later}`, `unrealize: ${later}`, "finalize"]);
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });

  test("a weak reference to an object that is being made", async () => {
    const path = write(`
      let weak;
      export class Made extends qs.QomObject.with({ type: "made-ts" }) {
        init() { weak = this.object.weak(); }
      }
      export class Other extends qs.QomObject.with({ type: "other-ts" }) {}
      export default class X extends qs.Device.with({ type: "x-ts" }) {
        realize() {
          const made = qs.ObjectRef.new("made-ts");
          const again = weak.get();
          console.error(again.same(made));
          again.dispose();
          made.dispose();
          const others = Array.from({ length: 10 }, () => qs.ObjectRef.new("other-ts"));
          setTimeout(() => console.error(weak.get(), others.length), 0);
        }
      }
    `);
    const qemu = await Qemu.start({ args: [...PCI_MACHINE, "-device", `script,path=${path}`] });
    await qemu.stderr.waitFor("null 10\n", SOON_MS);
    expect(qemu.stderr.lines).toEqual(["true", "null 10"]);
  });
});

describe("character devices", () => {
  test("any number of devices with one may come and go", async () => {
    const path = write(`
      export class Made extends qs.Device.with({ type: "made-ts", properties: { serial: qs.chardev() } }) {}
      export default class X extends qs.Device.with({ type: "x-ts" }) {
        realize() {
          for (let i = 0; i < 5000; i++) qs.ObjectRef.new("made-ts").dispose();
          console.error("made");
        }
      }
    `);
    const qemu = await Qemu.start({ args: [...PCI_MACHINE, "-device", `script,path=${path}`] });
    expect(qemu.stderr.lines).toEqual(["made"]);
  });

  test("of an object that is gone, which its script does not know yet", async () => {
    const path = write(`
      export class Made extends qs.QomObject.with({
        type: "made-ts", properties: { serial: qs.chardev() },
      }) {
        finalize() { console.error("finalized"); }
      }
      export default class X extends qs.Device.with({ type: "x-ts" }) {
        realize() {
          const object = qs.ObjectRef.new("made-ts", { serial: "c0" });
          const { serial } = object.downcast(Made).config;
          serial.writeAll("before");
          object.dispose();
          for (let i = 0; i < 100; i++) qs.ObjectRef.new("container").dispose();
          serial.writeAll("after");
          serial.acceptInput();
          console.error(serial.connected, serial.open, serial.write("x"), serial.modem);
        }
      }
    `);
    const args = [...PCI_MACHINE, "-device", `script,path=${path}`];
    const qemu = await Qemu.start({ args, lines: ["c0"], ...PERTURBED });
    await qemu.stderr.waitFor("finalized\n", SOON_MS);
    expect(qemu.stderr.lines).toEqual(["false false 1 undefined", "finalized"]);
    await qemu.line("c0").text.waitFor("before", SOON_MS);
    expect(qemu.line("c0").text.all).toBe("before");
  });

  test("attached by realize() is free again when that fails, or the device is unrealized", async () => {
    const path = write(`
      export default class X extends qs.Device.with({
        type: "x-ts", properties: { serial: qs.chardev() },
      }) {
        static fails = true;
        realize() {
          this.config.serial.attach("c0");
          if (X.fails) throw new Error("not yet");
          this.config.serial.writeAll("realized ");
        }
      }
      export class Boss extends qs.Device.with({ type: "boss-ts" }) {
        static kept = [];
        realize() {
          for (const made of [qs.ObjectRef.new("x-ts"), qs.ObjectRef.new("x-ts")]) {
            try {
              made.realize();
            } catch (error) {
              console.error(error.message.split(": ").at(-1));
            }
            Boss.kept.push(made);
          }
          X.fails = false;
        }
      }
    `);
    const args = [...PCI_MACHINE, "-script", `path=${path}`, "-device", "boss-ts", "-device", "x-ts,id=x"];
    const qemu = await Qemu.start({ args, lines: ["c0"] });
    expect(qemu.stderr.lines).toEqual(["not yet", "not yet"]);
    for (const value of [false, true]) {
      await qemu.qmp.execute("qom-set", { path: "/machine/peripheral/x", property: "realized", value });
    }
    await qemu.line("c0").text.waitFor("realized realized ", SOON_MS);
  });
});

describe("the parent type's realize()", () => {
  const edu = (body: string) =>
    write(`export default class X extends qs.PCIDevice.with({ type: "x-ts", parent: "edu" }) { ${body} }`);
  /** EDU has a thread, in memory that goes with the device. */
  const leavesNothing = async (path: string, boss: string) => {
    const scripts = ["-script", `path=${path}`, "-device", `script,path=${boss}`];
    const qemu = await Qemu.start({ args: [...PCI_MACHINE, "-name", "edu,debug-threads=on", ...scripts] });
    expect(qemu.stderr.lines).toEqual(["tried"]);
    const threads = await Array.fromAsync(new Bun.Glob("*/comm").scan(`/proc/${qemu.pid}/task`), (name) =>
      Bun.file(`/proc/${qemu.pid}/task/${name}`).text(),
    );
    expect(threads).toContain("qemu_main\n");
    expect(threads).not.toContain("edu\n");
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  };

  test("is undone if the script's fails", async () => {
    const path = edu('realize() { super.realize(); throw new Error("no"); }');
    const boss = write(`
      export default class Boss extends qs.Device.with({ type: "boss-ts" }) {
        realize() {
          const bus = qs.ObjectRef.resolve("pcie.0");
          for (let i = 0; i < 30; i++) {
            using card = qs.ObjectRef.new("x-ts");
            try {
              card.realize(bus);
            } catch (error) {
              if (!error.message.endsWith(": no")) throw error;
            }
          }
          console.error("tried");
        }
      }
    `);
    await leavesNothing(path, boss);
  });

  test("is undone if the script forgets it", async () => {
    const boss = write(`
      export default class Boss extends qs.Device.with({ type: "boss-ts" }) {
        realize() {
          for (let i = 0; i < 30; i++) {
            using card = qs.ObjectRef.new("x-ts");
            card.realize(qs.ObjectRef.resolve("pcie.0"));
            card.unparent();
          }
          console.error("tried");
        }
      }
    `);
    await leavesNothing(edu("realize() { super.realize(); } unrealize() {}"), boss);
  });

  test("is done once", async () => {
    const path = edu("realize() { super.realize(); super.realize(); }");
    const { status, stderr } = await Qemu.run([...PCI_MACHINE, "-device", `script,path=${path}`]);
    expect(stderr).toContain("the parent type has been realized already");
    expect(status).toBe(1);
  });
});

describe("a PCI device", () => {
  const CARD = `
    export default class X extends qs.PCIDevice.with({
      type: "x-ts",
      pci: { vendor: 0x1234, device: 1, class: 0xff00, interrupt: "A", msi: { vectors: 2 },
             msix: { vectors: 2, bar: 2 } },
      regions: {
        memory: { kind: "ram", size: 0x1000, bar: 1 },
        box: { kind: "container", size: 0x1000, bar: 3 },
        part: { kind: "alias", of: "memory", offset: 0x10, size: 0x10, inside: { region: "box", at: 0 } },
      },
    }) {
      static fails = true;
      realize() { if (X.fails) throw new Error("not yet"); }
    }
    export class Boss extends qs.Device.with({ type: "boss-ts" }) {
      realize() {
        for (let i = 0; i < 30; i++) {
          using card = qs.ObjectRef.new("x-ts");
          for (let j = 0; j < 2; j++) {
            try {
              card.realize(qs.ObjectRef.resolve("pcie.0"));
            } catch (error) {
              if (i === 0) console.error(error.message.split(" ").slice(-2).join(" "));
            }
          }
        }
        X.fails = false;
      }
    }
  `;

  test("whose realize() fails is gone, and another can be realized in its place", async () => {
    const args = [...PCI_MACHINE, "-script", `path=${write(CARD)}`, "-device", "boss-ts", "-device", "x-ts"];
    const qemu = await Qemu.start({ args });
    expect(qemu.stderr.lines).toEqual(["not yet", "second time"]);
    expect((await qemu.qmp.human("info pci")).match(/1234:0001/g)).toHaveLength(1);
  });

  test("is not realized again, which QEMU's bus would not survive", async () => {
    const path = write(CARD.replace("fails = true", "fails = false"));
    const qemu = await Qemu.start({ args: [...PCI_MACHINE, "-device", `script,path=${path},id=x`] });
    const realized = { path: "/machine/peripheral/x", property: "realized" };
    await qemu.qmp.execute("qom-set", { ...realized, value: false });
    const again = qemu.qmp.execute("qom-set", { ...realized, value: true });
    await expect(again).rejects.toThrow("a PCI device cannot be realized a second time");
    expect(await qemu.qmp.human("info pci")).not.toContain("1234:0001");
  });

  test("that cannot migrate, where all must, is refused as often as it is tried", async () => {
    const path = write(`
      export default class X extends qs.PCIDevice.with({
        type: "x-ts", ${PCI_IDS}, migration: { unmigratable: "it is new" }, state: { a: qs.u32 },
        regions: {
          memory: { kind: "ram", size: 0x1000, bar: 1 },
          box: { kind: "container", size: 0x1000, bar: 3 },
          part: { kind: "alias", of: "memory", size: 0x10, inside: { region: "box", at: 0 } },
        },
      }) {}
      export class Boss extends qs.Device.with({ type: "boss-ts" }) {
        realize() {
          for (let i = 0; i < 3; i++) {
            using card = qs.ObjectRef.new("x-ts");
            try {
              card.realize(qs.ObjectRef.resolve("pcie.0"));
            } catch (error) {
              console.error(error.message);
            }
          }
        }
      }
    `);
    const args = [...PCI_MACHINE, "-only-migratable", "-script", `path=${path}`, "-device", "boss-ts"];
    const { stderr } = await Qemu.start({ args });
    const refused = stderr.lines[0];
    expect(refused).toContain("it is new");
    expect(stderr.lines).toEqual([refused, refused, refused] as string[]);
  });
});

describe("a script in place of a type that is of another kind", () => {
  test.each([
    ["'edu' goes on a bus of type PCI, and 'x-ts' does not", "edu", sysbus("")],
    ["'pl011' goes on a bus of type System, and 'x-ts' does not", "pl011", pci("")],
    ["'x-ts' is abstract: there are no objects of it", "edu", pci("abstract: true")],
  ])("%s", async (message, replaced, text) => {
    const args = [...PCI_MACHINE, "-script", `path=${write(text)},replaces=${replaced}`];
    const { status, stderr } = await Qemu.run(args);
    expect(stderr).toContain(message);
    expect(status).toBe(1);
  });
});

describe("whatever a script throws", () => {
  const THROWN = [
    'Symbol("x")',
    "undefined",
    "Object.create(null)",
    '{ get message() { throw new Error("no"); } }',
    '{ get position() { throw new Error("no"); } }',
    'Object.assign(new Error("a"), { name: Symbol("x") })',
    'Object.assign(new Error("a"), { message: 5 })',
    'Object.defineProperty(new Error("a"), "stack", { get() { throw 5; } })',
    'new Proxy(new Error("a"), { get() { throw 5; }, getPrototypeOf() { throw 5; } })',
    "(() => { const all = new AggregateError([1]); all.errors[0] = all; return all; })()",
  ];

  test("an access ends, and a property has an error", async () => {
    const path = write(`
      const THROWN = [${THROWN.map((thrown) => `() => (${thrown})`).join(", ")}];
      export default class X extends qs.PCIDevice.with({
        type: "x-ts", ${PCI_IDS}, regions: { regs: { size: 0x100, bar: 0, read: "read", errorValue: 9 } },
      }) {
        #next = 0;
        realize() {
          this.object.addProperty("wrong", { type: "int", get: () => { throw THROWN[this.#next++](); } });
        }
        read(offset) { throw THROWN[offset / 4](); }
      }
    `);
    const args = [...PCI_MACHINE, "-device", `script,path=${path},addr=3,id=x`];
    const qemu = await Qemu.start({ args, qtest: true });
    const [bar] = await new PciFunction(qemu, 3).start();
    const wrong = { path: "/machine/peripheral/x", property: "wrong" };
    for (let i = 0; i < THROWN.length; i++) {
      expect(await qemu.qtest.readl(bar!.address + 4 * i)).toBe(9);
      await expect(qemu.qmp.execute("qom-get", wrong)).rejects.toThrow();
    }
    expect(qemu.stderr.lines).toContain("qemu-system-aarch64: thrown: Symbol(x) (read of x-ts at 0x0)");
  });

  test("a script that cannot be loaded has an error", async () => {
    for (const thrown of THROWN) {
      const { status } = await Qemu.run([...PCI_MACHINE, "-script", `path=${write(`throw ${thrown};`)}`]);
      expect(status).toBe(1);
    }
  });
});

describe("an asynchronous access", () => {
  test("to a device that is unrealized ends, whatever its handler waits for", async () => {
    const path = write(`
      export default class X extends qs.SysBusDevice.with({
        type: "x-ts", regions: { regs: { size: 0x1000, read: "read", write: "write" } },
      }) {
        async read(offset) {
          console.error("reading");
          await new Promise(() => {});
        }
        write() {}
      }
    `);
    const poker = await Poker.start(path, { properties: ",id=x" });
    const read = poker.read(0);
    await poker.stderr.waitFor("reading\n", SOON_MS);
    await poker.qemu.qmp.execute("qom-set", {
      path: "/machine/peripheral/x",
      property: "realized",
      value: false,
    });
    await expect(read).rejects.toThrow("the guest took an exception");
  });
});

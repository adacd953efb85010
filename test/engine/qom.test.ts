/** Scripts and QEMU's objects, in a running QEMU. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { endAll, HEADLESS, Qemu, script } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];
const LAB = "/machine/peripheral/lab";

/**
 * Two devices: Lab, whose realize() is what the test is about, and Part, of which it makes more. What they say goes to
 * stderr, a line of JSON each.
 */
const source = (realize: string, members = "", classes = "") => `
  import {
    BusRef, ClockRef, DeviceRef, MemoryRegionRef, ObjectRef, PCIDeviceRef, QomObject, SysBusDevice, SysBusDeviceRef,
    string, u32,
  } from "qemu-script";

  const bare = (value) => typeof value === "bigint" ? value + "n" : value instanceof ObjectRef ? value.typeName : value;
  const say = (...values) => console.log(JSON.stringify(values.map(bare)));
  const complaint = (fn) => {
    try {
      fn();
      return "none";
    } catch (error) {
      return error.name + ": " + error.message.replace(/^.*?device.ts/, "device.ts");
    }
  };

  export class Part extends SysBusDevice.with({
    type: "part", properties: { n: u32({ default: 3 }), refuse: string() }, state: { level: u32 },
  }) {
    realized = 0;
    realize() {
      if (this.config.refuse) throw new Error(this.config.refuse);
      this.realized++;
    }
    unrealize() { say("unrealized", this.config.n); }
  }

  ${classes}

  export class Other extends SysBusDevice.with({ type: "other" }) {}

  export default class Lab extends SysBusDevice.with({ type: "lab", state: { level: u32 } }) {
    ${members}
    realize() { ${realize} }
  }
`;

const start = (...code: Parameters<typeof source>) =>
  Qemu.start({ args: [...MACHINE, "-device", `script,path=${script(source(...code))},id=lab`] });

/** What a Lab says while it is realized. */
async function said(...code: Parameters<typeof source>): Promise<unknown[]> {
  const qemu = await start(...code);
  const lines = qemu.stderr.lines.map((line) => JSON.parse(line) as unknown);
  expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  return lines;
}

const get = (qemu: Qemu, property: string, path = LAB) => qemu.qmp.execute("qom-get", { path, property });
const set = (qemu: Qemu, property: string, value: unknown, path = LAB) =>
  qemu.qmp.execute("qom-set", { path, property, value });

describe("a device's own object", () => {
  test("tells its type, class, path and parent", async () => {
    expect(
      await said(`
        const { object } = this;
        say(object.typeName, object.class, object.path, object.parent.path);
        say(object instanceof SysBusDeviceRef, object.isA("device"), object.isA("pci-device"), object.isA(DeviceRef));
        say(object.isA("script-device"), object.isA(Lab), object.isA(Part), object.downcast(Part));
      `),
    ).toEqual([
      ["lab", { name: "lab", parents: ["sys-bus-device", "device", "object"] }, LAB, "/machine/peripheral"],
      [true, true, false, true],
      [true, true, false, null],
    ]);
  });

  test("outlives every handle of it that is disposed of, and no handle outlives it", async () => {
    const qemu = await start(
      `
        { using self = this.object; self.dispose(); }
        const copy = this.object.clone();
        say(this.object.path, copy.same(this.object), copy === this.object);
        copy.dispose();
        copy.dispose();
        say(complaint(() => copy.path), this.object.path);
        globalThis.kept = this.object;
        globalThis.clone = this.object.clone();
        const gone = () => globalThis.kept.path === null;
        const look = () => {
          const reason = complaint(gone);
          if (reason === "none") setTimeout(look, 5);
          else say(reason, globalThis.clone.path, globalThis.clone.realized);
        };
        setTimeout(look, 5);
      `,
    );
    expect(qemu.stderr.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      [LAB, true, false],
      ["StaleError: this handle of an object was disposed of and cannot be used any more", LAB],
    ]);
    await set(qemu, "realized", false);
    const [line] = await qemu.stderr.waitFor(/.*lab is gone.*\n/, SOON_MS);
    expect(JSON.parse(line)).toEqual(["StaleError: lab is gone and cannot be used any more", LAB, false]);
  });
});

describe("making objects", () => {
  test("with properties, as a child, realized and found again", async () => {
    expect(
      await said(`
        const part = this.object.addChild("p", Part.new({ n: 7 }));
        say(part.path, part.realized, part.get("n"), part.downcast(Part));
        part.realize();
        say(part.realized, part.parent.same(this.object), part.downcast(Part).config.n, part.downcast(Part).realized);
        say(part.downcast(Part).object.same(part), part.downcast(Other), part.downcast(PCIDeviceRef));
        say([...this.object.children().keys()], this.object.child("p").same(part), this.object.child("q"));
        say(this.object.child("realized"), part.upcast(ObjectRef) === part);
      `),
    ).toEqual([
      [`${LAB}/p`, false, 7, null],
      [true, true, 7, 1],
      [true, null, null],
      [["p"], true, null],
      [null, true],
    ]);
  });

  test("of C types", async () => {
    expect(
      await said(`
        const uart = this.object.addChild("uart", SysBusDeviceRef.new("pl011")).realize();
        say(uart.realized, uart.class.parents, uart.child("clk") instanceof ClockRef);
        const region = uart.child("pl011[0]");
        say(region instanceof MemoryRegionRef, region.size);
        const bus = ObjectRef.resolve("pcie.0", { type: BusRef });
        say(PCIDeviceRef.new("pci-testdev").realize(bus).path.startsWith("/machine/unattached/script-device["));
        const secret = ObjectRef.new("secret", { id: "s0", data: "x", format: "raw" });
        say(secret, secret.path);
        secret.unparent();
        say(secret.path);
      `),
    ).toEqual([
      [true, ["sys-bus-device", "device", "object"], true],
      [true, "4096n"],
      [true],
      ["secret", "/objects/s0"],
      [null],
    ]);
  });

  test("is refused with QEMU's reason", async () => {
    expect(
      await said(`
        for (const [cls, type, props] of [
          [DeviceRef, "nowhere"], [DeviceRef, "device"], [ObjectRef, "virt-10.0-machine"], [ObjectRef, "tcg-accel"],
          [PCIDeviceRef, "part"], [DeviceRef, "part", { m: 1 }], [DeviceRef, "part", { n: -1 }],
          [DeviceRef, "part", { n: "many" }], [ObjectRef, "secret", { id: "s1" }], [ObjectRef, "secret", { data: "x" }], [ObjectRef, "irq"], [ObjectRef, "a\\0b"], [ObjectRef, "\\ud800"],
        ]) say(complaint(() => cls.new(type, props)));
        const { path } = this.object;
        say(complaint(() => Part.new({ refuse: "not today" }).realize()));
        say(complaint(() => DeviceRef.new("pci-testdev").realize()));
        const bus = ObjectRef.resolve("pcie.0", { type: BusRef });
        say(complaint(() => Part.new().realize(bus)));
        say(complaint(() => DeviceRef.new("or-irq").realize(bus)));
        say(complaint(() => Part.new().realize().realize()));
      `),
    ).toEqual([
      ["QemuError: there is no type 'nowhere'"],
      ["QemuError: type 'device' is abstract"],
      ["QemuError: QEMU itself makes the objects of type 'virt-10.0-machine'"],
      ["QemuError: QEMU itself makes the objects of type 'tcg-accel'"],
      ["QemuError: a 'part' is no pci-device"],
      ["QemuError: Property 'part.m' not found"],
      ["QemuError: Parameter 'n' expects uint32_t"],
      ["QemuError: Parameter 'n' expects uint64"],
      ["QemuError: Either 'file' or 'data' must be provided"],
      ["QemuError: a 'secret' needs an 'id', its name in /objects"],
      ["QemuError: QEMU itself makes the objects of type 'irq'"],
      ["TypeError: a string with a NUL character cannot be passed to QEMU"],
      ["TypeError: a string with half of a surrogate pair cannot be passed to QEMU"],
      [expect.stringMatching(/^QemuError: device\.ts:\d+:\d+: not today$/)],
      ["QemuError: a 'pci-testdev' needs a bus, of type PCI"],
      ["QemuError: a 'part' goes on a bus of type System, not on a 'PCIE'"],
      ["QemuError: a 'or-irq' goes on no bus"],
      ["QemuError: the 'part' is realized already"],
    ]);
  });

  test("of every type there is ends in an object or a reason, never QEMU", async () => {
    const qemu = await start(`
      this.object.addProperty("make", {
        type: "str",
        set: (type) => { using made = ObjectRef.new(type); if (made.typeName !== type) throw new Error(made.typeName); },
      });
    `);
    const types = await qemu.qmp.execute<{ name: string }[]>("qom-list-types", { abstract: true });
    expect(types.length).toBeGreaterThan(500);
    const reasons = new Set<string>();
    for (const { name } of types) {
      await set(qemu, "make", name).catch((error: Error) =>
        reasons.add(error.message.replace(/'.*?'/, "''")),
      );
    }
    expect([...reasons].filter((reason) => reason.includes("is abstract"))).toHaveLength(1);
    expect(qemu.messages()).toBe("--- stdout ---\n\n--- stderr ---\n");
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });

  test("realizes and unrealizes a scripted device from inside another's script", async () => {
    expect(
      await said(`
        const part = this.object.addChild("p", Part.new({ n: 7 }).realize() && Part.new({ n: 8 }));
        part.realize();
        const device = part.downcast(Part);
        part.unparent();
        say(part.path, part.realized, complaint(() => device.level), complaint(() => device.object.path));
        say(complaint(() => part.unparent()));
      `),
    ).toEqual([
      ["unrealized", 8],
      [
        null,
        false,
        "StaleError: part is gone: its state cannot be used any more",
        "StaleError: part is gone and cannot be used any more",
      ],
      ["none"],
    ]);
  });

  test("of scripts' own types, by descent", async () => {
    expect(
      await said(
        `
        const child = this.object.addChild("c", Child.new({ n: 4 })).realize();
        say(child.downcast(Part) === child.downcast(Child), child.downcast(Child).config.n, child.downcast(Other));
        say(child.class.parents, complaint(() => Family.new()));
        using thing = this.object.addChild("t", Thing.new({ size: 5 }));
        say(thing.downcast(Thing).config.size, thing.get("size"), thing.downcast(Thing).object.path);
        const weak = thing.weak();
        thing.unparent();
        thing.dispose();
        say(weak.get());
      `,
        "",
        `
        export class Child extends Part.with({ type: "child" }) {}
        export class Family extends SysBusDevice.with({ type: "family", abstract: true }) {}
        export class Thing extends QomObject.with({ type: "thing", properties: { size: u32({}) } }) {}
      `,
      ),
    ).toEqual([
      [true, 4, null],
      [["part", "sys-bus-device", "device", "object"], "QemuError: type 'family' is abstract"],
      [5, 5, `${LAB}/t`],
      [null],
    ]);
  });

  test("without end is an error, not a hang", async () => {
    const message = await start(`this.object.addChild("p", DeviceRef.new("lab")).realize();`).catch(
      (error: Error) => error.message,
    );
    expect(message).toContain("scripts call each other through QEMU more than 32 deep");
  });

  test("while the guest runs", async () => {
    const qemu = await start(`
      this.object.addProperty("parts", { type: "int", get: () => this.object.children().size, set: (n) => {
        while (this.object.children().size < n) this.object.addChild("p[*]", Part.new()).realize();
        while (this.object.children().size > n) this.object.removeChild([...this.object.children().keys()][0]);
      } });
    `);
    await set(qemu, "parts", 5);
    expect(await get(qemu, "parts")).toBe(5);
    expect(await get(qemu, "realized", `${LAB}/p[4]`)).toBe(true);
    await set(qemu, "parts", 0);
    expect(await get(qemu, "parts")).toBe(0);
    await qemu.stderr.waitFor(/(\["unrealized",3\]\n){5}/, SOON_MS);
  });
});

describe("children", () => {
  test("that cannot be", async () => {
    expect(
      await said(`
        const { object } = this;
        const part = object.addChild("p", Part.new());
        say(complaint(() => object.addChild("p", Part.new())));
        say(complaint(() => object.addChild("q", part)));
        say(complaint(() => object.addChild("", Part.new())));
        say(complaint(() => object.addChild("a/b", Part.new())));
        say(complaint(() => part.addChild("up", ObjectRef.root())));
        const loose = Part.new();
        say(complaint(() => loose.addChild("self", loose)));
        say(complaint(() => object.removeChild("r")), complaint(() => object.removeChild("realized")));
        object.removeChild("p");
        say(part.path, object.child("p"));
        say(complaint(() => ObjectRef.machine().addChild("p", part)));
      `),
    ).toEqual([
      ["QemuError: attempt to add duplicate property 'p' to object (type 'lab')"],
      [`QemuError: the object is a child already, ${LAB}/p`],
      ["QemuError: '' is no name for a child"],
      ["QemuError: 'a/b' is no name for a child"],
      ["QemuError: an object cannot be a child of itself"],
      ["QemuError: an object cannot be a child of itself"],
      ["QemuError: a 'lab' has no child 'r'", "QemuError: a 'lab' has no child 'realized'"],
      [null, null],
      ["QemuError: a 'part' must be realized first: the machine starts with all devices realized"],
    ]);
  });

  test("that realize() leaves unrealized make it fail", async () => {
    const path = script(source(`this.object.addChild("p", Part.new());`));
    const { status, stderr } = await Qemu.run([...MACHINE, "-device", `script,path=${path}`]);
    expect(status).toBe(1);
    expect(stderr).toContain("a 'lab' has children that are not realized");
  });

  test("are kept by their parent, and gone with it, though nobody keeps a handle", async () => {
    const qemu = await start(`
      this.object.addChild("p", Part.new()).realize();
      const weak = this.object.child("p").weak();
      const collected = () => { Bun.gc(true); using strong = weak.get(); return strong === null; };
      this.object.addProperty("gone", { type: "bool", get: collected });
      this.object.addProperty("drop", { type: "bool", set: () => this.object.removeChild("p") });
    `);
    // The handles are collected, one turn of the event loop after another: the child stays.
    for (let i = 0; i < 20; i++) {
      expect(await get(qemu, "gone")).toBe(false);
    }
    await set(qemu, "drop", true);
    for (let i = 0; !(await get(qemu, "gone")); i++) {
      expect(i).toBeLessThan(200);
    }
  });
});

describe("a weak reference", () => {
  test("is empty once QEMU freed the object, and not before", async () => {
    expect(
      await said(`
        const part = Part.new();
        const weak = part.weak(), again = part.weak();
        { using strong = weak.get(); say(strong.same(part), strong instanceof SysBusDeviceRef); }
        const copy = part.clone();
        part.dispose();
        { using strong = weak.get(); say(strong.same(copy)); }
        copy.dispose();
        say(weak.get(), again.get());
      `),
    ).toEqual([[true, true], [true], [null, null]]);
  });

  test("to an object that is part of another's memory", async () => {
    expect(
      await said(`
        const uart = SysBusDeviceRef.new("pl011");
        let weak;
        { using region = uart.child("pl011[0]"); weak = region.weak(); }
        { using region = weak.get(); say(region); }
        uart.dispose();
        say(weak.get());
      `),
    ).toEqual([["memory-region"], [null]]);
  });
});

describe("finding objects", () => {
  test("by path", async () => {
    expect(
      await said(`
        say(ObjectRef.root().path, ObjectRef.machine().path, ObjectRef.machine().isA("virt-machine"));
        say(ObjectRef.resolve("/machine/peripheral/lab").same(this.object), ObjectRef.resolve("lab", { type: Lab.spec.type }));
        say(ObjectRef.resolve("/nowhere"), ObjectRef.resolve("/machine", { type: DeviceRef }));
        say(complaint(() => ObjectRef.resolve("", { type: "pflash_cfi01" })), complaint(() => ObjectRef.resolve("", { type: "cfi.pflash01" })));
      `),
    ).toEqual([
      ["/", "/machine", true],
      [true, "lab"],
      [null, null],
      ["none", "QemuError: path '' fits several objects of type 'cfi.pflash01'"],
    ]);
  });

  test("when a script is loaded, before there is a machine", async () => {
    const path = script(`
      import { DeviceRef, ObjectRef, SysBusDevice } from "qemu-script";
      const complaint = (fn) => { try { return fn(); } catch (error) { return error.message; } };
      console.log(ObjectRef.root().path, complaint(() => ObjectRef.machine()), complaint(() => DeviceRef.new("or-irq").realize()));
      export default class extends SysBusDevice.with({ type: "early" }) {}
    `);
    const { stderr, status } = await Qemu.run([...MACHINE, "-script", path, "-device", "help"]);
    expect(status).toBe(0);
    expect(stderr).toBe(
      "/ there is no machine yet a 'or-irq' can be realized only when there is a machine\n",
    );
  });
});

describe("properties", () => {
  test("of every kind, read and written", async () => {
    expect(
      await said(`
        const uart = SysBusDeviceRef.new("pl011");
        say(uart.get("migrate-clk"), uart.get("chardev"), uart.get("realized"));
        uart.set("migrate-clk", false);
        say(uart.get("migrate-clk"), uart.properties().find(({ name }) => name === "migrate-clk"));
        const memory = ObjectRef.new("memory-backend-ram", { id: "m0", size: 0x100000n, share: true });
        say(memory.get("size"), memory.get("policy"), memory.get("share"));
        const ram = ObjectRef.machine().get("memory");
        say(ram);
        const host = SysBusDeviceRef.new("gpex-pcihost");
        host.set("x-above-4g-mmio-base", 0xffff_ffff_ffff_fff0n);
        say(host.get("x-above-4g-mmio-base"), host.get("x-ecam-base"));
        host.set("x-ecam-base", 2 ** 53 - 1);
        say(host.get("x-ecam-base"));
      `),
    ).toEqual([
      [true, "", false],
      [false, { name: "migrate-clk", type: "bool", description: "on/off" }],
      [1048576, "default", true],
      [{ size: 67108864 }],
      ["18446744073709551600n", 0],
      [9007199254740991],
    ]);
  });

  test("that are refused", async () => {
    expect(
      await said(`
        const uart = SysBusDeviceRef.new("pl011");
        for (const value of [1, "yes", null, {}, [true]]) say(complaint(() => uart.set("migrate-clk", value)));
        for (const value of [undefined, NaN, () => 1, 1n << 64n, Symbol.iterator]) say(complaint(() => uart.set("migrate-clk", value)));
        say(complaint(() => uart.get("nothing")), complaint(() => uart.set("nothing", 1)), complaint(() => uart.set("type", "x")));
        const memory = ObjectRef.new("memory-backend-ram", { id: "m1", size: 4096 });
        say(complaint(() => memory.set("policy", "worst")));
        say(complaint(() => this.object.set("realized", "\\0")), complaint(() => uart.set("migrate-clk", { "a\\0": 1 })));
      `),
    ).toEqual([
      ...new Array(5).fill(["QemuError: Invalid parameter type for 'migrate-clk', expected: boolean"]),
      ["TypeError: undefined cannot be the value of a QEMU property"],
      ["TypeError: NaN cannot be the value of a QEMU property"],
      ["TypeError: () => 1 cannot be the value of a QEMU property"],
      ["TypeError: 18446744073709551616 cannot be the value of a QEMU property"],
      ["TypeError: Symbol(Symbol.iterator) cannot be the value of a QEMU property"],
      [
        "QemuError: Property 'pl011.nothing' not found",
        "QemuError: Property 'pl011.nothing' not found",
        "QemuError: Property 'pl011.type' is not writable",
      ],
      ["QemuError: Parameter 'policy' does not accept value 'worst'"],
      [
        "TypeError: a string with a NUL character cannot be passed to QEMU",
        "TypeError: a string with a NUL character cannot be passed to QEMU",
      ],
    ]);
  });
});

describe("links", () => {
  test("lead to objects of their type, and keep them", async () => {
    expect(
      await said(`
        const { object } = this;
        object.addLink("friend", DeviceRef);
        object.addLink("part", Part);
        say(object.getLink("friend"), object.get("friend"));
        object.setLink("friend", object);
        say(object.getLink("friend").same(object), object.get("friend"));
        const part = object.addChild("p", Part.new());
        object.setLink("part", part);
        const weak = part.weak();
        part.unparent();
        part.dispose();
        say(object.getLink("part").typeName);
        object.setLink("part", null);
        object.setLink("friend", null);
        say(object.getLink("part"), object.get("friend"));
        say(object.properties().find(({ name }) => name === "friend"));
        say(complaint(() => object.addLink("friend", DeviceRef)), complaint(() => object.addLink("a/b", DeviceRef)));
        say(complaint(() => object.setLink("part", object)), complaint(() => object.setLink("friend", Part.new())));
        say(complaint(() => object.getLink("realized")), complaint(() => object.getLink("nothing")));
      `),
    ).toEqual([
      [null, ""],
      [true, LAB],
      ["part"],
      [null, ""],
      [{ name: "friend", type: "link<device>" }],
      ["QemuError: a 'lab' has a property 'friend' already", "QemuError: 'a/b' is no name for a property"],
      [
        "QemuError: Invalid parameter type for 'part', expected: part",
        "QemuError: the 'part' is not in the tree: a link cannot lead to it",
      ],
      [
        "QemuError: property 'realized' of the 'lab' is no link",
        "QemuError: Property 'lab.nothing' not found",
      ],
    ]);
  });

  test("are followed and changed over QMP", async () => {
    const qemu = await start(`this.object.addLink("friend", DeviceRef);`);
    await set(qemu, "friend", LAB);
    expect(await get(qemu, "friend")).toBe(LAB);
    expect(await get(qemu, "type", `${LAB}/friend/friend`)).toBe("lab");
    await expect(set(qemu, "friend", "/machine")).rejects.toThrow("expected: device");
  });
});

describe("properties that a script computes", () => {
  const members = `
    values = { bool: true, int: -5, uint: 2n ** 64n - 1n, size: 4096, number: 1.5, str: "text", any: [{ a: [1n, null] }] };
  `;
  const realize = `
    for (const type of Object.keys(this.values)) {
      this.object.addProperty("a-" + type, {
        type, description: "a " + type,
        get: () => this.values[type],
        set: (value) => { say(typeof value); this.values[type] = value; },
      });
    }
    this.object.addProperty("level", { type: "uint", get: () => this.level });
    this.object.addProperty("secret", { type: "str", set: (value) => { this.level = value.length; } });
    this.object.addProperty("broken", {
      type: "int",
      get: () => { throw new RangeError("cannot tell"); },
      set: (value) => { throw new Error("will not be " + value); },
    });
    this.object.addProperty("slow", { type: "int", get: async () => 1, set: async () => {} });
    this.object.addProperty("liar", { type: "int", get: () => "one" });
    this.object.addProperty("nothing", { type: "any", get: () => undefined });
  `;

  test("are QOM's as any other, and have values of their type", async () => {
    const qemu = await start(realize, members);
    const list = await qemu.qmp.execute<{ name: string; type: string; description?: string }[]>("qom-list", {
      path: LAB,
    });
    expect(list.filter(({ name }) => name.startsWith("a-")).map(({ name, type }) => [name, type])).toEqual(
      expect.arrayContaining([
        ["a-bool", "bool"],
        ["a-int", "int"],
        ["a-uint", "uint64"],
        ["a-size", "size"],
        ["a-number", "number"],
        ["a-str", "string"],
        ["a-any", "any"],
      ]),
    );
    for (const [type, first, second] of [
      ["bool", true, false],
      ["int", -5, 2 ** 40],
      ["size", 4096, 0],
      ["number", 1.5, 2.25],
      ["str", "text", "more text"],
      ["any", [{ a: [1, null] }], { b: { c: [] } }],
    ] as const) {
      expect(await get(qemu, `a-${type}`)).toEqual(first);
      await set(qemu, `a-${type}`, second);
      expect(await get(qemu, `a-${type}`)).toEqual(second);
    }
    expect(qemu.qmp.received.at(-1)).toBeDefined();
    await get(qemu, "a-uint");
    expect(qemu.qmp.received.at(-1)).toContain("18446744073709551615");
  });

  test("are read and written by a monitor's plain text", async () => {
    const qemu = await start(realize, members);
    expect(await qemu.qmp.human(`qom-get ${LAB} a-int`)).toBe("-5\r\n");
    expect(await qemu.qmp.human(`qom-set ${LAB} a-int 7`)).toBe("");
    expect(await get(qemu, "a-int")).toBe(7);
    expect(await qemu.qmp.human(`qom-set ${LAB} a-size 4M`)).toBe("");
    expect(await get(qemu, "a-size")).toBe(4 << 20);
    expect(await qemu.qmp.human(`qom-set ${LAB} a-any 1`)).toContain(
      "property 'a-any' has no form as plain text",
    );
  });

  test("are errors where the script throws, lies, or is asynchronous", async () => {
    const qemu = await start(realize, members);
    await expect(get(qemu, "broken")).rejects.toThrow(/^\/.*device\.ts:\d+:\d+: RangeError: cannot tell$/);
    await expect(set(qemu, "broken", 3)).rejects.toThrow(/^\/.*device\.ts:\d+:\d+: will not be 3$/);
    await expect(get(qemu, "slow")).rejects.toThrow("property slow cannot be asynchronous");
    await expect(set(qemu, "slow", 1)).rejects.toThrow("property slow cannot be asynchronous");
    await expect(get(qemu, "liar")).rejects.toThrow(
      "the script's value of property 'liar' is not of its type",
    );
    await expect(get(qemu, "nothing")).rejects.toThrow("undefined cannot be the value");
    await expect(get(qemu, "secret")).rejects.toThrow("not readable");
    await expect(set(qemu, "level", 1)).rejects.toThrow("not writable");
    await expect(set(qemu, "a-int", "seven")).rejects.toThrow("expected: integer");
    await set(qemu, "secret", "seven");
    expect(await get(qemu, "level")).toBe(5);
  });

  test("go when the device is unrealized, and come again", async () => {
    const qemu = await start(realize, members);
    await set(qemu, "realized", false);
    await expect(get(qemu, "level")).rejects.toThrow("Property 'lab.level' not found");
    await set(qemu, "realized", true);
    expect(await get(qemu, "level")).toBe(0);
  });

  test("go when the device cannot be realized", async () => {
    const qemu = await start(
      `
      this.object.addProperty("try", { type: "bool", get: () => {
        const picky = Picky.new();
        return complaint(() => picky.realize()).includes("never") && picky.properties().length > 3 &&
          !picky.properties().some(({ name }) => name === "early");
      } });
    `,
      "",
      `
      export class Picky extends SysBusDevice.with({ type: "picky" }) {
        realize() {
          this.object.addProperty("early", { type: "int", get: () => 1 });
          throw new Error("never");
        }
      }
    `,
    );
    expect(await get(qemu, "try")).toBe(true);
  });

  test("are the device's own alone, and are removed by it", async () => {
    expect(
      await said(`
        const { object } = this;
        const accessors = { type: "int", get: () => 1 };
        object.addProperty("a", accessors);
        say(object.get("a"), complaint(() => object.addProperty("a", accessors)), complaint(() => object.addProperty("realized", accessors)));
        object.removeProperty("a");
        say(complaint(() => object.get("a")), complaint(() => object.removeProperty("a")), complaint(() => object.removeProperty("realized")));
        say(complaint(() => ObjectRef.machine().addProperty("a", accessors)));
        say(complaint(() => object.addProperty("b", { type: "int" })), complaint(() => object.addProperty("b", { ...accessors, type: "float" })));
        object.addProperty("again", { type: "int", get: () => object.get("again") });
        say(complaint(() => object.get("again")));
      `),
    ).toEqual([
      [
        1,
        "QemuError: a 'lab' has a property 'a' already",
        "QemuError: a 'lab' has a property 'realized' already",
      ],
      [
        "QemuError: Property 'lab.a' not found",
        "QemuError: no script added a property 'a' to the 'lab'",
        "QemuError: no script added a property 'realized' to the 'lab'",
      ],
      ["TypeError: only its own script can add properties to an object: use this.object"],
      [
        "TypeError: property b has neither get nor set",
        "RangeError: float is no type of a property: bool, int, uint, size, number, str, any",
      ],
      [expect.stringMatching(/^QemuError: .*scripts call each other through QEMU more than 32 deep$/)],
    ]);
  });
});

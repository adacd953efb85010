import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  array,
  bit,
  bool,
  chardev,
  clockState,
  DeclarationError,
  type DeviceClass,
  enumeration,
  i8,
  i16,
  i32,
  i64,
  lines,
  link,
  PCIDevice,
  SysBusDevice,
  since,
  size,
  string,
  struct,
  subsection,
  timer,
  u8,
  u16,
  u32,
  u64,
  unused,
} from "qemu-script";
import PL011 from "../../../devices/pl011.ts";
import { describe as describeClass } from "../../../host/device/describe.ts";
import type { Generation } from "../../../host/script/generation.ts";
import { scriptInfo } from "../../../host/script/scripts.ts";
import { misfits, parseSchema } from "./qapi.ts";

const SCHEMA = join(import.meta.dir, "../../../qemu-patch/overlay/qapi/script.json");
const schema = parseSchema(readFileSync(SCHEMA, "utf8"));

const described = (cls: unknown): Record<string, unknown> => JSON.parse(describeClass(cls as DeviceClass));

/** With all that a declaration can have. */
class Full extends SysBusDevice.with({
  type: "full",
  description: "has everything",
  properties: {
    flag: bool({ default: true, description: "a flag" }),
    off: bool({ default: false }),
    unset: bool({}),
    byte: u8({ default: 0xff }),
    half: u16({ default: 0xffff }),
    word: u32({ default: 0xffffffff }),
    long: u64({ default: 2n ** 53n }),
    signedWord: i32({ default: -(2 ** 31) }),
    signedLong: i64({ default: -(2n ** 53n) }),
    room: size({ default: 4096n }),
    label: string({ name: "x-label" }),
    line: chardev({ description: "a line" }),
    title: string({ default: "none" }),
    mode: enumeration(["slow", "fast"], { default: "fast", description: "how fast" }),
    next: link("sys-bus-device", { description: "what comes behind it" }),
    pins: array(u32),
    modes: array(enumeration(["in", "out"])),
    pullup: bit({ in: "flags", at: 3, default: true }),
    pulldown: bit({ in: "flags", at: 31 }),
    quiet: bit({ in: "quirks", at: 0 }),
  },
  irqs: ["a", "b", "c"],
  inputs: { pins: lines(8), bare: lines(2, { anonymous: true }), key: lines(1, { name: "other-name" }) },
  outputs: { bare: lines(3, { anonymous: true }), leds: lines(32) },
  clocks: ["clk", { name: "apb", changed: "reset" }],
  clockOutputs: ["sck"],
  regions: {
    regs: { name: "named", size: 0x1000 },
    other: {
      size: 0x20,
      endian: "big",
      valid: { min: 2, max: 4, unaligned: true },
      handled: { min: 1, max: 2, unaligned: true },
      enabled: false,
    },
    all: { kind: "container", size: 0x4000 },
    memory: { kind: "ram", size: 0x1000, inside: { region: "all", at: 0x100, priority: -1 } },
    rom: { kind: "rom", size: 0x800, inside: { region: "all", at: 0x2000 } },
    mirror: { kind: "alias", of: "rom", offset: 0x100 },
  },
  migration: {
    name: "section",
    version: 7,
    minimum: 3,
    priority: "gicv3",
    unmigratable: "it has everything",
    validate: ["reset"],
  },
  state: {
    gap: unused(12),
    flag2: bool,
    b: u8,
    h: u16(1),
    w: u32,
    x: u64,
    sb: i8,
    sh: i16,
    sw: i32,
    sx: i64,
    words: u32.array(3),
    timer: timer({ expired: "reset" }),
    clock: clockState("clk"),
    lateOne: since(5, u32(0)),
    inner: struct({ a: u8, gap: unused(2), pairs: struct({ x: u16, y: u64 }).array(2) }),
    extra: subsection({ name: "more", version: 2, minimum: 1, needed: "reset", state: { a: u8, b: u32 } }),
  },
  deviceTree: {
    node: "thing",
    compatible: ["acme,thing", "acme,any"],
    clocks: { first: "/apb-pclk", second: "/other" },
    alias: "serial",
    interrupts: ["c", "a"],
    interruptNames: ["third", "first"],
    regNames: ["control", "rest", "all", "mirror"],
    properties: { "reg-shift": 2, there: true },
  },
}) {
  receive() {}
  preSave() {}
  postSave() {}
  preLoad() {}
  postLoad() {}
  save() {
    return new Uint8Array(0);
  }
  load() {}
  reset() {}
}

/** With all that only a PCI device can have. */
class Card extends PCIDevice.with({
  type: "card",
  pci: { vendor: 1, device: 2, class: 3, msi: { vectors: 1 }, msix: { vectors: 1, bar: 4 } },
  regions: { regs: { size: 16, bar: 0 } },
}) {}

class Least extends SysBusDevice.with({ type: "least" }) {}

describe("qapi/script.json", () => {
  test("can be read", () => {
    expect(schema.enums.get("ScriptPropertyType")).toContain("chardev");
    expect([...schema.structs.keys()]).toContain("ScriptType");
  });

  test.each([
    ["all there can be", Full],
    ["all of a PCI device", Card],
    ["the least there can be", Least],
    ["the PL011", PL011],
  ])("is what the description of a class with %s is like", (_, cls) => {
    expect(misfits(schema, "ScriptType", described(cls))).toEqual([]);
  });

  /** As `query-scripts` tells of it. */
  const info = scriptInfo({
    ...{ path: "/x.ts", main: "x", types: ["x"], number: 1, readAt: 0, loadedAt: new Date() },
    ...{ generation: {} as Generation, older: [], lastError: "so" },
  });

  test("is what scripts are told of like", () => {
    expect(misfits(schema, "ScriptInfo", info)).toEqual([]);
  });

  test("has no member that the host never gives", () => {
    const seen = new Set<string>();
    misfits(schema, "ScriptInfo", info, seen);
    misfits(schema, "ScriptType", described(Full), seen);
    misfits(schema, "ScriptType", described(Card), seen);
    const all = [...schema.structs].flatMap(([name, members]) =>
      [...members.keys()].map((m) => `${name}.${m}`),
    );
    expect(all.filter((member) => !seen.has(member))).toEqual([]);
  });

  test("has the kinds of fields and properties that the host has, and no more", () => {
    const kinds = (list: unknown) => new Set((list as { type: string }[]).map(({ type }) => type));
    const full = described(Full);
    expect(kinds(full["properties"])).toEqual(new Set(schema.enums.get("ScriptPropertyType")));
    const { fields } = full["state"] as { fields: unknown };
    expect(kinds(fields)).toEqual(new Set(schema.enums.get("ScriptFieldType")));
  });
});

describe("the description", () => {
  test("names the type, its parent and what it is", () => {
    expect(described(Full)).toMatchObject({
      name: "full",
      parent: "sys-bus-device",
      description: "has everything",
    });
    expect(described(Least)).not.toHaveProperty("description");
  });

  test("of the least class", () => {
    expect(described(Least)).toEqual({
      name: "least",
      base: "sys-bus-device",
      parent: "sys-bus-device",
      abstract: false,
      interfaces: [],
      init: false,
      unparent: false,
      finalize: false,
      properties: [],
      "inherited-properties": 0,
      irqs: 0,
      inputs: [],
      outputs: [],
      clocks: [],
      "clock-outputs": [],
      regions: [],
      state: {
        name: "least",
        version: 1,
        "minimum-version": 1,
        size: 8,
        fields: [],
        subsections: [],
        blob: false,
        priority: "default",
        inherited: false,
        unmigratable: false,
        "pre-load": false,
        "post-save": false,
      },
      timers: [],
      reset: [],
    });
  });

  test("counts lines and names clocks", () => {
    expect(described(Full)).toMatchObject({
      irqs: 3,
      clocks: ["clk", "apb"],
      "clock-outputs": ["sck"],
    });
  });
});

describe("properties", () => {
  const { properties } = described(Full) as { properties: Record<string, unknown>[] };
  const property = (name: string) => properties.find((p) => p["name"] === name);

  test("are named in kebab-case, or as they say", () => {
    expect(properties.map((p) => p["name"])).toEqual([
      ...["flag", "off", "unset", "byte", "half", "word", "long", "signed-word", "signed-long", "room"],
      ...["x-label", "line", "title", "mode", "next", "pins", "modes", "pullup", "pulldown", "quiet"],
    ]);
  });

  test("have a default of their signedness if they have one", () => {
    expect(property("flag")).toEqual({
      name: "flag",
      type: "bool",
      "default-unsigned": 1,
      description: "a flag",
    });
    expect(property("off")).toEqual({ name: "off", type: "bool", "default-unsigned": 0 });
    expect(property("unset")).toEqual({ name: "unset", type: "bool" });
    expect(property("word")).toEqual({ name: "word", type: "uint32", "default-unsigned": 0xffffffff });
    expect(property("room")).toEqual({ name: "room", type: "size", "default-unsigned": 4096 });
    expect(property("signed-word")).toEqual({
      name: "signed-word",
      type: "int32",
      "default-signed": -(2 ** 31),
    });
    expect(property("signed-long")).toEqual({
      name: "signed-long",
      type: "int64",
      "default-signed": -(2 ** 53),
    });
    expect(property("x-label")).toEqual({ name: "x-label", type: "string" });
  });

  test("that are no plain numbers say what they need", () => {
    expect(property("title")).toEqual({ name: "title", type: "string", "default-string": "none" });
    expect(property("mode")).toEqual({
      name: "mode",
      type: "enum",
      "default-signed": 1,
      values: ["slow", "fast"],
      description: "how fast, slow/fast",
    });
    expect(property("next")).toEqual({
      name: "next",
      type: "link",
      target: "sys-bus-device",
      description: "what comes behind it",
    });
    expect(property("pins")).toEqual({ name: "pins", type: "array", element: "uint32" });
    expect(property("modes")).toEqual({
      name: "modes",
      type: "array",
      element: "enum",
      values: ["in", "out"],
      description: "in/out",
    });
  });

  test("that are bits of one word have the same number for it", () => {
    expect(property("pullup")).toEqual({
      name: "pullup",
      type: "bit",
      word: 0,
      bit: 3,
      "default-unsigned": 1,
    });
    expect(property("pulldown")).toEqual({ name: "pulldown", type: "bit", word: 0, bit: 31 });
    expect(property("quiet")).toEqual({ name: "quiet", type: "bit", word: 1, bit: 0 });
  });

  // As text, for JSON.parse would round it too.
  test("keep every digit of a 64-bit default", () => {
    class Long extends SysBusDevice.with({
      type: "long",
      properties: {
        a: u64({ default: 2n ** 64n - 1n }),
        b: i64({ default: -(2n ** 63n) }),
        c: size({ default: 2n ** 53n + 1n }),
      },
    }) {}
    const json = describeClass(Long as DeviceClass);
    expect(json).toContain('"default-unsigned":18446744073709551615');
    expect(json).toContain('"default-signed":-9223372036854775808');
    expect(json).toContain('"default-unsigned":9007199254740993');
  });

  test("of a chardev say whether the class takes its input", () => {
    class Deaf extends SysBusDevice.with({ type: "deaf", properties: { line: chardev() } }) {}
    expect(property("line")).toEqual({
      name: "line",
      type: "chardev",
      description: "a line",
      receives: true,
    });
    expect<unknown>(described(Deaf)["properties"]).toEqual([
      { name: "line", type: "chardev", receives: false },
    ]);
  });
});

test("GPIO lines have their name, their key, or none", () => {
  expect(described(Full)).toMatchObject({
    inputs: [{ name: "pins", count: 8 }, { count: 2 }, { name: "other-name", count: 1 }],
    outputs: [{ count: 3 }, { name: "leds", count: 32 }],
  });
});

describe("regions", () => {
  test("default to little-endian, any size from the guest, 4 bytes for the script", () => {
    expect((described(Full)["regions"] as unknown[])[0]).toEqual({
      name: "named",
      kind: "io",
      size: 0x1000,
      enabled: true,
      "big-endian": false,
      "valid-min": 1,
      "valid-max": 8,
      "valid-unaligned": false,
      "impl-min": 4,
      "impl-max": 4,
      "impl-unaligned": false,
    });
  });

  test("are as declared, under their key if they have no name", () => {
    expect((described(Full)["regions"] as unknown[])[1]).toEqual({
      name: "other",
      kind: "io",
      size: 0x20,
      enabled: false,
      "big-endian": true,
      "valid-min": 2,
      "valid-max": 4,
      "valid-unaligned": true,
      "impl-min": 1,
      "impl-max": 2,
      "impl-unaligned": true,
    });
  });

  test("know each other by their places", () => {
    const regions = described(Full)["regions"] as Record<string, unknown>[];
    expect(regions.map(({ name, kind, size }) => [name, kind, size])).toEqual([
      ["named", "io", 0x1000],
      ["other", "io", 0x20],
      ["all", "container", 0x4000],
      ["memory", "ram", 0x1000],
      ["rom", "rom", 0x800],
      ["mirror", "alias", 0x700],
    ]);
    expect(regions[3]).toMatchObject({ inside: 2, at: 0x100, priority: -1 });
    expect(regions[4]).toMatchObject({ inside: 2, at: 0x2000, priority: 0 });
    expect(regions[5]).toMatchObject({ "alias-of": 4, "alias-offset": 0x100 });
    expect(regions[0]).not.toContainKeys(["inside", "at", "priority", "alias-of", "alias-offset"]);
  });
});

describe("state", () => {
  test("lists the fields in order, with where each lies, under names as QEMU has them", () => {
    expect(described(Full)["state"]).toMatchObject({
      name: "section",
      version: 7,
      "minimum-version": 3,
      size: 120,
      fields: [
        { name: "unused", type: "unused", offset: 0, count: 12 },
        { name: "flag2", type: "bool", offset: 0, count: 0 },
        { name: "b", type: "uint8", offset: 1, count: 0 },
        { name: "h", type: "uint16", offset: 2, count: 0 },
        { name: "w", type: "uint32", offset: 4, count: 0 },
        { name: "x", type: "uint64", offset: 8, count: 0 },
        { name: "sb", type: "int8", offset: 16, count: 0 },
        { name: "sh", type: "int16", offset: 18, count: 0 },
        { name: "sw", type: "int32", offset: 20, count: 0 },
        { name: "sx", type: "int64", offset: 24, count: 0 },
        { name: "words", type: "uint32", offset: 32, count: 3 },
        { name: "timer", type: "uint64", offset: 48, count: 0 },
        { name: "clock", type: "clock", offset: 56, count: 0, clock: "clk" },
        { name: "late_one", type: "uint32", offset: 64, count: 0, since: 5 },
        {
          name: "inner",
          type: "struct",
          offset: 72,
          count: 0,
          layout: {
            name: "section.inner",
            version: 1,
            "minimum-version": 1,
            size: 40,
            fields: [
              { name: "a", type: "uint8", offset: 0, count: 0 },
              { name: "unused", type: "unused", offset: 0, count: 2 },
              {
                name: "pairs",
                type: "struct",
                offset: 8,
                count: 2,
                layout: {
                  name: "section.inner.pairs",
                  version: 1,
                  "minimum-version": 1,
                  size: 16,
                  fields: [
                    { name: "x", type: "uint16", offset: 0, count: 0 },
                    { name: "y", type: "uint64", offset: 8, count: 0 },
                  ],
                },
              },
            ],
          },
        },
      ],
    });
  });

  test("lists a subsection with the places of its fields in the whole block, and not among the fields", () => {
    expect(described(Full)["state"]).toMatchObject({
      subsections: [
        {
          name: "section/more",
          version: 2,
          "minimum-version": 1,
          size: 8,
          fields: [
            { name: "a", type: "uint8", offset: 112, count: 0 },
            { name: "b", type: "uint32", offset: 116, count: 0 },
          ],
        },
      ],
    });
  });

  test("says how it migrates, and which methods the class has for that", () => {
    expect(described(Full)["state"]).toMatchObject({
      blob: true,
      priority: "gicv3",
      unmigratable: false,
      blocker: "it has everything",
      "pre-load": true,
      "post-save": true,
    });
    const cls = SysBusDevice.with({ type: "never", migration: { unmigratable: true } });
    expect(described(cls)["state"]).toMatchObject({ unmigratable: true });
    expect(described(cls)["state"]).not.toHaveProperty("blocker");
  });

  test("has the version as its minimum if none is given", () => {
    const cls = SysBusDevice.with({ type: "v", migration: { version: 4 } });
    expect(described(cls)["state"]).toMatchObject({ name: "v", version: 4, "minimum-version": 4 });
  });

  // hw/char/pl011.c, vmstate_pl011 of QEMU 10.0: the same wire format.
  test("of the PL011 is that of QEMU's own", () => {
    const { name, version, fields } = described(PL011)["state"] as {
      name: string;
      version: number;
      fields: { type: string; count: number }[];
    };
    expect([name, version]).toEqual(["pl011", 2]);
    expect(fields.map(({ type, count }) => (count ? `${type}[${count}]` : type))).toEqual([
      "unused[4]",
      ...["uint32", "uint32", "uint32", "uint32", "uint32", "uint32", "uint32"],
      "uint32[16]",
      ...["uint32", "uint32", "uint32", "uint32"],
      ...["int32", "int32", "int32"],
    ]);
    const { subsections } = described(PL011)["state"] as { subsections: unknown };
    expect(subsections).toEqual([
      expect.objectContaining({
        name: "pl011/clock",
        version: 1,
        fields: [expect.objectContaining({ type: "clock", clock: "clk" })],
      }),
    ]);
  });
});

describe("reset", () => {
  const phases = (cls: unknown) => described(cls)["reset"];

  test("is installed for a method", () => {
    class Method extends SysBusDevice.with({ type: "method", state: { value: u32 } }) {
      reset() {}
    }
    expect(phases(Method)).toEqual(["all"]);
  });

  test("is installed for a field with a reset value, 0 too", () => {
    class Value extends SysBusDevice.with({ type: "value", state: { value: u32(0) } }) {}
    expect(phases(Value)).toEqual(["all"]);
  });

  test("is installed for a field with a reset value in a struct", () => {
    const channel = struct({ count: u32(0) });
    class Inner extends SysBusDevice.with({ type: "inner", state: { channels: channel.array(2) } }) {}
    expect(phases(Inner)).toEqual(["all"]);
  });

  test("is not installed for neither, so that a parent keeps its own", () => {
    class Neither extends SysBusDevice.with({ type: "neither", state: { value: u32 } }) {}
    expect(phases(Neither)).toEqual([]);
  });

  test("is installed for the phases that the class has methods for", () => {
    const Stateless = SysBusDevice.with({ type: "stateless" });
    class Enter extends Stateless {
      resetEnter() {}
    }
    class Ends extends Enter {
      resetExit() {}
    }
    class All extends Ends {
      resetHold() {}
    }
    expect([Enter, Ends, All].map(phases)).toEqual([["enter"], ["enter", "exit"], ["enter", "hold", "exit"]]);
  });

  test("takes reset values in the first phase, and the simple form for the second", () => {
    const Stateful = SysBusDevice.with({ type: "stateful", state: { value: u32(0) } });
    class Exit extends Stateful {
      resetExit() {}
    }
    class Simple extends Exit {
      reset() {}
    }
    expect([Exit, Simple].map(phases)).toEqual([
      ["enter", "exit"],
      ["enter", "hold", "exit"],
    ]);
  });
});

describe("the device-tree node", () => {
  test("is as declared, with lines by their place", () => {
    expect(described(Full)["device-tree"]).toEqual({
      name: "thing",
      compatible: ["acme,thing", "acme,any"],
      clocks: ["/apb-pclk", "/other"],
      "clock-names": ["first", "second"],
      alias: "serial",
      interrupts: [2, 0],
      "interrupt-names": ["third", "first"],
      "reg-names": ["control", "rest", "all", "mirror"],
      properties: [
        { name: "reg-shift", value: "00000002" },
        { name: "there", value: "" },
      ],
    });
  });

  test("has the first line if none is named, and none if there is none", () => {
    const tree = { node: "n", compatible: ["c"] } as const;
    const regions = { ram: { kind: "ram", size: 0x1000 } } as const;
    const some = SysBusDevice.with({ type: "some", irqs: ["a", "b"], regions, deviceTree: tree });
    const none = SysBusDevice.with({ type: "none", regions, deviceTree: tree });
    expect(described(some)["device-tree"]).toEqual({
      name: "n",
      compatible: ["c"],
      interrupts: [0],
      properties: [],
    });
    expect(described(none)["device-tree"]).toMatchObject({ interrupts: [] });
  });

  test("is refused if it names a line that is not there", () => {
    const spec = {
      type: "lost",
      irqs: ["a"],
      deviceTree: { node: "n", compatible: ["c"], interrupts: ["b"] },
    } as const;
    // Not typed: the type checker would refuse it as well.
    const cls = Reflect.apply(SysBusDevice.with, SysBusDevice, [spec]);
    expect(() => described(cls)).toThrow(
      new DeclarationError("lost: deviceTree: there is no interrupt line b"),
    );
  });
});

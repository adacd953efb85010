import { describe, expect, test } from "bun:test";
import {
  bool,
  chardev,
  type DeviceClass,
  lines,
  PCIDevice,
  QomObject,
  SysBusDevice,
  timer,
  u16,
  u32,
} from "qemu-script";
import { describe as describeClass } from "../../../host/device/describe.ts";
import { objectDifference, typeDifference } from "../../../host/device/difference.ts";

type Members = Readonly<Record<string, () => unknown>>;
type Base = Pick<DeviceClass, "with">;

/** A declaration as C gets it. */
function described(spec: object, members: Members = {}, base: unknown = SysBusDevice): string {
  const declared = Reflect.apply((base as Base).with, base, [{ type: "thing", ...spec }]) as new () => object;
  class Thing extends declared {}
  Object.assign(Thing.prototype, members);
  return describeClass(Thing as unknown as DeviceClass);
}

const nothing = () => {};
const CARD = { pci: { vendor: 1, device: 2, class: 3 } };

describe("what QOM has for good", () => {
  test.each<[string, string, string, string]>([
    [
      "base",
      described({}),
      described({}, {}, QomObject),
      "the base class changed from sys-bus-device to object",
    ],
    [
      "parent",
      described({}),
      described({ parent: "pl011" }),
      "the parent type changed from sys-bus-device to pl011",
    ],
    [
      "abstract",
      described({}),
      described({ abstract: true }),
      "whether it is abstract changed from false to true",
    ],
    [
      "interfaces",
      described({ interfaces: ["a", "b"] }),
      described({}),
      "the interfaces changed from 2 to 0",
    ],
    [
      "other interfaces",
      described({ interfaces: ["a"] }),
      described({ interfaces: ["b"] }),
      "the interfaces changed",
    ],
    [
      "pci",
      described(CARD, {}, PCIDevice),
      described({ pci: { ...CARD.pci, revision: 1 } }, {}, PCIDevice),
      "what it is on a PCI bus changed",
    ],
    [
      "pci, of a child of a type of QEMU's",
      described({ parent: "edu" }, {}, PCIDevice),
      described({ parent: "edu", ...CARD }, {}, PCIDevice),
      "what it is on a PCI bus changed",
    ],
  ])("%s", (_, before, after, difference) => {
    expect(typeDifference(before, after)).toBe(difference);
  });

  test("what the parent type has", () => {
    const parent = (properties: object) =>
      SysBusDevice.with({ type: "parent", properties } as { type: "parent" });
    const child = (properties: object, own: object) => described({ properties: own }, {}, parent(properties));
    expect(typeDifference(child({ a: u32({}) }, { b: u32({}) }), child({ a: u32({}), b: u32({}) }, {}))).toBe(
      "what properties the parent type has changed from 1 to 2",
    );
  });

  const one = described({ properties: { speed: u32({ default: 1 }), name: u32({}) } });
  test.each<[string, object, string | undefined]>([
    [
      "one that is new",
      { speed: u32({ default: 1 }), name: u32({}), more: bool({}) },
      "property more is new",
    ],
    ["one that goes", { speed: u32({ default: 1 }) }, "property name is gone"],
    [
      "another default",
      { speed: u32({ default: 2 }), name: u32({}) },
      "property speed is declared otherwise",
    ],
    ["another kind", { speed: u16({ default: 1 }), name: u32({}) }, "property speed is declared otherwise"],
    ["another name", { speed: u32({ default: 1, name: "rate" }), name: u32({}) }, "property speed is gone"],
    ["another order", { name: u32({}), speed: u32({ default: 1 }) }, "the order of the properties changed"],
    ["another key", { rate: u32({ default: 1, name: "speed" }), name: u32({}) }, undefined],
    ["what the help says", { speed: u32({ default: 1, description: "how fast" }), name: u32({}) }, undefined],
  ])("properties: %s", (_, properties, difference) => {
    expect(typeDifference(one, described({ properties }))).toBe(difference);
  });

  test.each<[string, object, object, string]>([
    [
      "name",
      {},
      { migration: { name: "other" } },
      "the name of its section in a migration stream changed from thing to other",
    ],
    [
      "inherited",
      { parent: "pl011" },
      { parent: "pl011", state: { a: u32 } },
      "whether it has a section of its own in a migration stream changed from true to false",
    ],
    ["priority", {}, { migration: { priority: "iommu" } }, "when it migrates changed from default to iommu"],
    [
      "unmigratable",
      {},
      { migration: { unmigratable: true } },
      "whether it migrates changed from false to true",
    ],
    ["blocker", {}, { migration: { unmigratable: "so" } }, "why it does not migrate changed"],
    [
      "another blocker",
      { migration: { unmigratable: "so" } },
      { migration: { unmigratable: "not so" } },
      "why it does not migrate changed from so to not so",
    ],
  ])("its section: %s", (_, before, after, difference) => {
    expect(typeDifference(described(before), described(after))).toBe(difference);
  });
});

describe("what an object was made with", () => {
  const regs = { size: 0x1000 };

  test.each<[string, object, object, string]>([
    ["irqs", { irqs: ["a"] }, { irqs: ["a", "b"] }, "the number of interrupt lines changed from 1 to 2"],
    ["inputs", {}, { inputs: { a: lines(1) } }, "the GPIO inputs changed from 0 to 1"],
    ["more lines", { inputs: { a: lines(1) } }, { inputs: { a: lines(2) } }, "the GPIO inputs changed"],
    ["outputs", { outputs: { a: lines(1) } }, {}, "the GPIO outputs changed from 1 to 0"],
    [
      "another output",
      { outputs: { a: lines(1) } },
      { outputs: { b: lines(1) } },
      "the GPIO outputs changed",
    ],
    ["clocks", { clocks: ["a"] }, { clocks: ["b"] }, "the clock inputs changed"],
    ["clockOutputs", {}, { clockOutputs: ["a"] }, "the clock outputs changed from 0 to 1"],
    ["regions", {}, { regions: { regs } }, "the number of regions changed from 0 to 1"],
    [
      "size",
      { regions: { regs } },
      { regions: { regs: { size: 0x800 } } },
      "the size of region regs changed from 4096 to 2048",
    ],
    [
      "what accesses a region takes",
      { regions: { regs } },
      { regions: { regs: { ...regs, valid: { min: 4 } } } },
      "region regs is declared otherwise",
    ],
    [
      "a region's name",
      { regions: { regs } },
      { regions: { regs: { ...regs, name: "x" } } },
      "region regs is declared otherwise",
    ],
    [
      "a region's kind",
      { regions: { regs } },
      { regions: { regs: { kind: "ram", ...regs } } },
      "region regs is declared otherwise",
    ],
  ])("%s", (_, before, after, difference) => {
    const [old, now] = [described(before), described(after)];
    expect(objectDifference(old, now)).toBe(difference);
    // New objects may have it.
    expect(typeDifference(old, now)).toBeUndefined();
  });
});

describe("no difference to either is", () => {
  const before = {
    description: "as it was",
    irqs: ["one"],
    clocks: [{ name: "clk", changed: "rest" }],
    properties: { line: chardev() },
    regions: { regs: { size: 4, errorValue: 1 } },
    state: { a: u32(1), t: timer({ expired: "rest" }) },
    migration: { version: 1 },
    deviceTree: { node: "thing", compatible: ["x"] },
  };

  test.each<[string, object, Members]>([
    ["what the help says", { description: "as it is" }, {}],
    ["what interrupt lines are called", { irqs: ["other"] }, {}],
    ["who hears of clocks", { clocks: ["clk"] }, {}],
    ["what the guest reads when a handler fails", { regions: { regs: { size: 4, errorValue: 2 } } }, {}],
    ["the state", { state: { a: u32(2), b: bool } }, {}],
    ["its version", { migration: { version: 2, minimum: 1 } }, {}],
    ["timers", { state: {} }, {}],
    ["trace events", { traces: { thing_happened: () => "so" } }, {}],
    ["the device tree, which was made long ago", { deviceTree: { node: "y", compatible: ["y"] } }, {}],
    ["who receives", {}, { receive: nothing }],
    ["phases of a reset", {}, { resetExit: nothing }],
    ["hooks of migration", {}, { preLoad: nothing, postSave: nothing, save: nothing, load: nothing }],
    ["the beginning and the end", {}, { init: nothing, unparent: nothing, finalize: nothing }],
  ])("%s", (_, change, members) => {
    const [old, now] = [
      described(before, { rest: nothing }),
      described({ ...before, ...change }, { rest: nothing, ...members }),
    ];
    expect([typeDifference(old, now), objectDifference(old, now)]).toEqual([undefined, undefined]);
  });

  test("anything that is the same", () => {
    const same = described(before, { rest: nothing });
    expect([typeDifference(same, same), objectDifference(same, same)]).toEqual([undefined, undefined]);
  });
});

/** What virt's device tree says of scripted devices, so that a guest finds them without further help. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { cells, type FdtNode, nodeAt, parseFdt, strings } from "../lib/fdt.ts";
import { TEST_MS } from "../lib/limit.ts";
import { device, NAME, PL011 } from "../lib/program.ts";
import { endAll, folder, HEADLESS, Qemu, script } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

/** Addresses below it count from its own. */
const BUS = "/platform-bus@c000000";

async function tree(args: readonly string[]): Promise<FdtNode> {
  const file = join(folder(), "virt.dtb");
  const machine = ["-M", `virt,dumpdtb=${file}`, ...HEADLESS];
  const { status, stderr } = await Qemu.run([...machine, ...args]);
  expect({ status, stderr: stderr.replace(/^.*dtb dumped to.*\n/, "") }).toEqual({ status: 0, stderr: "" });
  return parseFdt(await Bun.file(file).bytes());
}

const uart = ["-device", `script,path=${PL011}`];

/** SPI, level-triggered: the cells of a GIC's interrupt. */
const spi = (number: number) => [0, number, 4];

test("a PL011 has the node that drivers look for", async () => {
  const root = await tree(uart);
  const node = nodeAt(root, `${BUS}/pl011@0`);
  expect(strings(node?.properties.get("compatible"))).toEqual(["arm,pl011", "arm,primecell"]);
  expect(cells(node?.properties.get("reg"))).toEqual([0, 0x1000]);
  expect(cells(node?.properties.get("interrupts"))).toEqual(spi(112));
  expect(strings(node?.properties.get("clock-names"))).toEqual(["uartclk", "apb_pclk"]);
  const [clock] = cells(nodeAt(root, "/apb-pclk")?.properties.get("phandle"));
  expect(cells(node?.properties.get("clocks"))).toEqual([clock!, clock!]);
});

test("the bus leads to its place and to the interrupt controller", async () => {
  const bus = nodeAt(await tree(uart), BUS);
  expect(strings(bus?.properties.get("compatible"))).toContain("simple-bus");
  expect(cells(bus?.properties.get("ranges"))).toEqual([0, 0, 0x0c00_0000, 0x0200_0000]);
  expect(bus?.properties.has("interrupt-parent")).toBe(true);
});

test("the board's console stays the first, and the first alias", async () => {
  const root = await tree([...uart, ...uart]);
  expect(strings(nodeAt(root, "/chosen")?.properties.get("stdout-path"))).toEqual(["/pl011@9000000"]);
  const aliases = nodeAt(root, "/aliases")!.properties;
  expect(strings(aliases.get("serial0"))).toEqual(["/pl011@9000000"]);
  expect([...aliases.keys()].filter((name) => name.startsWith("serial")).toSorted()).toEqual([
    "serial0",
    "serial1",
    "serial2",
  ]);
  for (const name of ["serial1", "serial2"]) {
    expect(nodeAt(root, strings(aliases.get(name))[0]!)).toBeDefined();
  }
  const paths = everyNode(root).filter(({ node }) =>
    strings(node.properties.get("compatible")).includes("arm,pl011"),
  );
  expect(paths[0]?.path).toBe("/pl011@9000000");
  expect(paths).toHaveLength(3);
});

test("the console's node is as it is without scripts", async () => {
  const properties = (root: FdtNode) =>
    [...nodeAt(root, "/pl011@9000000")!.properties].map(([name, value]) => [
      name,
      Buffer.from(value).toString("hex"),
    ]);
  expect(properties(await tree(uart))).toEqual(properties(await tree([])));
});

test("two devices have places and interrupts of their own", async () => {
  const root = await tree([...uart, ...uart]);
  const nodes = nodeAt(root, BUS)!.children.filter(({ name }) => name.startsWith("pl011@"));
  const places = nodes.map(({ properties }) => cells(properties.get("reg"))).toSorted();
  expect(places).toEqual([
    [0, 0x1000],
    [0x1000, 0x1000],
  ]);
  const interrupts = nodes.map(({ properties }) => cells(properties.get("interrupts"))[1]);
  expect(new Set(interrupts).size).toBe(2);
});

test("a device without a deviceTree declaration has no node, and that is fine", async () => {
  const root = await tree(["-device", `script,path=${device("pair")}`]);
  expect(nodeAt(root, BUS)?.children ?? []).toEqual([]);
});

/** A device with three regions, two of which are on the bus, and this declaration. */
const declared = (deviceTree: string, rest = "") => `
  import { registers, SysBusDevice } from "qemu-script";
  export default class Thing extends SysBusDevice.with({
    type: "thing-ts",
    irqs: ["rx", "tx", "err"],
    regions: {
      regs: { size: 0x1000 },
      inner: { size: 0x10, inside: { region: "all", at: 0x100 } },
      all: { kind: "container", size: 0x2000 },
    },
    deviceTree: ${deviceTree},
    ${rest}
  }) {
    static {
      registers(Thing, "regs", { A: { at: 0, values: [1] } });
      registers(Thing, "inner", { A: { at: 0, values: [1] } });
    }
  }`;

const thing = (properties: string) =>
  declared(`{ node: "thing", compatible: ["acme,thing"], ${properties} }`);

async function nodeOf(source: string): Promise<FdtNode> {
  const root = await tree(["-device", `script,path=${script(source)}`]);
  const nodes = nodeAt(root, BUS)!.children;
  expect(nodes).toHaveLength(1);
  return nodes[0]!;
}

describe("a node", () => {
  test("has all regions that are on the bus, and the binding's names for them", async () => {
    const { name, properties } = await nodeOf(thing('regNames: ["control", "window"]'));
    const reg = cells(properties.get("reg"));
    expect([reg[1], reg[3], reg.length]).toEqual([0x1000, 0x2000, 4]);
    expect(name).toBe(`thing@${reg[0]!.toString(16)}`);
    expect(new Set([reg[0], reg[2]]).size).toBe(2);
    expect(strings(properties.get("reg-names"))).toEqual(["control", "window"]);
  });

  test("has the lines that the binding wants, with its names for them", async () => {
    const lines = 'interrupts: ["err", "rx"], interruptNames: ["error", "receive"]';
    const { properties } = await nodeOf(thing(lines));
    // The bus gives the lines numbers in the order of their declaration.
    expect(cells(properties.get("interrupts"))).toEqual([...spi(114), ...spi(112)]);
    expect(strings(properties.get("interrupt-names"))).toEqual(["error", "receive"]);
    expect((await nodeOf(thing("interrupts: []"))).properties.has("interrupts")).toBe(false);
  });

  test("has no names that were not given", async () => {
    const { properties } = await nodeOf(thing(""));
    expect([...properties.keys()].toSorted()).toEqual(["compatible", "interrupts", "reg"]);
  });

  test("has properties of every kind", async () => {
    const { properties } = await nodeOf(
      thing(`properties: {
        "reg-shift": 2,
        largest: 0xffff_ffff,
        wide: 0x1_2345_6789n,
        label: "a thing",
        empty: "",
        names: ["first", "second"],
        cells: [1, 2, 3],
        mixed: [1, 2n],
        "gpio-controller": true,
        "#gpio-cells": 2,
        bytes: new Uint8Array([0xde, 0xad, 0]),
      }`),
    );
    const get = (name: string) => properties.get(name);
    expect(cells(get("reg-shift"))).toEqual([2]);
    expect(cells(get("largest"))).toEqual([0xffff_ffff]);
    expect(cells(get("wide"))).toEqual([1, 0x2345_6789]);
    expect(strings(get("label"))).toEqual(["a thing"]);
    expect(strings(get("empty"))).toEqual([""]);
    expect(strings(get("names"))).toEqual(["first", "second"]);
    expect(cells(get("cells"))).toEqual([1, 2, 3]);
    expect(cells(get("mixed"))).toEqual([1, 0, 2]);
    expect(get("gpio-controller")).toHaveLength(0);
    expect(cells(get("#gpio-cells"))).toEqual([2]);
    expect([...get("bytes")!]).toEqual([0xde, 0xad, 0]);
  });

  test("of a type whose parent is QEMU's has the parent's regions", async () => {
    const { properties } = await nodeOf(`
      import { SysBusDevice } from "qemu-script";
      export default class Uart extends SysBusDevice.with({
        type: "uart-ts",
        parent: "pl011",
        deviceTree: { node: "serial", compatible: ["arm,pl011"] },
      }) {}`);
    expect(cells(properties.get("reg"))).toEqual([0, 0x1000]);
  });

  test("leaves the board's console first, also among those with many properties", async () => {
    const path = script(thing('alias: "serial", properties: { "current-speed": 115200 }'));
    const root = await tree(["-device", `script,path=${path}`]);
    expect(root.children.findIndex(({ name }) => name === "pl011@9000000")).toBeLessThan(
      root.children.findIndex(({ name }) => name === BUS.slice(1)),
    );
    expect(strings(nodeAt(root, "/aliases")!.properties.get("serial0"))).toEqual(["/pl011@9000000"]);
  });
});

describe("a declaration is refused", () => {
  test.each([
    ['node: "9th", compatible: ["x"]', "'9th' is no name for a node"],
    ['node: "a@b", compatible: ["x"]', "'a@b' is no name for a node"],
    ['node: "n", compatible: []', "compatible: a node is compatible with something"],
    ['node: "n", compatible: [""]', 'compatible: "" is no name'],
    ['node: "n", compatible: ["x"], clocks: { a: "apb" }', "clocks: a: 'apb' is no path of a node"],
    ['node: "n", compatible: ["x"], alias: "serial0"', "alias: 'serial0' is no stem of an alias"],
    ['node: "n", compatible: ["x"], interrupts: ["none"]', "there is no interrupt line none"],
    ['node: "n", compatible: ["x"], interruptNames: ["a", "b"]', "interruptNames: 2 names for 1"],
    ['node: "n", compatible: ["x"], regNames: ["a"]', "regNames: 1 names for 2"],
    ['node: "n", compatible: ["x"], regNames: ["a", ""]', 'regNames: "" is no name'],
  ])("%s", async (deviceTree, reason) => {
    await refuses(declared(`{ ${deviceTree} }`), reason);
  });

  test.each([
    ["reg: 1", "reg: it follows from the rest of the declaration"],
    ['"a b": 1', "a b: that is no name for a property"],
    [`${"x".repeat(32)}: 1`, `${"x".repeat(32)}: that is no name for a property`],
    ["a: -1", "a: -1 does not fit into a cell: 32 bits, or a bigint for two cells"],
    ["a: 1.5", "a: 1.5 does not fit into a cell: 32 bits, or a bigint for two cells"],
    ["a: 2 ** 32", "a: 4294967296 does not fit into a cell: 32 bits, or a bigint for two cells"],
    ["a: 2n ** 64n", "a: 18446744073709551616 does not fit into two cells"],
    ["a: false", "a: false does not fit into a cell: 32 bits, or a bigint for two cells"],
    ["a: []", "a: an empty list makes no sense: true says that the property is there"],
    ['a: [1, "b"]', "a: a list is of text or of numbers"],
    ['a: "b\\0c"', "a: text cannot hold a NUL"],
  ])("properties: %s", async (properties, reason) => {
    await refuses(thing(`properties: { ${properties} }`), `property ${reason}`);
  });

  test("without a region", async () => {
    const source = `
      import { SysBusDevice } from "qemu-script";
      export default class Thing extends SysBusDevice.with({
        type: "thing-ts",
        deviceTree: { node: "thing", compatible: ["acme,thing"] },
      }) {}`;
    await refuses(source, "a device without regions has no address, and so no node");
  });
});

async function refuses(source: string, reason: string): Promise<void> {
  const args = ["-M", "none", ...HEADLESS, "-script", `path=${script(source)}`];
  const { status, stderr } = await Qemu.run(args);
  expect(status).toBe(1);
  expect(stderr).toContain(`thing-ts: deviceTree: ${reason}\n`);
}

test.each(["none", "raspi3b"])("machine %s has no bus for such devices, and says so", async (machine) => {
  const asScript = await Qemu.run(["-M", machine, ...HEADLESS, ...uart]);
  const asType = await Qemu.run(["-M", machine, ...HEADLESS, "-script", PL011, "-device", "pl011-ts"]);
  expect([asScript.status, asType.status]).toEqual([1, 1]);
  const message = `machine '${machine}' has no platform bus to add 'pl011-ts' to; there it can only take the place of another device: -script path=...,replaces=TYPE\n`;
  expect(asScript.stderr).toBe(`${NAME}: -device script,path=${PL011}: ${message}`);
  expect(asType.stderr).toBe(`${NAME}: -device pl011-ts: ${message}`);
});

function everyNode(node: FdtNode, path = ""): { path: string; node: FdtNode }[] {
  return [{ path, node }, ...node.children.flatMap((child) => everyNode(child, `${path}/${child.name}`))];
}

/** What virt's device tree says of scripted devices, so that a guest finds them without further help. */

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { cells, type FdtNode, nodeAt, parseFdt, strings } from "../lib/fdt.ts";
import { TEST_MS } from "../lib/limit.ts";
import { device, PL011 } from "../lib/program.ts";
import { endAll, folder, HEADLESS, Qemu } from "../lib/qemu.ts";

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

function everyNode(node: FdtNode, path = ""): { path: string; node: FdtNode }[] {
  return [{ path, node }, ...node.children.flatMap((child) => everyNode(child, `${path}/${child.name}`))];
}

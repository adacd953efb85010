/** The device-tree node of a device: Devicetree Specification 0.4. */

import type { DeviceClass } from "./device.ts";
import { DeclarationError } from "./errors.ts";
import { entryName } from "./names.ts";

/**
 * A property's value: a cell of 32 bits, or two for a bigint; text; a list of either; `true` for one that is just there;
 * bytes as they are.
 */
export type TreeValue =
  | number
  | bigint
  | string
  | true
  | Uint8Array
  | readonly string[]
  | readonly (number | bigint)[];

/** The device-tree node of a device that a user adds to a board with a platform bus. */
export interface DeviceTreeSpec {
  /** Before the unit address, such as `serial`. */
  readonly node: string;
  /** What drivers look for, the most specific first. */
  readonly compatible: readonly [string, ...string[]];
  /** For each clock, its name in the binding and the path of the board's node. */
  readonly clocks?: Readonly<Record<string, string>>;
  /** Stem of an alias, such as `serial`. */
  readonly alias?: string;
  /** Lines that appear as interrupts; the first alone if absent. */
  readonly interrupts?: readonly string[];
  /** The binding's name for each of them. */
  readonly interruptNames?: readonly string[];
  /** The binding's name for each of the device's regions, which all are in `reg`. */
  readonly regNames?: readonly string[];
  /** What else the binding asks for: `{ "reg-shift": 2, "gpio-controller": true }`. */
  readonly properties?: Readonly<Record<string, TreeValue>>;
}

type Fail = (reason: string) => never;

/** Those that follow from the rest of the declaration. */
const OWN = [
  ...["compatible", "reg", "reg-names", "interrupts", "interrupt-names", "interrupt-parent"],
  ...["clocks", "clock-names", "phandle", "linux,phandle"],
];

function text(value: unknown, fail: Fail): Uint8Array {
  if (typeof value !== "string" || value.includes("\0")) {
    fail("text cannot hold a NUL");
  }
  return Buffer.from(`${value}\0`);
}

function cells(value: unknown, fail: Fail): Uint8Array {
  if (typeof value === "bigint") {
    if (value !== BigInt.asUintN(64, value)) {
      fail(`${value} does not fit into two cells`);
    }
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(value);
    return bytes;
  }
  if (typeof value !== "number" || value >>> 0 !== value) {
    fail(`${String(value)} does not fit into a cell: 32 bits, or a bigint for two cells`);
  }
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value as number);
  return bytes;
}

/** A value as it is in a flattened tree, 2.2.4. */
function encode(value: unknown, fail: Fail): Uint8Array {
  if (value === true) {
    return new Uint8Array();
  }
  if (value instanceof Uint8Array) {
    return value;
  }
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) {
    fail("an empty list makes no sense: true says that the property is there");
  }
  const isText = typeof list[0] === "string";
  if (list.some((element) => (typeof element === "string") !== isText)) {
    fail("a list is of text or of numbers");
  }
  return Buffer.concat(list.map((element) => (isText ? text(element, fail) : cells(element, fail))));
}

function describeProperties(properties: Readonly<Record<string, unknown>>, fail: Fail) {
  return Object.entries(properties).map(([name, value]) => {
    const refuse: Fail = (reason) => fail(`property ${name}: ${reason}`);
    if (!/^[\w,.+?#-]{1,31}$/.test(name)) {
      refuse("that is no name for a property");
    }
    if (OWN.includes(name)) {
      refuse("it follows from the rest of the declaration");
    }
    return { name, value: Buffer.from(encode(value, refuse)).toString("hex") };
  });
}

/** Names for each of so many things, or none. */
function checkNames(what: string, names: readonly string[] | undefined, count: number, fail: Fail): void {
  if (names !== undefined && names.length !== count) {
    fail(`${what}: ${names.length} names for ${count}`);
  }
  for (const name of names ?? []) {
    checkText(what, name, fail);
  }
}

function checkText(what: string, value: unknown, fail: Fail): void {
  if (typeof value !== "string" || value === "" || value.includes("\0")) {
    fail(`${what}: ${JSON.stringify(value)} is no name`);
  }
}

function checkNode({ node, compatible, clocks = {}, alias }: DeviceTreeSpec, fail: Fail): void {
  if (!/^[A-Za-z][\w,.+-]{0,30}$/.test(node)) {
    fail(`'${node}' is no name for a node`);
  }
  if (!Array.isArray(compatible) || compatible.length === 0) {
    fail("compatible: a node is compatible with something");
  }
  for (const value of compatible) {
    checkText("compatible", value, fail);
  }
  for (const [name, path] of Object.entries(clocks)) {
    checkText("clocks", name, fail);
    if (typeof path !== "string" || !path.startsWith("/") || path.includes("\0")) {
      fail(`clocks: ${name}: '${path}' is no path of a node`);
    }
  }
  if (alias !== undefined && !/^[a-z][a-z0-9-]*[a-z]$/.test(alias)) {
    fail(`alias: '${alias}' is no stem of an alias`);
  }
}

/** Regions that the device has on its bus; those of a parent type of QEMU's are not known. */
function regionsOnBus({ spec }: DeviceClass): number {
  return Object.values(spec.regions ?? {}).filter((region) => region.inside === undefined).length;
}

/** As ScriptDeviceTree of qapi/script.json. @throws DeclarationError */
export function describeDeviceTree(tree: DeviceTreeSpec, cls: DeviceClass) {
  const fail: Fail = (reason) => {
    throw new DeclarationError(`${cls.spec.type}: deviceTree: ${reason}`);
  };
  const irqs = (cls.spec.irqs ?? []).map(entryName);
  const interrupts = (tree.interrupts ?? irqs.slice(0, 1)).map((name) => {
    const index = irqs.indexOf(name);
    return index >= 0 ? index : fail(`there is no interrupt line ${name}`);
  });
  const regions = regionsOnBus(cls);
  const isOwn = cls.spec.parent === undefined;
  if (isOwn && regions === 0) {
    fail("a device without regions has no address, and so no node");
  }
  checkNode(tree, fail);
  checkNames("regNames", tree.regNames, isOwn ? regions : (tree.regNames?.length ?? 0), fail);
  checkNames("interruptNames", tree.interruptNames, interrupts.length, fail);
  return {
    name: tree.node,
    compatible: tree.compatible,
    interrupts,
    properties: describeProperties(tree.properties ?? {}, fail),
    ...(tree.clocks ? { clocks: Object.values(tree.clocks), "clock-names": Object.keys(tree.clocks) } : {}),
    ...(tree.alias === undefined ? {} : { alias: tree.alias }),
    ...(tree.regNames ? { "reg-names": tree.regNames } : {}),
    ...(tree.interruptNames ? { "interrupt-names": tree.interruptNames } : {}),
  };
}

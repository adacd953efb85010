/** Reads a flattened device tree: Devicetree Specification 0.4, chapter 5. */

export interface FdtNode {
  readonly name: string;
  readonly properties: ReadonlyMap<string, Uint8Array>;
  readonly children: readonly FdtNode[];
}

const MAGIC = 0xd00dfeed;
const BEGIN_NODE = 1;
const END_NODE = 2;
const PROP = 3;
const NOP = 4;

export function parseFdt(bytes: Uint8Array): FdtNode {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(0) !== MAGIC) {
    throw new Error("no device tree");
  }
  const strings = view.getUint32(12);
  let at = view.getUint32(8);
  const word = () => {
    at += 4;
    return view.getUint32(at - 4);
  };
  const align = () => {
    at = (at + 3) & ~3;
  };
  const textAt = (from: number) => Buffer.from(bytes.subarray(from, bytes.indexOf(0, from))).toString();

  const property = (properties: Map<string, Uint8Array>) => {
    const length = word();
    const name = textAt(strings + word());
    properties.set(name, bytes.slice(at, at + length));
    at += length;
    align();
  };

  const node = (): FdtNode => {
    const name = textAt(at);
    at += name.length + 1;
    align();
    const properties = new Map<string, Uint8Array>();
    const children: FdtNode[] = [];
    for (;;) {
      const token = word();
      if (token === PROP) {
        property(properties);
      } else if (token === BEGIN_NODE) {
        children.push(node());
      } else if (token === END_NODE) {
        return { name, properties, children };
      } else if (token !== NOP) {
        throw new Error(`token ${token} in a device tree`);
      }
    }
  };

  if (word() !== BEGIN_NODE) {
    throw new Error("a device tree begins with its root");
  }
  return node();
}

/** The node at an absolute path. */
export function nodeAt(root: FdtNode, path: string): FdtNode | undefined {
  let found: FdtNode | undefined = root;
  for (const name of path.split("/").slice(1)) {
    found = found?.children.find((child) => child.name === name);
  }
  return found;
}

export const strings = (value: Uint8Array | undefined): string[] =>
  Buffer.from(value ?? [])
    .toString()
    .split("\0")
    .slice(0, -1);

export const cells = (value: Uint8Array | undefined): number[] =>
  Array.from({ length: (value?.length ?? 0) / 4 }, (_, index) => Buffer.from(value!).readUInt32BE(4 * index));

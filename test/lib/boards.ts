/** The PL011s of QEMU's machines: where each is, what it is connected to, and whether it works there. */

import { CR, DR, ENABLED, ID, IMSC, INT_TX, MIS } from "../devices/manual.ts";
import { SOON_MS } from "./limit.ts";
import { PL011 } from "./program.ts";
import { HEADLESS, Qemu, script } from "./qemu.ts";
import { QmpError } from "./qmp.ts";

/** The other ends of a machine's serial ports; none has more. */
const SERIALS = ["serial-a", "serial-b", "serial-c", "serial-d"];

/** Puts the script in the place of both types of QEMU's. */
const SCRIPTED: readonly string[] = ["pl011", "pl011_luminary"].flatMap((type) => [
  "-script",
  `path=${PL011.replaceAll(",", ",,")},replaces=${type},by=${type}-ts`,
]);

/** What a machine wants in order to start: firmware that the build has none of, and that is never run. */
const WANTS: readonly { readonly machines: RegExp; readonly args: () => readonly string[] }[] = [
  { machines: /^sbsa-ref$/, args: () => ["-global", "bochs-display.romfile="] },
  {
    machines: /^(npcm\d+-evb|quanta-(gbs-bmc|gsj)|kudo-bmc|mori-bmc)$/,
    args: () => ["-bios", script("none", "firmware")],
  },
];

/** UARTs behind a peripheral protection controller, which lets nobody through to them until one of its ports is open. */
const GATES: Readonly<
  Record<string, { readonly port: string; readonly at: number; readonly address: number }>
> = {
  "musca-a /machine/uart0": { port: "/machine/ahb_ppcexp0", at: 0, address: 0x4010_1000 },
  "musca-a /machine/uart1": { port: "/machine/ahb_ppcexp0", at: 0, address: 0x4010_2000 },
  "musca-b1 /machine/uart0": { port: "/machine/apb_ppcexp1", at: 4, address: 0x4010_5000 },
  "musca-b1 /machine/uart1": { port: "/machine/apb_ppcexp1", at: 5, address: 0x4010_6000 },
};

/** Machines that have more of them with these options. */
const VARIANTS = ["virt,secure=on"];

/** All machines that the program has, of those with many versions the oldest and the newest; and variants. */
export async function machines(): Promise<string[]> {
  const qemu = await Qemu.start({ args: ["-M", "none", ...HEADLESS] });
  const all = await qemu.qmp.execute<{ name: string }[]>("query-machines");
  await qemu.kill();
  const sorted = all.map(({ name }) => name).toSorted(new Intl.Collator("en", { numeric: true }).compare);
  const kin = (name: string | undefined) => name?.replace(VERSION, "");
  const chosen = sorted.filter(
    (name, i) => !VERSION.test(name) || kin(name) !== kin(sorted[i - 1]) || kin(name) !== kin(sorted[i + 1]),
  );
  return [...chosen, ...VARIANTS];
}

const VERSION = /-\d+\.\d+$/;

/** One PL011 of a machine. */
export interface Uart {
  /** In the composition tree. */
  readonly path: string;
  readonly type: string;
  /** All that QEMU's model has: where its lines, its registers and its clock are connected, and its configuration. */
  readonly properties: Readonly<Record<string, unknown>>;
  /** Identification as the first CPU reads it; undefined if that does not reach it. */
  readonly id: readonly number[] | undefined;
  /** What became of a character: which serial port it came out of, and which lines rose. */
  readonly sent: string | undefined;
}

/** A machine, as it is with QEMU's own model or with the script's. */
export interface Board {
  readonly uarts: readonly Uart[];
  /** All of the machine's objects, and where all of its regions are: QEMU's lines, which have no order of their own. */
  readonly map: readonly string[];
}

/** Starts a machine and looks at its PL011s. @throws Error with QEMU's messages if it does not start */
export async function look(machine: string, scripted: boolean): Promise<Board> {
  const wants = WANTS.filter(({ machines }) => machines.test(machine)).flatMap(({ args }) => args());
  const qemu = await Qemu.start({
    args: [
      ...["-M", machine, "-accel", "qtest", "-audio", "none", ...HEADLESS, ...wants],
      ...SERIALS.flatMap((line) => ["-serial", `chardev:${line}`]),
      ...(scripted ? SCRIPTED : []),
    ],
    lines: SERIALS,
    qtest: true,
  });
  try {
    const tree = await qemu.qmp.human("info qom-tree");
    const found = objects(tree).filter(({ type }) => /^pl011(_luminary)?(-ts)?$/.test(type));
    const uarts: Uart[] = [];
    for (const { path, type } of found) {
      const follow = uarts.every(({ id }) => id === undefined);
      uarts.push({ path, type, ...(await examine(qemu, machine, path, follow)) });
    }
    const map = `${tree.replaceAll("-ts)", ")")}\n${await qemu.qmp.human("info mtree")}`;
    return { uarts, map: map.split("\n").toSorted() };
  } finally {
    await qemu.kill();
  }
}

/** What `info qom-tree` shows: a line for each object, indented below the one that it is a part of. */
function objects(tree: string): { path: string; type: string }[] {
  const above: string[] = [];
  return [...tree.matchAll(/^( *)\/(.*) \((\S+)\)\r?$/gm)].map(([, indent, name, type]) => {
    above.splice(indent!.length / 2, Infinity, name!);
    return { path: `/${above.join("/")}`, type: type! };
  });
}

type Examined = Pick<Uart, "properties" | "id" | "sent">;

/** @param follow whether to look at its lines, which qtest can do for one device only */
async function examine(qemu: Qemu, machine: string, path: string, follow: boolean): Promise<Examined> {
  const properties: Record<string, unknown> = {};
  for (const { name } of await qemu.qmp.execute<{ name: string }[]>("qom-list", { path })) {
    properties[name] = await get(qemu, path, name);
  }
  delete properties["type"];
  const { qtest } = qemu;
  const gate = GATES[`${machine} ${path}`];
  if (gate) {
    await qtest.setIrqIn(gate.port, "cfg_nonsec", gate.at, 1);
  }
  const base = gate?.address ?? (await address(qemu, `${path}/pl011[0]`));
  if ((await qtest.readl(base + ID)) !== 0x11) {
    return { properties, id: undefined, sent: undefined };
  }
  if (follow) {
    await qtest.interceptOut(path);
  }
  const id: number[] = [];
  for (let offset = ID; offset < 0x1000; offset += 4) {
    id.push(await qtest.readl(base + offset));
  }
  return { properties, id, sent: await send(qemu, base, properties["chardev"] as string) };
}

async function get(qemu: Qemu, path: string, property: string): Promise<unknown> {
  try {
    return await qemu.qmp.execute("qom-get", { path, property });
  } catch (error) {
    if (error instanceof QmpError) {
      return error.message;
    }
    throw error;
  }
}

/** Of a region, in the space of whatever contains it in the end. */
async function address(qemu: Qemu, region: string): Promise<number> {
  let sum = 0;
  for (let path = region; path !== ""; path = (await get(qemu, path, "container")) as string) {
    sum += (await get(qemu, path, "addr")) as number;
  }
  return sum;
}

/** Sends a character with its interrupt on. */
async function send(qemu: Qemu, base: number, serial: string): Promise<string> {
  const { qtest } = qemu;
  await qtest.writel(base + CR, ENABLED);
  await qtest.writel(base + IMSC, INT_TX);
  await qtest.writel(base + DR, 0x21);
  const active = await qtest.readl(base + MIS);
  if (serial !== "") {
    await qemu.line(serial).text.waitFor("!", SOON_MS);
  }
  const lines = [0, 1, 2, 3, 4, 5].filter((line) => qtest.irq(line));
  await qtest.writel(base + IMSC, 0);
  return `from ${serial || "nowhere"}, interrupts ${active}, lines ${lines}`;
}

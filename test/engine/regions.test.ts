/** Regions of every kind, as a guest's accesses find them. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { bareMetal, guest, VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { Poker } from "../lib/poker.ts";
import { device } from "../lib/program.ts";
import { endAll, folder, HEADLESS, Qemu, script } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];
const REGIONS = ["-device", `script,path=${device("regions")},id=r`];

/** What QEMU and its scripts have printed, all of it, once the last line is there. */
async function said(qemu: Qemu, lines: readonly string[]): Promise<void> {
  await qemu.stderr.waitFor(`${lines.at(-1)}\n`, SOON_MS);
  expect(qemu.stderr.lines).toEqual([...lines]);
}

/** The fixture's registers. */
const MOVE = 0x0;
const ENABLE = 0x4;
const POKE_AT = 0x8;
const POKE = 0xc;

/** Where the platform bus puts the regions that are inside no other, by their names in `info mtree`. */
async function places({ qmp }: Qemu): Promise<Record<string, number>> {
  const tree = await qmp.human("info mtree");
  const found = tree.matchAll(/^ {6}([0-9a-f]{16})-[0-9a-f]{16} \(prio 0, \S+?\): (?:alias )?(\w+)/gm);
  return Object.fromEntries([...found].map(([, at, name]) => [name!, Number(`0x${at}`)]));
}

async function start(args: readonly string[] = []) {
  const qemu = await Qemu.start({ args: [...MACHINE, ...REGIONS, ...args], qtest: true });
  const at = await places(qemu);
  return { qemu, bus: qemu.qtest, at: (name: string) => at[name]! };
}

describe("regions", () => {
  test("are where the board or the declaration has them", async () => {
    const { qemu, at } = await start();
    expect(at("regs")).toBe(VIRT.platformBus);
    const names = ["regs", "all", "upper", "narrow", "wide", "big"];
    expect(new Set(names.map(at)).size).toBe(names.length);
    const tree = await qemu.qmp.human("info mtree");
    const base = at("all");
    const line = (offset: number, size: number, rest: string) =>
      `${(base + offset).toString(16).padStart(16, "0")}-${(base + offset + size - 1).toString(16).padStart(16, "0")} ${rest}`;
    expect(tree).toContain(line(0, 0x1000, "(prio 0, ram): /machine/peripheral/r/ram"));
    expect(tree).toContain(line(0x1000, 0x1000, "(prio 0, rom): /machine/peripheral/r/rom"));
    expect(tree).toContain(line(0x20, 0x10, "(prio 1, i/o): over"));
    expect(tree).not.toContain("hidden");
    expect(await qemu.qmp.human("info mtree -D")).toContain(
      line(0x3000, 0x20, "(prio 0, ram): /machine/peripheral/r/hidden [disabled]"),
    );
  });

  test("of RAM are memory of the guest's and of the script's", async () => {
    const { bus, at } = await start();
    await bus.writel(at("all") + 0x100, 0x44332211);
    await bus.writel(at("regs") + POKE_AT, 0x102);
    expect(await bus.readl(at("regs") + POKE)).toBe(0x33);
    await bus.writel(at("regs") + POKE, 0xee);
    expect(await bus.readl(at("all") + 0x100)).toBe(0x44ee2211);
  });

  test("of ROM have what the script put there, and keep it", async () => {
    const { bus, at } = await start();
    await bus.writel(at("all") + 0x1000, 0);
    expect(await bus.readq(at("all") + 0x1000)).toBe(Buffer.from("scripted").readBigUInt64LE());
  });

  test("over others are seen by their priority", async () => {
    const { qemu, bus, at } = await start();
    await bus.writel(at("all") + 0x1c, 1);
    await bus.writel(at("all") + 0x24, 2);
    await bus.writel(at("all") + 0x30, 3);
    expect(await bus.readl(at("all") + 0x1c)).toBe(1);
    expect(await bus.readl(at("all") + 0x24)).toBe(0xaa04);
    expect(await bus.readl(at("all") + 0x30)).toBe(3);
    await said(qemu, ["over 4 2"]);
  });

  test("that are aliases show the other's memory", async () => {
    const { bus, at } = await start();
    await bus.writel(at("all") + 0x900, 0x12345678);
    expect(await bus.readl(at("upper") + 0x100)).toBe(0x12345678);
    await bus.writel(at("upper") + 0x7fc, 9);
    expect(await bus.readl(at("all") + 0xffc)).toBe(9);
  });

  test("go and come at run time", async () => {
    const { bus, at } = await start();
    await bus.writel(at("regs") + ENABLE, 2);
    await bus.writel(at("all") + 0x20, 5);
    await bus.writel(at("all") + 0x3000, 6);
    expect([await bus.readl(at("all") + 0x20), await bus.readl(at("all") + 0x3000)]).toEqual([5, 6]);
    await bus.writel(at("regs") + ENABLE, 1);
    expect(await bus.readl(at("all") + 0x20)).toBe(0xaa00);
    expect(await bus.readl(at("all") + 0x3000)).toBe(0);
    await bus.writel(at("regs") + ENABLE, 2);
    expect(await bus.readl(at("all") + 0x3000)).toBe(6);
  });

  test("move at run time, within the other", async () => {
    const { qemu, bus, at } = await start();
    expect(await bus.readl(at("regs") + MOVE)).toBe(0x20);
    await bus.writel(at("regs") + MOVE, 0x3ff0);
    expect(await bus.readl(at("all") + 0x20)).toBe(0);
    expect(await bus.readl(at("all") + 0x3ff4)).toBe(0xaa04);
    await bus.writel(at("regs") + MOVE, 0x3ff4);
    await qemu.stderr.waitFor(/RangeError: region all has 16384 bytes: 16 at 16372 are outside/, SOON_MS);
    expect(await bus.readl(at("all") + 0x3ff4)).toBe(0xaa04);
  });
});

describe("accesses are as the declaration says:", () => {
  test("split and widened to sizes that are handled", async () => {
    const { qemu, bus, at } = await start();
    await bus.writel(at("narrow") + 4, 0x44332211);
    expect(await bus.readl(at("narrow") + 8)).toBe(0x1a_0018);
    expect(await bus.readb(at("narrow") + 3)).toBe(0x13);
    await said(qemu, [
      "write 4 0x2211 size 2",
      "write 6 0x4433 size 2",
      "read 8 size 2",
      "read 10 size 2",
      "read 3 size 1",
    ]);
  });

  test("of 64 bits, as bigints and as numbers, at once and later", async () => {
    const { qemu, bus, at } = await start();
    expect(await bus.readq(at("wide"))).toBe(0xffff_ffff_ffff_fffen);
    expect(await bus.readq(at("wide") + 8)).toBe(2n ** 52n + 3n);
    expect(await bus.readq(at("wide") + 16)).toBe(7n);
    await bus.writeq(at("wide") + 8, 0x8000_0000_0000_0001n);
    await bus.writeb(at("wide") + 1, 0xff);
    await said(qemu, [
      "read 0 size 8",
      "read 8 size 8",
      "read 16 size 8",
      "write 8 9223372036854775809 size 8",
      "write 1 255 size 1",
    ]);
  });

  test("big-endian, and unaligned where handlers take them so", async () => {
    const { qemu, bus, at } = await start();
    // virt's CPU is little-endian, so the bus turns the bytes round.
    await bus.writel(at("big") + 4, 0x44332211);
    expect(await bus.readw(at("big") + 2)).toBe(0x1200);
    await bus.writel(at("big") + 1, 0x0a0b0c0d);
    await said(qemu, ["write 4 0x11223344 size 4", "read 2 size 2", "write 1 0xd0c0b0a size 4"]);
  });

  test("unaligned ones are split if handlers do not take them", async () => {
    const path = script(`
      import { SysBusDevice } from "qemu-script";
      export default class Split extends SysBusDevice.with({
        type: "split-ts",
        regions: { all: { size: 16, read: "look", handled: { min: 1, max: 4 }, valid: { unaligned: true } } },
      }) {
        look(offset, access) {
          console.log(\`read \${offset} size \${access.size}\`);
          return 0x11 * access.size;
        }
      }`);
    const args = [...MACHINE, "-device", `script,path=${path}`];
    const qemu = await Qemu.start({ args, qtest: true });
    expect(await qemu.qtest.readl(VIRT.platformBus + 1)).toBe(0x11_0022_11);
    await said(qemu, ["read 1 size 1", "read 2 size 2", "read 4 size 1"]);
  });
});

test("RAM migrates, of two devices of one type too; where regions are, the script says again", async () => {
  const two = ["-device", `script,path=${device("regions")}`];
  const { qemu, bus, at } = await start(two);
  const first = at("all");
  // The second's regions come after the first's: the one that is found last is the second's.
  await bus.writel(at("all") + 0x100, 0xfeed);
  await bus.writel(at("regs") + POKE_AT, 0x200);
  await bus.writel(at("regs") + POKE, 0x77);
  const file = join(folder(), "state");
  await qemu.qmp.execute("stop");
  await qemu.qmp.execute("migrate", { uri: `file:${file}` });
  for (;;) {
    const { status } = await qemu.qmp.execute<{ status?: string }>("query-migrate");
    expect(["setup", "active", "device", "completed"]).toContain(status!);
    if (status === "completed") {
      break;
    }
    await Bun.sleep(10);
  }
  const other = await Qemu.start({
    args: [...MACHINE, ...REGIONS, ...two, "-incoming", `file:${file}`],
    qtest: true,
  });
  while ((await other.qmp.execute<{ status: string }>("query-status")).status === "inmigrate") {
    await Bun.sleep(10);
  }
  expect(await other.qtest.readl(first + 0x100)).toBe(0xfeed);
  expect(await other.qtest.readl(first + 0x200)).toBe(0x77);
  expect(await other.qtest.readl(at("regs") + POKE)).toBe(0x77);
});

test("regions are there for a script from realize on", async () => {
  const path = script(`
    import { SysBusDevice } from "qemu-script";
    export default class Early extends SysBusDevice.with({
      type: "early-ts",
      regions: {
        all: { kind: "container", size: 0x1000 },
        ram: { kind: "ram", size: 8, inside: { region: "all", at: 0 } },
      },
    }) {
      init() {
        const { ram } = this.regions;
        const uses = [() => (ram.enabled = false), () => (ram.at = 8), () => ram.bytes, () => ram.write(0, Uint8Array.of(1))];
        for (const use of uses) {
          try {
            use();
            console.log("used");
          } catch (error) {
            console.log(error.message);
          }
        }
      }
      realize() {
        this.regions.ram.at = 8;
        this.regions.ram.write(0, Uint8Array.of(9));
      }
    }`);
  const qemu = await Qemu.start({ args: [...MACHINE, "-device", `script,path=${path}`], qtest: true });
  const early = "region ram: its memory is there from realize() on";
  await said(qemu, [...new Array(2).fill("region ram can be changed from realize() on"), early, early]);
  expect([await qemu.qtest.readb(VIRT.platformBus), await qemu.qtest.readb(VIRT.platformBus + 8)]).toEqual([
    0, 9,
  ]);
});

test.each(["tcg,thread=multi", "tcg,thread=single"])(
  "a guest sees at once that regions move and go, %s",
  async (accel) => {
    const poker = await Poker.start(device("regions"), { accel });
    /** The container, by what it is aligned to. */
    const ALL = 0x4000;
    expect(await poker.read(ALL + 0x24)).toBe(0xaa04);
    for (let at = 0x100; at < 0x120; at += 4) {
      await poker.write(MOVE, at);
      expect(await poker.read(ALL + at + 4)).toBe(0xaa04);
      expect(await poker.read(ALL + at - 4)).toBe(0);
    }
    await poker.write(ENABLE, 0);
    await poker.write(ALL + 0x120, 0x1234);
    expect(await poker.read(ALL + 0x120)).toBe(0x1234);
    await poker.write(ENABLE, 1);
    expect(await poker.read(ALL + 0x120)).toBe(0xaa04);
  },
);

test("what a script writes to memory that the guest runs is what the guest runs then", async () => {
  const path = script(`
    import { registers, SysBusDevice } from "qemu-script";
    const code = (value) => new Uint8Array(Uint32Array.of(0x52800000 | (value << 5), 0xd65f03c0).buffer);
    export default class Code extends SysBusDevice.with({
      type: "code-ts",
      regions: { ram: { kind: "ram", size: 0x1000 }, regs: { size: 0x10 } },
    }) {
      static { registers(Code, "regs", { RETURN: { at: 0, write: "set" } }); }
      realize() { this.regions.ram.write(0, code(1)); }
      set(value) { this.regions.ram.write(0, code(value)); }
    }`);
  const args = [...bareMetal(guest("run-device")), "-device", `script,path=${path}`];
  const qemu = await Qemu.start({ args, lines: ["console"] });
  await qemu.waitForExit(SOON_MS);
  expect(qemu.line("console").text.lines).toEqual(
    [1, 2, 3].map((value) => `value=0x${value.toString(16).padStart(16, "0")}`),
  );
});

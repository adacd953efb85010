/** What comes back to a device from what it does: defined, in order, and never without end. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { Poker } from "../lib/poker.ts";
import { device, NAME } from "../lib/program.ts";
import { endAll, folder, HEADLESS, Qemu } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];
const path = (label: string) => `/machine/peripheral/${label}`;

describe("a chardev that answers", () => {
  const ECHOES = device("echoes");
  const [ANSWERS, SEND, ASK] = [0x00, 0x04, 0x08];
  const begun = /^(\w+) begins/;

  /** Each handler begins after the one before ended. */
  function expectNoNesting(lines: readonly string[]) {
    for (const [index, line] of lines.entries()) {
      const name = begun.exec(line)?.[1];
      if (name !== undefined) {
        expect(lines[index + 1]).toBe(`${name} ends`);
      }
    }
  }

  const crossed = () => {
    const at = join(folder(), "wire");
    return [
      ...["-chardev", `socket,id=one,path=${at},server=on,wait=off`],
      ...["-chardev", `socket,id=two,path=${at}`],
    ];
  };

  test("from the other one of the same device, on one wire: each handler is over before the next", async () => {
    const args = [...crossed(), ...MACHINE, "-device", `script,path=${ECHOES},first=one,second=two`];
    const qemu = await Qemu.start({ args, qtest: true });
    const { qtest, stderr } = qemu;
    await qtest.writel(VIRT.platformBus + ANSWERS, 6);
    await qtest.writel(VIRT.platformBus + SEND, 0x41);
    for (let i = 0; i < 4; i++) {
      await stderr.waitFor('second begins "A"\nsecond ends\n', SOON_MS);
    }
    expect(stderr.lines.slice(0, 4)).toEqual(["sends", "sent", 'second begins "A"', "second ends"]);
    expect(stderr.lines.filter((line) => begun.test(line))).toHaveLength(7);
    expectNoNesting(stderr.lines);
    expect(await qtest.readl(VIRT.platformBus + ANSWERS)).toBe(0);
  });

  test.each(["tcg,thread=multi", "tcg,thread=single"])(
    "from the other one, while a guest runs, %s",
    async (accel) => {
      const poker = await Poker.start(ECHOES, {
        accel,
        properties: ",first=one,second=two",
        args: crossed(),
      });
      await poker.write(ANSWERS, 100);
      await poker.write(SEND, 0x42);
      for (let i = 0; i < 51; i++) {
        await poker.stderr.waitFor('second begins "B"\nsecond ends\n', SOON_MS);
      }
      expectNoNesting(poker.stderr.lines);
      expect(await poker.read(ANSWERS)).toBe(0);
    },
  );

  // chardev/wctablet.c delivers its answer from inside the write.
  test("at once, from inside the write: the device hears it when its handler is over", async () => {
    const tablet = ["-chardev", "wctablet,id=tablet"];
    const args = [...tablet, ...MACHINE, "-device", `script,path=${ECHOES},first=tablet`];
    const { qtest, stderr } = await Qemu.start({ args, qtest: true });
    await qtest.writel(VIRT.platformBus + ASK, 0);
    await stderr.waitFor(/first ends\n.*\nfirst ends\n/, SOON_MS);
    expect(stderr.lines.slice(0, 3)).toEqual(["asks", "asked", 'first begins "~#CT-0045R,V1.3-"']);
    expectNoNesting(stderr.lines);
  });

  test("at once, to a device that a guest drives", async () => {
    const args = ["-chardev", "wctablet,id=tablet"];
    const poker = await Poker.start(ECHOES, { properties: ",first=tablet", args });
    await poker.write(ASK, 0);
    await poker.stderr.waitFor(/first ends\n.*\nfirst ends\n/, SOON_MS);
    expect(poker.stderr.lines.slice(0, 2)).toEqual(["asks", "asked"]);
    expectNoNesting(poker.stderr.lines);
  });
});

describe("lines between scripted devices", () => {
  const WIRES = device("wires");
  const [PINS, LED, CHANGES] = [0x00, 0x08, 0x18];

  /** Devices by what they do, called a, b, c, ..., and where each has its registers. */
  async function start(...does: string[]) {
    const labels = does.map((_, index) => String.fromCharCode(0x61 + index));
    const devices = does.map(
      (what, index) => `script,path=${WIRES},label=${labels[index]},id=${labels[index]},does=${what}`,
    );
    const qemu = await Qemu.start({
      args: [...MACHINE, ...devices.flatMap((device) => ["-device", device])],
      qtest: true,
    });
    const tree = await qemu.qmp.human("info mtree -o");
    const pages = labels.map((label) => {
      const line = tree
        .split("\n")
        .find((text) => text.includes("regs") && text.includes(`owner:{dev id=${label}}`));
      return Number.parseInt(/^\s*([0-9a-f]{16})-/.exec(line!)![1]!, 16);
    });
    const connect = (from: string, to: string) =>
      qemu.qmp.execute("qom-set", { path: path(from), property: "leds[0]", value: `${path(to)}/pins[0]` });
    return { qemu, pages, connect };
  }

  test("a chain of three: each hears of it once, in order, before the access that follows", async () => {
    const { qemu, pages, connect } = await start("follow", "invert", "");
    await connect("a", "b");
    await connect("b", "c");
    await qemu.qtest.interceptOut(path("c"));
    await qemu.qtest.writel(pages[0]! + LED, 0x100);
    expect(await qemu.qtest.readl(pages[2]! + PINS)).toBe(0);
    await qemu.qtest.writel(pages[0]! + LED, 0x000);
    expect(await qemu.qtest.readl(pages[2]! + PINS)).toBe(1);
    await qemu.stderr.waitFor("c: pins 0 true\n", SOON_MS);
    expect(qemu.stderr.lines).toEqual(["c: pins 0 false", "c: pins 0 true"]);
  });

  test("a loop that settles ends, without a word", async () => {
    const { qemu, pages, connect } = await start("follow");
    await connect("a", "a");
    await qemu.qtest.writel(pages[0]! + LED, 0x100);
    expect(await qemu.qtest.readl(pages[0]! + CHANGES)).toBe(64);
    expect(await qemu.qtest.readl(pages[0]! + PINS)).toBe(1);
    await qemu.qtest.writel(pages[0]! + LED, 0x000);
    expect(await qemu.qtest.readl(pages[0]! + CHANGES)).toBe(128);
    expect(await qemu.qtest.readl(pages[0]! + PINS)).toBe(0);
    await qemu.quit();
    expect(qemu.stderr.all).toBe("");
  });

  test("a loop that never settles is cut off, and the user is told once", async () => {
    const { qemu, pages, connect } = await start("invert");
    await connect("a", "a");
    for (let i = 1; i <= 3; i++) {
      await qemu.qtest.writel(pages[0]! + LED, 0x100);
      expect(await qemu.qtest.readl(pages[0]! + CHANGES)).toBe(64 * i);
    }
    await qemu.qmp.execute("query-status");
    await qemu.quit();
    expect(qemu.stderr.lines).toEqual([
      `${NAME}: warning: wires-ts: GPIO input 0 oscillates: it changed 64 times by its own doing, and is cut off there`,
    ]);
  });

  test("a ring of two, one of which inverts", async () => {
    const { qemu, pages, connect } = await start("invert", "follow");
    await connect("a", "b");
    await connect("b", "a");
    await qemu.qtest.writel(pages[0]! + LED, 0x100);
    const changes = [
      await qemu.qtest.readl(pages[0]! + CHANGES),
      await qemu.qtest.readl(pages[1]! + CHANGES),
    ];
    expect(changes).toEqual([32, 32]);
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });

  test("what throws is reported, and what awaits is refused; the line goes on", async () => {
    const { qemu } = await start("throw", "promise");
    await qemu.qtest.setIrqIn(path("a"), "pins", 4, 1);
    await qemu.stderr.waitFor(/pins 4 \(gpio of wires-ts\)\n/, SOON_MS);
    await qemu.qtest.setIrqIn(path("b"), "pins", 4, 1);
    await qemu.stderr.waitFor(/gpioChanged\(\) cannot be asynchronous.*\(gpio of wires-ts\)\n/, SOON_MS);
  });
});

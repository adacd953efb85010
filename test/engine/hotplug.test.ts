/** Devices that are plugged in and out of a running machine. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { CONFIG, PCI_MACHINE, PciFunction, RootPort } from "../lib/pci.ts";
import { Poker } from "../lib/poker.ts";
import { device } from "../lib/program.ts";
import { endAll, Qemu } from "../lib/qemu.ts";

setDefaultTimeout(2 * TEST_MS);
afterEach(endAll);

const PATH = device("plug");
const SLOT = 2;
const TIMES = 50;
/** How many ways of using a device the fixture tries after its end. */
const USES = 12;

/** Registers of the fixture. */
const KEPT = 0x00;
const ALIVE = 0x04;
const SLOW = 0x08;
const HAMMER = 0x0c;

interface Machine {
  readonly qemu: Qemu;
  readonly port: RootPort;
  /** Plugs a device in, and brings it up as an operating system does. @returns where its registers are */
  plug(label: string): Promise<number>;
  /** Asks for it to be unplugged, and lets it go as an operating system does. */
  unplug(): Promise<void>;
}

const PLUGGABLE = [...RootPort.args(SLOT, "rp"), "-script", `path=${PATH}`, "-chardev", "null,id=null"];

async function start(): Promise<Machine> {
  return machine(await Qemu.start({ args: [...PCI_MACHINE, ...PLUGGABLE], qtest: true }));
}

async function machine(qemu: Qemu): Promise<Machine> {
  const port = new RootPort(qemu, SLOT);
  await port.start();
  return {
    qemu,
    port,
    async plug(label) {
      const device = { driver: "plug-ts", id: "card", bus: "rp", label, chardev: "null" };
      await qemu.qmp.execute("device_add", device);
      const bars = await port.powerOn();
      return bars[0]!.address;
    },
    async unplug() {
      await qemu.qmp.execute("device_del", { id: "card" });
      await port.powerOff();
      // A device is gone when no vCPU can still see it. One that spins would look up much later: this makes it.
      await qemu.qmp.execute("device_add", { driver: "nothing" }).catch(() => {});
      for (;;) {
        const { data } = await qemu.qmp.waitForEvent("DEVICE_DELETED");
        if (data?.["device"] === "card") {
          return;
        }
      }
    },
  };
}

describe("a PCI device", () => {
  test("comes and goes", async () => {
    const { qemu, port, plug, unplug } = await start();
    expect(await port.plugged.read16(CONFIG.VENDOR)).toBe(0xffff);
    const regs = await plug("one");
    expect(await port.plugged.read16(CONFIG.VENDOR)).toBe(0x1234);
    await qemu.qtest.writel(regs + KEPT, 0x1234);
    expect(await qemu.qtest.readl(regs + KEPT)).toBe(0x1234);
    await unplug();
    await qemu.stderr.waitFor("one: unrealized, used not by its interval\n", SOON_MS);
    await qemu.stderr.waitFor("one: forgotten, 0 left\n", SOON_MS);
    expect(await qemu.qtest.readl(regs + KEPT)).toBe(0xffff_ffff);
    expect(await port.plugged.read16(CONFIG.VENDOR)).toBe(0xffff);
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });

  test("that the slot has no power for goes at once", async () => {
    const { qemu } = await start();
    await qemu.qmp.execute("device_add", { driver: "plug-ts", id: "card", bus: "rp", label: "dark" });
    await qemu.qmp.execute("device_del", { id: "card" });
    await qemu.qmp.waitForEvent("DEVICE_DELETED");
    await qemu.stderr.waitFor("dark: forgotten, 0 left\n", SOON_MS);
  });

  test("that is loaded when it is plugged in", async () => {
    const args = [...PCI_MACHINE, ...RootPort.args(SLOT, "rp")];
    const qemu = await Qemu.start({ args, qtest: true });
    const port = new RootPort(qemu, SLOT);
    await port.start();
    await qemu.qmp.execute("device_add", {
      driver: "script",
      path: PATH,
      id: "card",
      bus: "rp",
      label: "new",
    });
    const [bar] = await port.powerOn();
    await qemu.qtest.writel(bar!.address + KEPT, 7);
    expect(await qemu.qtest.readl(bar!.address + KEPT)).toBe(7);
  });

  test("that refuses to be realized leaves nothing behind", async () => {
    const { qemu, plug } = await start();
    for (let i = 0; i < 10; i++) {
      const device = { driver: "plug-ts", id: "card", bus: "rp", label: "refuse" };
      const refusal = await qemu.qmp.execute("device_add", device).catch(String);
      expect(refusal).toContain("not this time");
    }
    const regs = await plug("fine");
    expect(await qemu.qtest.readl(regs + ALIVE)).toBe(1);
  });

  test("can be unplugged while its script uses it, again and again", async () => {
    const { qemu, plug, unplug } = await start();
    for (let i = 0; i < TIMES; i++) {
      const label = `card ${i}`;
      const regs = await plug(label);
      expect(await qemu.qtest.readl(regs + KEPT)).toBe(0);
      expect(await qemu.qtest.readl(regs + ALIVE)).toBe(1);
      await qemu.qtest.writel(regs + HAMMER, 1);
      while ((await qemu.qtest.readl(regs + KEPT)) === 0) {
        await Bun.sleep(1);
      }
      await unplug();
      await qemu.stderr.waitFor(`${label}: unrealized, used by its interval\n`, SOON_MS);
      // Both come, in the order that Bun's loop and QEMU's threads give them.
      await qemu.stderr.waitFor(/: (stale|forgotten),.*\n/, SOON_MS);
      await qemu.stderr.waitFor(/: (stale|forgotten),.*\n/, SOON_MS);
    }
    const ends = qemu.stderr.lines.filter((line) => !line.includes("unrealized"));
    const expected = Array.from({ length: TIMES }, (_, i) => [
      `card ${i}: forgotten, 0 left`,
      `card ${i}: stale, list of 0, ${USES} more`,
    ]);
    expect(ends.toSorted()).toEqual(expected.flat().toSorted());
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });

  test("that stays is there at the end of the machine", async () => {
    const { qemu, plug } = await start();
    const regs = await plug("last");
    await qemu.qtest.writel(regs + HAMMER, 1);
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });
});

describe("with a guest that runs", () => {
  /** One vCPU that does what the test wants, another one that is busy with a scripted device all the time. */
  async function startGuest() {
    const args = ["-machine", "highmem-ecam=off", ...PLUGGABLE];
    const poker = await Poker.start(device("counting"), { args, qtest: true, busy: "device" });
    return { poker, ...(await machine(poker.qemu)) };
  }

  test("a device goes while the guest reads it", async () => {
    const { poker, qemu, plug, unplug } = await startGuest();
    const seen = new Set<number>();
    let regs = await plug("0");
    let over = false;
    const reading = (async () => {
      while (!over) {
        seen.add(await poker.read(regs - VIRT.platformBus + ALIVE));
      }
    })();
    for (let i = 1; i <= TIMES / 2; i++) {
      await qemu.qtest.writel(regs + HAMMER, 1);
      await unplug();
      await qemu.stderr.waitFor(/forgotten, 0 left\n/, SOON_MS);
      regs = await plug(String(i));
    }
    over = true;
    await reading;
    expect([...seen].toSorted((a, b) => a - b)).toEqual([1, 0xffff_ffff]);
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });

  test("a device goes while the guest waits for its answer", async () => {
    const { poker, qemu, plug, unplug } = await startGuest();
    const regs = await plug("slow");
    await poker.askRead(regs - VIRT.platformBus + SLOW);
    await qemu.stderr.waitFor("slow: asked\n", SOON_MS);
    await unplug();
    // The handler's own answer, for the access was there before.
    expect((await poker.answer()).value).toBe(0x510);
    await qemu.stderr.waitFor("slow: forgotten, 0 left\n", SOON_MS);
    expect(await poker.read(regs - VIRT.platformBus + KEPT)).toBe(0xffff_ffff);
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });
});

test("the port itself is not the script's business", async () => {
  const { qemu } = await start();
  expect(await new PciFunction(qemu, SLOT).read16(CONFIG.VENDOR)).toBe(0x1b36);
});

/** GPIO lines of devices that are on no bus, on PCI, or inherit some from QEMU's own; and of those that go. */

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { PCI_MACHINE, RootPort } from "../lib/pci.ts";
import { device } from "../lib/program.ts";
import { endAll, HEADLESS, Qemu } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const SCRIPT = ["-script", `path=${device("line-kinds")}`];
const VIRT = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS, ...SCRIPT];
const path = (id: string) => `/machine/peripheral/${id}`;

test("a device on no bus has lines, on no machine", async () => {
  const args = ["-M", "none", "-accel", "qtest", ...HEADLESS, ...SCRIPT, "-device", "bare-lines-ts,id=bare"];
  const { qtest, stderr } = await Qemu.start({ args, qtest: true });
  await qtest.interceptOut(path("bare"), "out");
  await qtest.setIrqIn(path("bare"), "in", 1, 1);
  await qtest.waitForIrq(1, true);
  await qtest.setIrqIn(path("bare"), "in", 1, 0);
  await qtest.waitForIrq(1, false);
  await stderr.waitFor("bare: in 1 false\n", SOON_MS);
  expect(stderr.lines).toEqual(["bare: in 1 true", "bare: in 1 false"]);
});

test("a PCI device has lines", async () => {
  const { qtest } = await Qemu.start({ args: [...VIRT, "-device", "line-card-ts,id=card"], qtest: true });
  await qtest.interceptOut(path("card"), "");
  await qtest.setIrqIn(path("card"), "in", 0, 1);
  await qtest.waitForIrq(0, true);
});

test("lines come after those of QEMU's type that the script inherits from", async () => {
  const { qtest, stderr } = await Qemu.start({
    args: [...VIRT, "-device", "more-lines-ts,id=m"],
    qtest: true,
  });
  await qtest.interceptOut(path("m"), "");
  // Those of the PL061, which answers with nothing.
  await qtest.setIrqIn(path("m"), undefined, 1, 1);
  await qtest.setIrqIn(path("m"), undefined, 9, 1);
  await qtest.waitForIrq(9, true);
  await qtest.setIrqIn(path("m"), undefined, 9, 0);
  await qtest.waitForIrq(9, false);
  await qtest.setIrqIn(path("m"), undefined, 8, 1);
  // By way of its own interrupt line, which is the second one.
  await qtest.waitForIrq(9, true);
  await stderr.waitFor("more: more 0 true\nmore: more 1 true\n", SOON_MS);
  expect(stderr.lines).toEqual([
    "more: more 1 true",
    "more: more 1 false",
    "more: more 0 true",
    "more: more 1 true",
  ]);
});

/** A device that stays, with a line to a card that goes. */
async function unplug(wire: (qemu: Qemu) => Promise<void>): Promise<Qemu> {
  const port = RootPort.args(2, "rp");
  const args = [...PCI_MACHINE, ...port, ...SCRIPT, "-device", "bare-lines-ts,id=bare"];
  const qemu = await Qemu.start({ args, qtest: true });
  const { qmp, qtest, stderr } = qemu;
  const root = new RootPort(qemu, 2);
  await root.start();
  await qmp.execute("device_add", { driver: "line-card-ts", id: "card", bus: "rp" });
  await root.powerOn();
  await wire(qemu);
  await qtest.setIrqIn(path("bare"), "in", 0, 1);
  await stderr.waitFor("card: in 0 true\n", SOON_MS);
  await qmp.execute("device_del", { id: "card" });
  await root.powerOff();
  await expect(qmp.execute("device_add", { driver: "nothing" })).rejects.toThrow("nothing");
  await qmp.waitForEvent("DEVICE_DELETED");
  return qemu;
}

const WAYS = {
  QOM: (qemu: Qemu) =>
    qemu.qmp.execute<void>("qom-set", {
      path: path("bare"),
      property: "out[0]",
      value: `${path("card")}/in[0]`,
    }),
  "the script": (qemu: Qemu) => qemu.qtest.setIrqIn(path("bare"), "orders", 0, 1),
} as const;

test.each(["QOM", "the script"] as const)(
  "a line that %s led to a device that is gone leads nowhere, and its lines are stale",
  async (way) => {
    const qemu = await unplug(WAYS[way]);
    const { qtest, stderr } = qemu;
    for (const level of [0, 1, 0]) {
      await qtest.setIrqIn(path("bare"), "in", 0, level);
      await stderr.waitFor(`bare: in 0 ${level === 1}\n`, SOON_MS);
    }
    await qtest.setIrqIn(path("bare"), "orders", 1, 1);
    await stderr.waitFor("connect: StaleError\n", SOON_MS);
    const uses = stderr.lines.filter((line) => line.endsWith("Error") || line.endsWith("worked"));
    expect(uses).toHaveLength(11);
    expect(uses.filter((line) => !line.endsWith(": StaleError"))).toEqual([]);
    expect(stderr.lines.filter((line) => line.startsWith("card"))).toEqual(["card: in 0 true"]);
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  },
);

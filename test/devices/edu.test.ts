/** What docs/specs/edu.rst of QEMU says about the educational device, of both models. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { VIRT } from "../lib/guest-code.ts";
import { TEST_MS } from "../lib/limit.ts";
import { COMMAND, CONFIG, PCI_MACHINE, PciFunction, RootPort } from "../lib/pci.ts";
import { Poker } from "../lib/poker.ts";
import { device } from "../lib/program.ts";
import { endAll, folder, Qemu } from "../lib/qemu.ts";
import { load, makeImage, save, withImage } from "../lib/snapshots.ts";
import { BUFFER, COMPUTING, EDU, Edu, MODELS, type Model, RAM, REGISTER } from "./edu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const { ID, LIVENESS, FACTORIAL, STATUS, INTERRUPTS, RAISE, ACKNOWLEDGE } = REGISTER;
const { SOURCE, DESTINATION, COUNT } = REGISTER;

const WIDE_MASK = "dma_mask=0xffffffff";
const ALL_ONES = 0xffff_ffff_ffff_ffffn;

describe.each(Object.keys(MODELS) as Model[])("the device in %s", (model) => {
  test("is PCI device 1234:11e8 with 1 MiB of memory", async () => {
    const { card } = await Edu.start(model);
    expect(await card.read32(CONFIG.VENDOR)).toBe(0x11e8_1234);
    expect(await card.read32(CONFIG.REVISION)).toBe(0x00ff_0010);
    expect(await card.read8(CONFIG.PIN)).toBe(1);
    const bars = await card.start();
    expect(bars.filter(Boolean)).toEqual([
      { io: false, bits64: false, prefetchable: false, size: 0x10_0000, address: 0x1000_0000 },
    ]);
  });

  test("identifies itself", async () => {
    expect(await (await Edu.start(model)).read(ID)).toBe(0x0100_00ed);
  });

  test("inverts what it is told, to show that it lives", async () => {
    const edu = await Edu.start(model);
    for (const value of [0, 0x1234_5678, 0xffff_ffff]) {
      await edu.write(LIVENESS, value);
      expect(await edu.read(LIVENESS)).toBe(~value >>> 0);
    }
  });

  test.each([
    [0, 1],
    [1, 1],
    [5, 120],
    [12, 479001600],
    [13, 0x7328_cc00],
    [33, 0x8000_0000],
    [34, 0],
    [100_000, 0],
  ])("computes %p!", async (n, result) => {
    const edu = await Edu.start(model);
    await edu.write(FACTORIAL, n);
    await edu.computed();
    expect(await edu.read(FACTORIAL)).toBe(result);
    expect([await edu.read(INTERRUPTS), edu.pin]).toEqual([0, false]);
  });

  test("interrupts after a factorial, if told so", async () => {
    const edu = await Edu.start(model);
    await edu.write(STATUS, 0xffff_ffff);
    expect(await edu.read(STATUS)).toBe(0x80);
    await edu.write(FACTORIAL, 3);
    await edu.bus.waitForIrq(0, true);
    expect([await edu.read(STATUS), await edu.read(FACTORIAL), await edu.read(INTERRUPTS)]).toEqual([
      0x80, 6, 1,
    ]);
    await edu.write(ACKNOWLEDGE, 1);
    expect([await edu.read(INTERRUPTS), edu.pin]).toEqual([0, false]);
    await edu.write(STATUS, 0);
    expect(await edu.read(STATUS)).toBe(0);
  });

  test("raises interrupts, until all are acknowledged", async () => {
    const edu = await Edu.start(model);
    await edu.write(RAISE, 0x0f);
    await edu.write(RAISE, 0x8000_0000);
    expect([await edu.read(INTERRUPTS), edu.pin]).toEqual([0x8000_000f, true]);
    await edu.write(ACKNOWLEDGE, 0x0f);
    expect([await edu.read(INTERRUPTS), edu.pin]).toEqual([0x8000_0000, true]);
    await edu.write(ACKNOWLEDGE, 0xffff_ffff);
    expect([await edu.read(INTERRUPTS), edu.pin]).toEqual([0, false]);
  });

  test("raises interrupts by message", async () => {
    const edu = await Edu.start(model);
    await edu.enableMsi(true);
    await edu.message();
    await edu.write(RAISE, 2);
    expect([await edu.message(), edu.pin, await edu.read(INTERRUPTS)]).toEqual([0x77, false, 2]);
    await edu.write(ACKNOWLEDGE, 2);
    expect([await edu.message(), await edu.read(INTERRUPTS)]).toEqual([0, 0]);
  });

  test("copies to its buffer and back, in 100 ms", async () => {
    const edu = await Edu.start(model, WIDE_MASK);
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => 3 * i + 1);
    for (const [i, byte] of bytes.entries()) {
      await edu.bus.writeb(RAM + i, byte);
    }
    await edu.transfer(BigInt(RAM), BUFFER + 8n, 100n, 1);
    expect(await edu.read(REGISTER.COMMAND)).toBe(1);
    await edu.pass(99);
    expect(await edu.read(REGISTER.COMMAND)).toBe(1);
    await edu.pass(1);
    expect(await edu.read(REGISTER.COMMAND)).toBe(0);
    await edu.transfer(BUFFER + 8n, BigInt(RAM + 100), 100n, 3);
    await edu.pass(100);
    expect(await edu.read(REGISTER.COMMAND)).toBe(2);
    const copy = await Promise.all(Array.from(bytes, (_, i) => edu.bus.readb(RAM + 100 + i)));
    expect(copy).toEqual([...bytes]);
    expect([await edu.read(INTERRUPTS), edu.log()]).toEqual([0, ""]);
  });

  test("interrupts after a transfer, if told so", async () => {
    const edu = await Edu.start(model, WIDE_MASK);
    await edu.transfer(BigInt(RAM), BUFFER, 4096n, 5);
    await edu.pass(100);
    expect([await edu.read(INTERRUPTS), edu.pin]).toEqual([0x100, true]);
  });

  test("takes nothing while it transfers", async () => {
    const edu = await Edu.start(model, WIDE_MASK);
    await edu.transfer(BigInt(RAM), BUFFER, 4n, 1);
    await edu.transfer(1n, 2n, 3n, 7);
    const programmed = async () => [
      await edu.readWide(SOURCE),
      await edu.readWide(DESTINATION),
      await edu.readWide(COUNT),
      await edu.readWide(REGISTER.COMMAND),
    ];
    expect(await programmed()).toEqual([BigInt(RAM), BUFFER, 4n, 1n]);
    await edu.pass(100);
    expect(await edu.read(REGISTER.COMMAND)).toBe(0);
    // A command that does not start anything is not kept.
    await edu.write(REGISTER.COMMAND, 6);
    expect(await programmed()).toEqual([BigInt(RAM), BUFFER, 4n, 0n]);
  });

  test("refuses to leave its buffer", async () => {
    const edu = await Edu.start(model, WIDE_MASK);
    const message = (range: string) =>
      `EDU: DMA range ${range} out of bounds (0x0000000000040000-0x0000000000040fff)!`;
    await edu.transfer(BigInt(RAM), BUFFER + 1n, 4096n, 5);
    await edu.pass(100);
    expect(edu.log()).toBe(message("0x0000000000040001-0x0000000000041000"));
    // It is over all the same.
    expect([await edu.read(REGISTER.COMMAND), await edu.read(INTERRUPTS)]).toEqual([4, 0x100]);
    await edu.transfer(BUFFER - 1n, BigInt(RAM), 1n, 3);
    await edu.pass(100);
    expect(edu.log()).toBe(message("0x000000000003ffff-0x000000000003ffff"));
    await edu.transfer(ALL_ONES, BigInt(RAM), BUFFER + 2n, 3);
    await edu.pass(100);
    expect(edu.log()).toBe(message("0xffffffffffffffff-0x0000000000040000"));
    await edu.transfer(0n, BigInt(RAM), 0n, 3);
    await edu.pass(100);
    expect(edu.log()).toBe(message("0x0000000000000000-0xffffffffffffffff"));
  });

  test("has 28 address lines if nothing else is said", async () => {
    const edu = await Edu.start(model);
    await edu.transfer(BigInt(RAM), BUFFER, 4n, 1);
    await edu.pass(100);
    expect(edu.log()).toBe("EDU: clamping DMA 0x0000000041000000 to 0x0000000001000000!");
    const wide = await Edu.start(model, WIDE_MASK);
    await wide.transfer(BUFFER, BigInt(RAM) + 2n ** 40n, 4n, 3);
    await wide.pass(100);
    expect(wide.log()).toBe("EDU: clamping DMA 0x0000010041000000 to 0x0000000041000000!");
  });

  test("reaches no memory unless it is bus master", async () => {
    const edu = await Edu.start(model, WIDE_MASK);
    await edu.card.command(COMMAND.MEMORY);
    await edu.bus.writel(RAM, 0x5555_5555);
    await edu.transfer(BUFFER, BigInt(RAM), 4n, 3);
    await edu.pass(100);
    expect(await edu.bus.readl(RAM)).toBe(0x5555_5555);
  });

  test("has registers of 4 bytes up to 0x80, and of 4 or 8 from there on", async () => {
    const edu = await Edu.start(model);
    await edu.write(LIVENESS, 0);
    await edu.writeWide(LIVENESS - 4, 0n);
    expect(await edu.read(LIVENESS)).toBe(0xffff_ffff);
    expect(await edu.readWide(ID)).toBe(ALL_ONES);
    await edu.writeWide(SOURCE, 0x1234_5678_9abc_def0n);
    expect(await edu.readWide(SOURCE)).toBe(0x1234_5678_9abc_def0n);
    expect([await edu.read(SOURCE), await edu.read(SOURCE + 4)]).toEqual([0x9abc_def0, 0xffff_ffff]);
    await edu.write(SOURCE, 7);
    expect(await edu.readWide(SOURCE)).toBe(7n);
    expect(await edu.read(0x0c)).toBe(0xffff_ffff);
    expect(await edu.readWide(0xf_fff8)).toBe(ALL_ONES);
  });

  test("is not changed by a reset of the machine", async () => {
    const edu = await Edu.start(model);
    await edu.write(LIVENESS, 5);
    await edu.write(RAISE, 1);
    await edu.qemu.qmp.execute("system_reset");
    await edu.qemu.qmp.waitForEvent("RESET");
    await edu.place();
    expect([await edu.read(LIVENESS), await edu.read(INTERRUPTS), edu.pin]).toEqual([~5 >>> 0, 1, false]);
  });
});

test("a transfer goes on in another QEMU", async () => {
  const edu = await Edu.start("TypeScript", WIDE_MASK);
  await edu.bus.writel(RAM, 0x600d_600d);
  await edu.transfer(BigInt(RAM), BUFFER, 4n, 1);
  await edu.pass(40);
  const image = await makeImage(edu.qemu, folder());
  await save(edu.qemu, "one");
  await edu.qemu.quit();
  const other = await Edu.start("TypeScript", WIDE_MASK, withImage(image));
  await load(other.qemu, "one");
  expect(await other.read(REGISTER.COMMAND)).toBe(1);
  // A clock that a test drives starts again from 0.
  await other.pass(99);
  expect(await other.read(REGISTER.COMMAND)).toBe(1);
  await other.pass(1);
  expect(await other.read(REGISTER.COMMAND)).toBe(0);
  await other.transfer(BUFFER, BigInt(RAM + 4), 4n, 3);
  await other.pass(100);
  expect(await other.bus.readl(RAM + 4)).toBe(0x600d_600d);
});

test("-device script,path=edu.ts", async () => {
  const args = [...PCI_MACHINE, "-device", `script,path=${EDU},dma_mask=0xff,addr=2`];
  const qemu = await Qemu.start({ args, qtest: true });
  expect(await new PciFunction(qemu, 2).read32(CONFIG.VENDOR)).toBe(0x11e8_1234);
  expect(await qemu.qmp.human("info qtree")).toContain("dma_mask = 255 (0xff)");
});

test("plugged in and out while it computes", async () => {
  const args = [...PCI_MACHINE, ...RootPort.args(1, "rp"), "-script", `path=${EDU}`];
  const qemu = await Qemu.start({ args, qtest: true });
  const port = new RootPort(qemu, 1);
  await port.start();
  for (let i = 0; i < 5; i++) {
    await qemu.qmp.execute("device_add", { driver: "edu-ts", id: "edu", bus: "rp" });
    const [bar] = await port.powerOn();
    expect(await qemu.qtest.readl(bar!.address)).toBe(0x0100_00ed);
    await qemu.qtest.writel(bar!.address + FACTORIAL, 5);
    await qemu.qtest.writel(bar!.address + REGISTER.COMMAND, 1);
    await qemu.qmp.execute("device_del", { id: "edu" });
    await port.powerOff();
    await qemu.qmp.waitForEvent("DEVICE_DELETED");
  }
  await qemu.qtest.clockStep(200e6);
  expect(qemu.stderr.all).toBe("");
});

test("a guest polls until the factorial is there", async () => {
  const more = ["-machine", "highmem-ecam=off", "-script", `path=${EDU}`, "-device", "edu-ts,addr=2"];
  const poker = await Poker.start(device("alive"), { args: more, qtest: true });
  const [bar] = await new PciFunction(poker.qemu, 2).start();
  const at = (offset: number) => bar!.address - VIRT.platformBus + offset;
  for (const [n, result] of [
    [7, 5040],
    [0xffff_ffff, 0],
    [10, 3628800],
  ] as const) {
    await poker.write(at(FACTORIAL), n);
    while ((await poker.read(at(STATUS))) & COMPUTING) {}
    expect(await poker.read(at(FACTORIAL))).toBe(result);
  }
  await poker.write(at(STATUS), 0x80);
  await poker.write(at(FACTORIAL), 2);
  while ((await poker.read(at(INTERRUPTS))) === 0) {}
  expect(poker.stderr.all).not.toContain("Error");
});

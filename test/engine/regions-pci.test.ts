/** Regions of devices that are plugged in and out: RAM and what is inside others must go, and come again. */

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { CAPABILITY, PCI_MACHINE, PciFunction, RootPort } from "../lib/pci.ts";
import { endAll, Qemu, script } from "../lib/qemu.ts";

setDefaultTimeout(2 * TEST_MS);
afterEach(endAll);

const SLOT = 2;

const card = () =>
  script(`
    import { PCIDevice, registers, u32 } from "qemu-script";
    export default class Card extends PCIDevice.with({
      type: "card-ts",
      pci: { vendor: 0x1234, device: 1, class: 0xff00, msi: { vectors: 1 }, express: true },
      state: { kept: u32 },
      regions: {
        all: { kind: "container", size: 0x4000, bar: 0 },
        regs: { size: 0x10, inside: { region: "all", at: 0x10 } },
        buffer: { kind: "ram", size: 0x1000, inside: { region: "all", at: 0x1000 } },
        again: { kind: "alias", of: "buffer", inside: { region: "all", at: 0x2000 } },
        memory: { kind: "ram", size: 0x1000, bar: 2 },
      },
    }) {
      static {
        registers(Card, "regs", { KEPT: { at: 0, field: "kept" }, RING: { at: 4, write: "ring" } });
      }
      realize() {
        this.bytes = this.regions.buffer.bytes;
        this.bytes[0] = 0x5a;
      }
      ring() {
        this.pci.msi.notify(0);
      }
      finalize() {
        let stale = "";
        try {
          this.regions.buffer.bytes;
        } catch (error) {
          stale = error.name;
        }
        console.log("gone, " + this.bytes.length + " bytes left, " + stale);
      }
    }`);

test("a PCI device's, twenty times", async () => {
  const args = [...PCI_MACHINE, ...RootPort.args(SLOT, "rp"), "-script", `path=${card()}`];
  const qemu = await Qemu.start({ args, qtest: true });
  const port = new RootPort(qemu, SLOT);
  await port.start();
  for (let i = 0; i < 20; i++) {
    await qemu.qmp.execute("device_add", { driver: "card-ts", id: "card", bus: "rp" });
    const bars = await port.powerOn();
    const [all, memory] = [bars[0]!.address, bars[2]!.address];
    expect([bars[0]!.size, bars[2]!.size]).toEqual([0x4000, 0x1000]);
    await qemu.qtest.writel(all + 0x10, i);
    await qemu.qtest.writel(memory + 4, i);
    expect(await qemu.qtest.readl(all + 0x10)).toBe(i);
    expect(await qemu.qtest.readl(all + 0x1000)).toBe(0x5a);
    expect(await qemu.qtest.readl(all + 0x2000)).toBe(0x5a);
    expect([await qemu.qtest.readl(memory), await qemu.qtest.readl(memory + 4)]).toEqual([0, i]);
    await qemu.qmp.execute("device_del", { id: "card" });
    await port.powerOff();
    // A device is gone when no vCPU can still see it. One that spins would look up much later: this makes it.
    await expect(qemu.qmp.execute("device_add", { driver: "nothing" })).rejects.toThrow("nothing");
    await qemu.stderr.waitFor("gone, 0 bytes left, StaleError\n", SOON_MS);
  }
  expect(await qemu.quit()).toEqual({ status: 0, signal: null });
});

test("RAM of a PCI device migrates under the device's place on the bus", async () => {
  const qemu = await Qemu.start({
    args: [...PCI_MACHINE, "-device", `script,path=${card()},addr=3`],
    qtest: true,
  });
  const blocks = await qemu.qmp.human("info ramblock");
  expect(blocks).toContain("0000:00:03.0/buffer");
  expect(blocks).toContain("0000:00:03.0/memory");
});

test("a PCI device's accesses say which it is", async () => {
  const who = script(`
    import { SysBusDevice } from "qemu-script";
    export default class Who extends SysBusDevice.with({
      type: "who-ts",
      regions: { all: { size: 8, write: "put" } },
    }) {
      put(offset, value, { requester, size }) {
        console.log(\`\${offset}: \${value} of \${size} bytes by \${requester.toString(16)}\`);
      }
    }`);
  const args = [...PCI_MACHINE, "-device", `script,path=${card()},addr=3`, "-device", `script,path=${who}`];
  const qemu = await Qemu.start({ args, qtest: true });
  const pci = new PciFunction(qemu, 3);
  const bars = await pci.start();
  const msi = await pci.capability(CAPABILITY.MSI);
  await pci.write32(msi + 4, VIRT.platformBus + 4);
  await pci.write16(msi + 8, 0x77);
  await pci.write16(msi + 2, 1);
  await qemu.qtest.writel(bars[0]!.address + 0x14, 1);
  const deviceAndFunction = 3 << 3;
  await qemu.stderr.waitFor(`4: ${0x77} of 4 bytes by ${deviceAndFunction.toString(16)}\n`, SOON_MS);
});

/** What authors and users get wrong, and what the order of a device's life makes of it: QEMU says so and goes on. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { TEST_MS } from "../lib/limit.ts";
import { PCI_MACHINE } from "../lib/pci.ts";
import { endAll, Qemu, script } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

/** Writes a script of which `qs` is the module qemu-script. @returns its path */
const write = (text: string) => script(`import * as qs from "qemu-script";\n${text}`);

const PCI_IDS = "pci: { vendor: 0x1234, device: 1, class: 0xff00 }";

/** Scripts of one class, `x-ts`. */
const sysbus = (rest: string) =>
  `export default class X extends qs.SysBusDevice.with({ type: "x-ts", ${rest} }) {}`;
const pci = (rest: string) =>
  `export default class X extends qs.PCIDevice.with({ type: "x-ts", ${PCI_IDS}, ${rest} }) {}`;
const pl011 = (rest: string) => sysbus(`parent: "pl011", ${rest}`);

describe("what the parent type has", () => {
  test.each([
    ["property addr: the parent type has a property of that name", pci("properties: { addr: qs.u32() }")],
    ["property chardev: the parent type has a property of", pl011("properties: { chardev: qs.u32() }")],
    ["property migrate-clk: the parent type has a property", pl011("properties: { migrateClk: qs.bool() }")],
    ["clock clk: the parent type has a property or clock of that name", pl011('clocks: ["clk"]')],
    ["clock clk: the parent type has a property or clock of that name", pl011('clockOutputs: ["clk"]')],
    ["clock chardev: the parent type has a property or clock of that", pl011('clocks: ["chardev"]')],
    ["clock addr: the parent type has a property or clock of that name", pci('clocks: ["addr"]')],
    [
      "inputs detect: the parent type has outputs of that name",
      sysbus('parent: "nrf51_soc.gpio", inputs: { detect: qs.lines(1) }'),
    ],
    [
      "outputs shutdown: the parent type has inputs of that name",
      sysbus('parent: "gpio-pwr", outputs: { shutdown: qs.lines(1) }'),
    ],
    ["interface 'x-ts' has the name of the type itself", sysbus('interfaces: ["x-ts"]')],
    [
      "x-ts: pci: express: the parent type 'p-ts' is no PCI Express device",
      `class P extends qs.PCIDevice.with({ type: "p-ts", abstract: true, ${PCI_IDS} }) {}
       export default class X extends P.with({ type: "x-ts", pci: { express: true } }) {}`,
    ],
    [
      "x-ts: pci: express: the parent type 'edu' is no PCI Express device",
      pci('parent: "edu"').replace("}, parent", ", express: true }, parent"),
    ],
  ])("%s", async (message, text) => {
    const args = [...PCI_MACHINE, "-device", `script,path=${write(text)}`];
    const { status, stderr } = await Qemu.run(args);
    expect(stderr).toContain(message);
    expect(status).toBe(1);
  });

  test("may be had again in other types", async () => {
    const text = `
      export class P extends qs.PCIDevice.with({
        type: "p-ts", abstract: true, ${PCI_IDS}, properties: { a: qs.u32() }, clocks: ["c"],
        inputs: { in: qs.lines(2) }, outputs: { out: qs.lines(2) },
      }) {}
      export default class X extends P.with({ type: "x-ts", properties: { b: qs.u32() }, clocks: ["d"] }) {}
      export class Y extends P.with({ type: "y-ts", properties: { b: qs.u32() }, clocks: ["d"] }) {}
    `;
    const devices = ["-device", `script,path=${write(text)},a=1,b=2`, "-device", "y-ts,a=1,b=2"];
    const { qmp } = await Qemu.start({ args: [...PCI_MACHINE, ...devices] });
    expect(await qmp.human("info qtree")).toContain('dev: y-ts, id ""');
  });
});

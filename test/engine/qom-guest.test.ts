/** Objects that scripts make, use and drop while a guest runs, and on its behalf. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { Poker } from "../lib/poker.ts";
import { endAll, script } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const LAB = "/machine/peripheral/lab";

/** MAKE makes and drops devices, COUNT says how many there are, LEAVE takes the device itself out of the machine. */
const LAB_SCRIPT = `
  import { DeviceRef, registers, SysBusDevice, u32 } from "qemu-script";

  export class Part extends SysBusDevice.with({ type: "part", properties: { n: u32({}) }, state: { level: u32 } }) {
    realize() { this.object.addProperty("level", { type: "uint", get: () => this.level, set: (v) => { this.level = Number(v); } }); }
  }

  export default class Lab extends SysBusDevice.with({
    type: "lab", regions: { regs: { size: 0x100 } }, state: { level: u32 },
  }) {
    static {
      registers(this, "regs", {
        LEVEL: { at: 0x00, field: "level" },
        PARTS: { at: 0x04, read: "countParts", write: "makeParts" },
        RELAY: { at: 0x08, read: "readRelay", write: "writeRelay" },
        LEAVE: { at: 0x0c, write: "leave" },
      });
    }
    realize() {
      this.object.addProperty("level", { type: "uint", get: () => this.level, set: (v) => { this.level = Number(v); } });
      this.object.addProperty("parts", { type: "int", get: () => this.countParts(), set: (n) => this.makeParts(Number(n)) });
    }
    countParts() { return this.object.children().size - 1; }
    makeParts(count) {
      while (this.countParts() < count) this.object.addChild("p[*]", Part.new({ n: count })).realize();
      for (const [name, child] of this.object.children()) {
        if (child.isA(Part) && this.countParts() > count) this.object.removeChild(name);
      }
    }
    readRelay() { return Number(this.object.child("p[0]").get("level")); }
    writeRelay(value) { this.object.child("p[0]").set("level", value); }
    leave() {
      this.object.unparent();
      console.log("left");
      try { this.level = 1; } catch (error) { console.log(error.name); }
    }
  }
`;

const start = (options: Parameters<typeof Poker.start>[1] = {}) =>
  Poker.start(script(LAB_SCRIPT), { ...options, properties: ",id=lab" });

const ACCELS = [
  ["one thread for all vCPUs", { accel: "tcg,thread=single" }],
  ["a thread for each vCPU", { accel: "tcg,thread=multi", busy: "alone" }],
  ["another vCPU at the device", { accel: "tcg,thread=multi", busy: "device" }],
] as const;

describe.each(ACCELS)("%s", (_, options) => {
  test("a register's handler makes devices, talks to them and drops them", async () => {
    const poker = await start(options);
    for (const count of [3, 1, 40, 0, 2]) {
      await poker.write(0x04, count);
      expect(await poker.read(0x04)).toBe(count);
    }
    await poker.write(0x08, 77);
    expect(await poker.read(0x08)).toBe(77);
  });

  test("QOM's users and the guest use the script at once", async () => {
    const poker = await start(options);
    const { qmp } = poker.qemu;
    const path = LAB;
    for (let i = 1; i < 40; i++) {
      await Promise.all([
        qmp.execute("qom-set", { path, property: "parts", value: i % 5 }),
        qmp.execute("qom-get", { path, property: "parts" }),
        poker.read(0x00),
      ]);
      await poker.write(0x00, i);
      expect(await qmp.execute<number>("qom-get", { path, property: "level" })).toBe(i);
      await qmp.execute("qom-set", { path, property: "level", value: i + 1 });
      expect(await poker.read(0x00)).toBe(i + 1);
    }
    expect(poker.qemu.stderr.lines).toEqual([]);
  });
});

test("a device that leaves in its own handler is stale there, and QEMU goes on", async () => {
  const poker = await start();
  await poker.askWrite(0x0c, 1);
  await poker.qemu.stderr.waitFor("left\nStaleError\n", SOON_MS);
  await expect(poker.qemu.qmp.execute("qom-get", { path: LAB, property: "level" })).rejects.toThrow(
    "not found",
  );
  expect(await poker.qemu.quit()).toEqual({ status: 0, signal: null });
});

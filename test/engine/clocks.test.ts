/** Clock inputs and outputs of scripted devices, beside QEMU's own view of them. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { NAME, PL011 } from "../lib/program.ts";
import { endAll, HEADLESS, Qemu, script } from "../lib/qemu.ts";
import { arrival, migrateToFile } from "../lib/stream.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const BASE = VIRT.platformBus;
const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];

/** A device with two clock outputs. */
const SOURCE = `
  import { registers, string, SysBusDevice } from "qemu-script";
  export default class Source extends SysBusDevice.with({
    type: "source-ts",
    properties: { target: string() },
    clockOutputs: ["sck", "other"],
    regions: { regs: { size: 0x1000 } },
  }) {
    static {
      registers(Source, "regs", {
        HZ: { at: 0x00, read: "hz", write: "setHz" },
        NS: { at: 0x04, read: "ns", write: "setNs" },
        PERIOD: { at: 0x08, read: "period", write: "setPeriod" },
        SCALE: { at: 0x0c, write: "scale" },
        THIRD: { at: 0x10, write: "third" },
        WRONG: { at: 0x14, write: "wrong" },
        TWICE: { at: 0x18, write: "setTwice" },
      });
    }
    realize() {
      this.clockOutputs.sck.setHz(1000);
      if (this.config.target) this.clockOutputs.sck.connect(this.config.target);
    }
    hz() { return this.clockOutputs.sck.hz; }
    ns() { return this.clockOutputs.sck.ns; }
    period() { return Number(this.clockOutputs.sck.period & 0xffff_ffffn); }
    setHz(hz: number) { this.clockOutputs.sck.setHz(hz); }
    setNs(ns: number) { this.clockOutputs.sck.setNs(ns / 10); }
    setPeriod(low: number) { this.clockOutputs.sck.setPeriod((3n << 32n) + BigInt(low)); }
    scale(factors: number) { this.clockOutputs.sck.scale(factors >>> 16, factors & 0xffff); }
    third(hz: number) { this.clockOutputs.sck.setHz(hz / 3); }
    setTwice(hz: number) {
      this.clockOutputs.sck.setHz(hz);
      this.clockOutputs.sck.setHz(2 * hz);
    }
    wrong() { this.clockOutputs.sck.setHz(Number.NaN); }
  }`;

/** One with two inputs, which makes a clock of half the first one's frequency. */
const SINK = `
  import { type ClockListener, type ClockRate, string, SysBusDevice } from "qemu-script";
  export default class Sink extends SysBusDevice.with({
    type: "sink-ts",
    properties: { source: string(), mode: string() },
    clocks: ["clk", { name: "apb", changed: "apbChanged" }],
    clockOutputs: ["half"],
  }) implements ClockListener {
    realize() {
      const { source, mode } = this.config;
      if (!source) return;
      this.clocks.clk.connect(source);
      if (mode === "twice") this.clocks.clk.connect(source);
      if (mode === "both") this.clocks.apb.connect(source);
      this.clockOutputs.half.setHz(this.clocks.clk.hz / 2);
      console.log(\`connected \${this.clocks.clk.path}: \${this.clocks.clk.hz} Hz\`);
    }
    clockChanged(name: string) {
      const { hz, ns, period } = this.clocks.clk;
      console.log(\`\${name}: \${hz} Hz, \${ns} ns, \${period}\`);
      this.clockOutputs.half.setHz(hz / 2);
      if (this.config.mode === "throw") throw new Error("thrown by clk");
      if (this.config.mode === "async") return Promise.resolve();
    }
    apbChanged(name: string, { hz, ns, period }: ClockRate) {
      console.log(\`\${name} alone: \${hz} Hz, \${ns} ns, \${period}; now \${this.clocks.apb.hz} Hz\`);
    }
  }`;

const SECOND = (10n ** 9n) << 32n;

async function start(sinks: readonly string[], source = "") {
  const at = { source: script(SOURCE, "source.ts"), sink: script(SINK, "sink.ts") };
  const args = ["-device", `script,path=${at.source},id=s${source}`];
  for (const [index, options] of sinks.entries()) {
    args.push("-device", `script,path=${at.sink},id=d${index}${options}`);
  }
  const qemu = await Qemu.start({ args: [...MACHINE, ...args], qtest: true });
  return {
    qemu,
    write: (offset: number, value: number) => qemu.qtest.writel(BASE + offset, value),
    read: (offset: number) => qemu.qtest.readl(BASE + offset),
    /** A clock's period, as QEMU has it. */
    period: async (clock: string) =>
      BigInt(
        await qemu.qmp.execute<number>("qom-get", {
          path: `/machine/peripheral/${clock}`,
          property: "qtest-clock-period",
        }),
      ),
  };
}

const FROM_SOURCE = ",source=/machine/peripheral/s/sck";

describe("a clock output", () => {
  test("is set in Hz, as C sets it", async () => {
    const { read, write, period } = await start([]);
    for (const hz of [1, 3, 32_768, 24_000_000, 4_000_000_000]) {
      await write(0x00, hz);
      // JSON has doubles.
      expect(Number(await period("s/sck"))).toBe(Number(SECOND / BigInt(hz)));
      expect(await read(0x00)).toBe(Number(SECOND / (SECOND / BigInt(hz))));
    }
    await write(0x00, 0);
    expect([await period("s/sck"), await read(0x00), await read(0x04)]).toEqual([0n, 0, 0]);
    expect(await period("s/other")).toBe(0n);
  });

  test("is set in ns, and in parts of them", async () => {
    const { read, write, period } = await start([]);
    await write(0x04, 25);
    expect([await period("s/sck"), await read(0x00), await read(0x04)]).toEqual([
      (5n << 32n) / 2n,
      400_000_000,
      2,
    ]);
    await write(0x08, 0x1234_5678);
    expect([await period("s/sck"), await read(0x08)]).toEqual([0x3_1234_5678n, 0x1234_5678]);
    await write(0x10, 1);
    expect(Number(await period("s/sck")) / Number(SECOND)).toBeCloseTo(3, 12);
  });

  test("refuses what is no frequency", async () => {
    const { qemu, read, write } = await start([]);
    await write(0x14, 0);
    await write(0x0c, 5);
    await write(0x0c, 5 << 16);
    await qemu.stderr.waitFor("a clock of NaN Hz makes no sense", SOON_MS);
    await qemu.stderr.waitFor("a clock cannot be scaled by 0", SOON_MS);
    expect(await read(0x00)).toBe(1000);
  });

  test("drives a clock of QEMU's own", async () => {
    const child = script(`
      import { SysBusDevice } from "qemu-script";
      export default class Uart extends SysBusDevice.with({ type: "uart-ts", parent: "pl011" }) {}`);
    const path = script(SOURCE, "source.ts");
    const target = "target=/machine/peripheral/u/clk";
    const args = ["-device", `script,path=${child},id=u`, "-device", `script,path=${path},id=s,${target}`];
    const { qmp } = await Qemu.start({ args: [...MACHINE, ...args], qtest: true });
    const get = (clock: string) =>
      qmp.execute<number>("qom-get", {
        path: `/machine/peripheral/${clock}`,
        property: "qtest-clock-period",
      });
    expect(BigInt(await get("u/clk"))).toBe(SECOND / 1000n);
  });

  test("drives a clock that the script found itself, of a device that it made", async () => {
    const path = script(`
      import { ClockRef, DeviceRef, SysBusDevice } from "qemu-script";
      export default class Board extends SysBusDevice.with({ type: "board-ts", clockOutputs: ["sck"] }) {
        realize() {
          using uart = DeviceRef.new("pl011");
          this.object.addChild("uart", uart);
          this.clockOutputs.sck.setHz(3000);
          using clk = ClockRef.resolve(\`\${uart.path}/clk\`, { type: ClockRef });
          if (clk) this.clockOutputs.sck.connect(clk);
          uart.realize();
        }
      }`);
    const args = ["-device", `script,path=${path},id=b`];
    const { qmp } = await Qemu.start({ args: [...MACHINE, ...args], qtest: true });
    const clk = { path: "/machine/peripheral/b/uart/clk", property: "qtest-clock-period" };
    expect(await qmp.execute<number>("qom-get", clk)).toBe(Number(SECOND / 3000n));
  });
});

describe("a clock input", () => {
  test("stands as long as nothing is connected", async () => {
    const { period } = await start([""]);
    expect([await period("d0/clk"), await period("d0/apb"), await period("d0/half")]).toEqual([0n, 0n, 0n]);
  });

  test("follows its source, and the device is told", async () => {
    const { qemu, write, period } = await start([FROM_SOURCE]);
    expect(await period("d0/clk")).toBe(SECOND / 1000n);
    await write(0x00, 2000);
    await qemu.stderr.waitFor("clk: 2000 Hz, 500000 ns, 2147483648000000\n", SOON_MS);
    expect([await period("d0/clk"), await period("d0/half")]).toEqual([SECOND / 2000n, SECOND / 1000n]);
    // No change, no call.
    await write(0x00, 2000);
    await write(0x00, 0);
    await qemu.stderr.waitFor("clk: 0 Hz, 0 ns, 0\n", SOON_MS);
    expect(qemu.stderr.lines).toEqual([
      "connected /machine/peripheral/d0/clk: 1000 Hz",
      "clk: 2000 Hz, 500000 ns, 2147483648000000",
      "clk: 0 Hz, 0 ns, 0",
    ]);
  });

  test("calls a method of its own if it names one", async () => {
    const { qemu, write } = await start([`${FROM_SOURCE},mode=both`]);
    await write(0x00, 4000);
    await qemu.stderr.waitFor("apb alone: 4000 Hz, 250000 ns, 1073741824000000; now 4000 Hz\n", SOON_MS);
    expect(qemu.stderr.lines.filter((line) => line.startsWith("apb"))).toHaveLength(1);
  });

  test("tells each change, also if it has changed again since", async () => {
    const { qemu, write } = await start([`${FROM_SOURCE},mode=both`]);
    await write(0x18, 2000);
    await qemu.stderr.waitFor(/^apb alone: 4000 Hz/m, SOON_MS);
    expect(qemu.stderr.lines.filter((line) => line.startsWith("apb"))).toEqual([
      "apb alone: 2000 Hz, 500000 ns, 2147483648000000; now 4000 Hz",
      "apb alone: 4000 Hz, 250000 ns, 1073741824000000; now 4000 Hz",
    ]);
    await write(0x00, 0);
    await qemu.stderr.waitFor("apb alone: 0 Hz, 0 ns, 0; now 0 Hz\n", SOON_MS);
  });

  test("follows through other devices, and through a divider", async () => {
    const { qemu, write, period } = await start([FROM_SOURCE, ",source=/machine/peripheral/d0/half"]);
    await write(0x00, 8000);
    await qemu.stderr.waitFor("clk: 4000 Hz, 250000 ns, 1073741824000000\n", SOON_MS);
    expect(await period("d1/half")).toBe(SECOND / 2000n);
    // Of three times the period, by two.
    await write(0x0c, (3 << 16) | 2);
    await qemu.stderr.waitFor("clk: 5333 Hz, 187500 ns, 805306368000000\n", SOON_MS);
    expect([await period("s/sck"), await period("d0/clk")]).toEqual([
      SECOND / 8000n,
      (SECOND / 16_000n) * 3n,
    ]);
  });

  test.each([
    [",source=/machine/nowhere", "there is no /machine/nowhere"],
    [",source=/machine", "/machine is no clock"],
    [`${FROM_SOURCE},mode=twice`, "/machine/peripheral/d0/clk has a source already"],
    [",source=/machine/peripheral/d0/clk", "the source comes from /machine/peripheral/d0/clk itself"],
  ])("cannot be connected with %s", async (options, message) => {
    const [source, sink] = [script(SOURCE, "source.ts"), script(SINK, "sink.ts")];
    const args = ["-device", `script,path=${source},id=s`, "-device", `script,path=${sink},id=d0${options}`];
    const { status, stderr } = await Qemu.run([...MACHINE, ...args]);
    expect(status).toBe(1);
    expect(stderr).toStartWith(NAME);
    expect(stderr).toContain(message);
  });
});

describe("a clock's method", () => {
  test("may throw: that is reported", async () => {
    const { qemu, write } = await start([`${FROM_SOURCE},mode=throw`]);
    await write(0x00, 2000);
    await qemu.stderr.waitFor("thrown by clk", SOON_MS);
    await write(0x00, 3000);
    await qemu.stderr.waitFor("clk: 3000 Hz", SOON_MS);
  });

  test("cannot be asynchronous", async () => {
    const { qemu, write } = await start([`${FROM_SOURCE},mode=async`]);
    await write(0x00, 2000);
    await qemu.stderr.waitFor("clockChanged() cannot be asynchronous", SOON_MS);
  });

  test("must be there if it is named", async () => {
    const path = script(SINK.replace("apbChanged(", "other("));
    const { status, stderr } = await Qemu.run(["-M", "none", ...HEADLESS, "-script", `path=${path}`]);
    expect(status).toBe(1);
    expect(stderr).toContain("sink-ts: clock apb: Sink has no method apbChanged()");
  });
});

describe("migration", () => {
  const REPLACED = ["-script", `path=${PL011},replaces=pl011`];

  /** The clock input of virt's own UART. */
  async function boardClock(args: readonly string[]): Promise<string> {
    const { qmp } = await Qemu.start({ args: [...MACHINE, ...args], qtest: true });
    const path = "/machine/unattached";
    const children = await qmp.execute<{ name: string; type: string }[]>("qom-list", { path });
    const uart = children.find(({ type }) => /^child<pl011/.test(type));
    return `${path}/${uart!.name}/clk`;
  }

  /** @returns the clock of the UART in the machine that was migrated to; without the stream, it is at 1000 Hz */
  async function transfer(from: readonly string[], to: readonly string[], hz: number): Promise<number> {
    const path = script(SOURCE, "source.ts");
    const clocked = async (args: readonly string[]) => [
      ...MACHINE,
      ...args,
      "-device",
      `script,path=${path},target=${await boardClock(args)}`,
    ];
    const source = await Qemu.start({ args: await clocked(from), qtest: true });
    await source.qtest.writel(BASE, hz);
    const uri = await migrateToFile(source);
    const target = await Qemu.start({ args: [...(await clocked(to)), "-incoming", uri], qtest: true });
    await arrival(target);
    const property = "qtest-clock-period";
    const period = await target.qmp.execute<number>("qom-get", { path: await boardClock(to), property });
    return period === 0 ? 0 : Math.round(Number(SECOND) / period);
  }

  // hw/char/pl011.c, vmstate_pl011_clock; hw/core/clock-vmstate.c.
  test.each([
    ["from C to a script", [], REPLACED],
    ["from a script to C", REPLACED, []],
    ["from script to script", REPLACED, REPLACED],
  ])("takes a UART's clock along, %s", async (_, from, to) => {
    expect(await transfer(from, to, 5000)).toBe(5000);
  });

  const off = (type: string) => ["-global", `${type}.migrate-clk=off`];

  test.each([
    ["from C to a script", off("pl011"), [...REPLACED, ...off("pl011")]],
    ["from a script to C", [...REPLACED, ...off("pl011")], off("pl011")],
  ])("leaves it where its device says so, %s", async (_, from, to) => {
    expect(await transfer(from, to, 5000)).toBe(1000);
  });

  test("takes an output along, which is a field of the state itself", async () => {
    const path = script(`
      import { clockState, registers, SysBusDevice } from "qemu-script";
      export default class Divider extends SysBusDevice.with({
        type: "divider-ts",
        clockOutputs: ["sck"],
        regions: { regs: { size: 0x1000 } },
        state: { sck: clockState("sck") },
      }) {
        static { registers(Divider, "regs", { SET: { at: 0, write: "set" } }); }
        set(hz: number) {
          this.clockOutputs.sck.setHz(hz);
          this.clockOutputs.sck.scale(3, 4);
        }
      }`);
    const args = [...MACHINE, "-device", `script,path=${path},id=d`];
    const source = await Qemu.start({ args, qtest: true });
    await source.qtest.writel(BASE, 400);
    const uri = await migrateToFile(source);
    const target = await Qemu.start({ args: [...args, "-incoming", uri], qtest: true });
    await arrival(target);
    const get = (property: string) =>
      target.qmp.execute<number>("qom-get", { path: "/machine/peripheral/d/sck", property });
    expect(await get("qtest-clock-period")).toBe(Number(SECOND / 400n));
  });
});

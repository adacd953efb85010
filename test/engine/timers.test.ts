/** Timers of scripted devices: when they expire, what they call, how they migrate, and what they do to the machine. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { bareMetal, guest, VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { DEVICE_IRQ, Poker } from "../lib/poker.ts";
import { device } from "../lib/program.ts";
import { endAll, folder, HEADLESS, Qemu, script } from "../lib/qemu.ts";
import { load, makeImage, save } from "../lib/snapshots.ts";
import { arrival, migrateToFile } from "../lib/stream.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const BASE = VIRT.platformBus;
const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];
const ALARM = device("alarm");

/** Registers of test/fixtures/devices/alarm.ts. */
const SHOTS = 0x00;
const TICKS = 0x04;
const OTHERS = 0x08;
const AFTER = 0x0c;
const AT = 0x10;
const EVERY = 0x14;
const STOP = 0x18;
const PENDING = 0x1c;
const EXPIRES = 0x20;
const TICK_EXPIRES = 0x24;
const NOW = 0x28;
const RACE = 0x2c;
const OTHER_CLOCKS = 0x30;
const ACK = 0x34;

const [SHOT, TICK] = [0, 1];
/** What a register shows of a timer that is not pending. */
const NEVER = 0xffff_ffff;
const MS = 1_000_000;

async function start(mode = "", args: readonly string[] = []) {
  const scripted = ["-device", `script,path=${ALARM},id=alarm,mode=${mode}`];
  const qemu = await Qemu.start({ args: [...MACHINE, ...scripted, ...args], qtest: true });
  const { qtest } = qemu;
  await qtest.interceptOut("/machine/peripheral/alarm");
  return {
    qemu,
    qtest,
    read: (offset: number) => qtest.readl(BASE + offset),
    write: (offset: number, value: number) => qtest.writel(BASE + offset, value),
  };
}

describe("on a clock that the test steps, a timer", () => {
  test("expires once, at its time, before the step is over", async () => {
    const { qtest, qemu, read, write } = await start();
    expect([await read(PENDING), await read(EXPIRES)]).toEqual([0, NEVER]);
    await write(AFTER, 1000);
    expect([await read(PENDING), await read(EXPIRES)]).toEqual([1 << SHOT, 1000]);
    expect(await qtest.clockStep(999)).toBe(999);
    expect([await read(SHOTS), qtest.irq(0)]).toEqual([0, false]);
    expect(await qtest.clockStep()).toBe(1000);
    expect(qtest.irq(0)).toBe(true);
    expect(await read(SHOTS)).toBe(1);
    expect([await read(PENDING), await read(EXPIRES)]).toEqual([0, NEVER]);
    await qtest.clockStep(5000);
    expect(await read(SHOTS)).toBe(1);
    expect(qemu.stderr.lines).toEqual(["shot at 1000, over"]);
  });

  test("expires at an absolute time, and at once if that has passed", async () => {
    const { qtest, qemu, read, write } = await start();
    await write(AT, 700);
    expect(await qtest.clockStep()).toBe(700);
    expect([await read(SHOTS), await read(NOW)]).toEqual([1, 700]);
    await write(ACK, 0);
    await write(AT, 300);
    await qtest.waitForIrq(0, true);
    expect([await read(SHOTS), await read(NOW)]).toEqual([2, 700]);
    expect(qemu.stderr.lines).toEqual(["shot at 700, over", "shot at 700, over"]);
  });

  test("can be set anew, and only the last time counts", async () => {
    const { qtest, read, write } = await start();
    await write(AFTER, 1000);
    await write(AFTER, 3000);
    await qtest.clockStep(2000);
    expect(await read(SHOTS)).toBe(0);
    await qtest.clockStep(1000);
    expect(await read(SHOTS)).toBe(1);
  });

  test("expires periodically, without drift, and says when next", async () => {
    const { qtest, qemu, read, write } = await start("verbose");
    await qtest.clockStep(50);
    await write(EVERY, 1000);
    expect(await read(TICK_EXPIRES)).toBe(1050);
    // One step: each turn has its own time all the same.
    await qtest.clockStep(5500);
    expect(qemu.stderr.lines).toEqual(
      [1, 2, 3, 4, 5].map((n) => `tick at ${1000 * n + 50}, next at ${1000 * n + 1050}`),
    );
    expect([await read(TICKS), await read(PENDING)]).toEqual([5, 1 << TICK]);
  });

  test("set by its own method goes on within one step", async () => {
    const { qtest, qemu, write } = await start("chain");
    await write(AFTER, 1000);
    await qtest.clockStep(3500);
    expect(qemu.stderr.lines).toEqual(["shot at 1000, over", "shot at 2000, over", "shot at 3000, over"]);
  });

  // Else QEMU's loop over expired timers would not end.
  test("that its own method sets to the past expires again only when time went on", async () => {
    const { qtest, read, write } = await start("past");
    await write(AFTER, 1000);
    await qtest.clockStep(1010);
    expect(await read(SHOTS)).toBe(11);
  });

  test("that was stopped does not expire", async () => {
    const { qtest, read, write } = await start();
    await write(AFTER, 1000);
    await write(EVERY, 1000);
    await write(STOP, SHOT);
    expect([await read(PENDING), await read(EXPIRES)]).toEqual([1 << TICK, NEVER]);
    await qtest.clockStep(2000);
    await write(STOP, TICK);
    await qtest.clockStep(5000);
    expect([await read(SHOTS), await read(TICKS), await read(PENDING)]).toEqual([0, 2, 0]);
  });

  test("that names no method calls timerExpired() with its name", async () => {
    const { qtest, qemu, read, write } = await start();
    await write(RACE, 10);
    await qtest.clockStep(100);
    expect(await read(OTHERS)).toBe(1);
    expect(qemu.stderr.lines).toEqual(["first expired"]);
  });

  test("survives a reset: it is the device's to stop", async () => {
    const { qtest, qemu, read, write } = await start();
    await write(AFTER, 1000);
    await qemu.qmp.execute("system_reset");
    await qemu.qmp.waitForEvent("RESET");
    await qtest.clockStep(1000);
    expect(await read(SHOTS)).toBe(1);
  });

  test("goes by each of the other clocks", async () => {
    const { qtest, qemu, read, write } = await start();
    const before = Date.now();
    await write(OTHER_CLOCKS, 20 * MS);
    expect(await read(PENDING)).toBe(0b111_0000);
    for (let i = 0; i < 3; i++) {
      await qemu.stderr.waitFor(/(host|realtime|virtualRt) expired\n/, SOON_MS);
    }
    expect(Date.now() - before).toBeGreaterThanOrEqual(19);
    expect(qemu.stderr.lines.toSorted()).toEqual(["host expired", "realtime expired", "virtualRt expired"]);
    expect([await read(OTHERS), qtest.irq(0)]).toEqual([3, true]);
  });
});

test("several under one name have lives of their own, in the stream too", async () => {
  const path = script(`
    import { registers, SysBusDevice, timer, u32 } from "qemu-script";
    export default class Channels extends SysBusDevice.with({
      type: "channels-ts",
      state: {
        before: timer(),
        channels: timer({ expired: "channelExpired" }).array(4),
        blinkers: timer({ periodic: true }).array(2),
        after: timer(),
        fired: u32,
      },
      regions: { regs: { size: 0x1000 } },
    }) {
      static { registers(Channels, "regs", {
        SET: { at: 0, write: "set" },
        FIRED: { at: 4, field: "fired" },
        SUM: { at: 8, read: "sum" },
      }); }
      set(ns: number) {
        for (const [index, channel] of this.channels.entries()) channel.after(ns * (4 - index));
        this.blinkers[1]!.every(ns);
        this.after.after(ns * 4 + 1);
      }
      sum() {
        return this.channels.reduce((sum, channel) => sum + channel.expires, this.blinkers[1]!.expires);
      }
      channelExpired(name: string, index: number) {
        this.fired |= 1 << index;
        console.log(\`\${name}[\${index}]\`);
      }
      timerExpired(name: string, index: number) {
        console.log(\`\${name}[\${index}]\`);
        if (name === "after") this.blinkers[index + 1]!.stop();
      }
    }`);
  const args = [...MACHINE, "-device", `script,path=${path}`];
  const qemu = await Qemu.start({ args, qtest: true });
  await qemu.qtest.writel(BASE, 100);
  expect(await qemu.qtest.readl(BASE + 8)).toBe(100 + 200 + 300 + 400 + 100);
  const uri = await migrateToFile(qemu);
  const target = await Qemu.start({ args: [...args, "-incoming", uri], qtest: true });
  await arrival(target);
  expect(await target.qtest.readl(BASE + 8)).toBe(1100);
  await target.qtest.clockStep(250);
  expect(await target.qtest.readl(BASE + 4)).toBe(0b1100);
  await target.qtest.clockStep(1000);
  expect(target.stderr.lines.toSorted()).toEqual(
    [
      ...["channels[3]", "channels[2]", "channels[1]", "channels[0]", "after[0]"],
      ...new Array(4).fill("blinkers[1]"),
    ].toSorted(),
  );
});

describe("a method of a timer", () => {
  test("may throw: that is reported, and the timer lives on", async () => {
    const { qtest, qemu, read, write } = await start("throw");
    for (let i = 0; i < 2; i++) {
      await write(AFTER, 1000);
      await qtest.clockStep(1000);
    }
    expect(await read(SHOTS)).toBe(2);
    expect(qemu.stderr.all).toContain("thrown by shot");
    expect(qemu.stderr.all).toContain("timer of alarm-ts");
    expect(qemu.stderr.all).toContain("alarm.ts:");
  });

  test("cannot be asynchronous", async () => {
    const { qtest, qemu, write } = await start("async");
    await write(AFTER, 1000);
    await qtest.clockStep(1000);
    await qemu.stderr.waitFor(
      "shotExpired() cannot be asynchronous: only methods that read and write registers can",
      SOON_MS,
    );
  });

  // hazards.md, 5: it asks, and does not wait for the machine to stop.
  test("may end the machine", async () => {
    const poker = await Poker.start(ALARM, { properties: ",mode=exit" });
    // The guest may not come to answer.
    await poker.askWrite(AFTER, MS);
    expect(await poker.qemu.waitForExit(SOON_MS)).toEqual({ status: 7, signal: null });
  });
});

describe("of a running guest, a timer", () => {
  const MODES = {
    "multi-threaded TCG": { accel: "tcg,thread=multi" },
    "round-robin TCG": { accel: "tcg,thread=single" },
    icount: { args: ["-icount", "shift=auto"] },
    "icount without sleep": { args: ["-icount", "shift=5,sleep=off"] },
    "two vCPUs": { accel: "tcg,thread=multi", busy: "device" },
  } as const;

  test.each(Object.entries(MODES))("wakes it, under %s", async (_, options) => {
    const poker = await Poker.start(ALARM, options);
    await poker.write(AFTER, 20 * MS);
    const { value, ms } = await poker.sleep(5000);
    expect(value).toBe(DEVICE_IRQ);
    expect(ms).toBeLessThan(1000);
    expect(await poker.read(SHOTS)).toBe(1);
    await poker.write(ACK, 0);
    await poker.write(EVERY, MS);
    while ((await poker.read(TICKS)) < 10) {
      // The guest is busy with asking.
    }
  });

  test("that stops another, which has expired as well, is obeyed", async () => {
    const poker = await Poker.start(ALARM);
    for (let i = 1; i <= 20; i++) {
      await poker.write(RACE, MS);
      await poker.sleep(1000);
      await poker.write(ACK, 0);
      expect(await poker.read(OTHERS)).toBe(i);
      expect((await poker.read(PENDING)) & 0b1100).toBe(0);
    }
  });

  test("with a period of one ns leaves time for the guest, the monitor and a snapshot", async () => {
    const poker = await Poker.start(ALARM);
    const { qmp } = poker.qemu;
    await makeImage(poker.qemu, folder());
    await poker.write(EVERY, 1);
    for (let i = 0; i < 5; i++) {
      const before = await poker.read(TICKS);
      await qmp.execute("stop");
      await qmp.execute("cont");
      await save(poker.qemu, `storm-${i}`);
      while ((await poker.read(TICKS)) <= before) {
        // It goes on.
      }
    }
    expect(await poker.qemu.quit()).toEqual({ status: 0, signal: null });
  });

  // The migration thread stops the clock, and waits for the timers with the BQL held.
  test("does not keep migration from its end", async () => {
    const poker = await Poker.start(ALARM);
    const { qmp } = poker.qemu;
    await poker.write(EVERY, 1);
    for (let i = 0; i < 5; i++) {
      await qmp.execute("migrate", { uri: `file:${join(folder(), "stream")}` });
      while ((await qmp.execute<{ status: string }>("query-status")).status !== "postmigrate") {
        // It runs, saves, and tidies up.
      }
      await qmp.execute("cont");
    }
    expect(await poker.read(TICKS)).toBeGreaterThan(0);
  });

  // hazards.md, 10: the main loop and the vCPU, which run them, take turns with the replay mutex.
  test.each(["spin", "sleep"])(
    "does not stand in the way of recording a guest that does %s",
    async (name) => {
      const path = script(`
      import { SysBusDevice, timer } from "qemu-script";
      export default class Recorded extends SysBusDevice.with({
        type: "recorded-ts",
        state: {
          virtual: timer(),
          host: timer({ clock: "host" }),
          realtime: timer({ clock: "realtime" }),
          virtualRt: timer({ clock: "virtual_rt" }),
          tick: timer({ periodic: true, expired: "ticked" }),
        },
      }) {
        turns = 0;
        realize() {
          this.tick.every(1e6);
          setTimeout(() => {
            for (const timer of [this.virtual, this.host, this.realtime, this.virtualRt]) timer.after(1e6);
          }, 10);
        }
        timerExpired(name: string) { console.log(\`\${name} expired\`); }
        ticked() { if (++this.turns === 50) console.log("50 turns"); }
      }`);
      const record = ["-icount", `shift=7,rr=record,rrfile=${join(folder(), "log")}`];
      const args = [...bareMetal(guest(name)), ...record, "-device", `script,path=${path}`];
      const qemu = await Qemu.start({ args, lines: ["console"] });
      for (let i = 0; i < 5; i++) {
        await qemu.stderr.waitFor(/(virtual|host|realtime|virtualRt) expired\n|50 turns\n/, SOON_MS);
      }
      expect(await qemu.quit()).toEqual({ status: 0, signal: null });
    },
  );
});

describe("migration", () => {
  test("takes what a timer is set to along, and a period too", async () => {
    const { qtest, qemu, read, write } = await start("verbose");
    await makeImage(qemu, folder());
    await qtest.clockStep(100);
    await write(AFTER, 1000);
    await write(EVERY, 300);
    await qtest.clockStep(500);
    await save(qemu, "set");
    await write(STOP, SHOT);
    await write(EVERY, 5000);
    // A machine of qtest goes on with the time that it has.
    await load(qemu, "set");
    expect([await read(EXPIRES), await read(TICK_EXPIRES), await read(TICKS)]).toEqual([1100, 700, 1]);
    expect(await read(PENDING)).toBe((1 << SHOT) | (1 << TICK));
    await qtest.clockStep(600);
    expect([await read(SHOTS), await read(TICKS)]).toEqual([1, 3]);
  });

  test("stops one that was not pending when the machine was saved", async () => {
    const { qtest, qemu, read, write } = await start();
    await makeImage(qemu, folder());
    await save(qemu, "idle");
    await write(AFTER, 1000);
    await write(EVERY, 1000);
    await load(qemu, "idle");
    expect(await read(PENDING)).toBe(0);
    await qtest.clockStep(5000);
    expect([await read(SHOTS), await read(TICKS)]).toEqual([0, 0]);
  });

  /** A device with a field that is read from and written to register 0 through `body`. */
  const one = (imports: string, field: string, read: string, write: string) =>
    script(`
      import { registers, SysBusDevice, ${imports} } from "qemu-script";
      export default class One extends SysBusDevice.with({
        type: "one-ts",
        state: { field: ${field} },
        regions: { regs: { size: 0x1000 } },
      }) {
        static { registers(One, "regs", { VALUE: { at: 0, read: "low", write: "set" } }); }
        low() { return ${read}; }
        set(value: number) { ${write} }
        expired() { console.log("expired"); }
      }`);

  async function transfer(from: string, to: string, value: number | undefined): Promise<number> {
    const args = (path: string) => [...MACHINE, "-device", `script,path=${path}`];
    const source = await Qemu.start({ args: args(from), qtest: true });
    if (value !== undefined) {
      await source.qtest.writel(BASE, value);
    }
    const uri = await migrateToFile(source);
    const target = await Qemu.start({ args: [...args(to), "-incoming", uri], qtest: true });
    await arrival(target);
    return target.qtest.readl(BASE);
  }

  // As VMSTATE_TIMER has it: migration/savevm.c, vmstate_info_timer.
  test("writes a timer as 64 bits: its time, or all ones", async () => {
    const timer = one(
      "timer",
      'timer({ expired: "expired" })',
      "this.field.expires",
      "this.field.at(value);",
    );
    const number = one(
      "u64",
      "u64",
      "this.field >> 32n === BigInt(0xffffffff) ? 0xffffffff : Number(this.field)",
      "this.field = BigInt(value);",
    );
    expect(await transfer(timer, number, 12_345)).toBe(12_345);
    expect(await transfer(timer, number, undefined)).toBe(NEVER);
    expect(await transfer(number, timer, 54_321)).toBe(54_321);
  });
});

test("a timer cannot be set before the device is realized: nobody would hear of it", async () => {
  const path = script(`
    import { SysBusDevice, timer } from "qemu-script";
    export default class Early extends SysBusDevice.with({
      type: "early-ts",
      state: { t: timer({ periodic: true }) },
    }) {
      init() {
        for (const use of [() => this.t.at(1), () => this.t.at(1n), () => this.t.after(1), () => this.t.every(1)]) {
          try { use(); console.log("no error"); } catch (error) { console.log(String(error)); }
        }
        console.log(\`pending: \${this.t.pending}\`);
      }
      timerExpired() {}
    }`);
  const qemu = await Qemu.start({ args: [...MACHINE, "-device", `script,path=${path}`] });
  await qemu.stderr.waitFor("pending: false\n", SOON_MS);
  expect(qemu.stderr.lines.slice(0, 4)).toEqual(
    new Array(4).fill("TypeError: a timer cannot be set before realize()"),
  );
});

describe("a device that goes", () => {
  test("takes its timers along: none expires any more, and a use of one throws", async () => {
    const path = script(`
      import { clock, PCIDevice, type PeriodicTimer, type Timer, timer } from "qemu-script";
      export default class Goes extends PCIDevice.with({
        type: "goes-ts",
        pci: { vendor: 0x1234, device: 0x5678, class: 0xff00 },
        state: {
          tick: timer({ clock: "realtime", periodic: true, expired: "ticked" }),
          later: timer({ clock: "realtime", expired: "late" }),
        },
      }) {
        gone = false;
        ticks = 0;
        realize() {
          this.tick.every(1e6);
          this.later.after(200e6);
        }
        unrealize() {
          this.gone = true;
          this.tick.every(1e6);
          const { tick, later } = this;
          setTimeout(() => this.useAll(tick, later), 0);
          const until = clock.realtime.ns + 400e6;
          const wait = setInterval(() => {
            if (clock.realtime.ns >= until) {
              clearInterval(wait);
              console.log("over");
            }
          }, 10);
        }
        useAll(tick: PeriodicTimer, later: Timer) {
          for (const use of [() => tick.every(1e6), () => tick.stop(), () => later.pending, () => later.at(0)]) {
            try { use(); console.log("no error"); } catch (error) { console.log((error as Error).name); }
          }
        }
        ticked() {
          if (this.ticks++ === 0) console.log("ticks");
          if (this.gone) console.log("ticked too late");
        }
        late() { console.log("too late"); }
      }`);
    const port = ["-device", "pcie-root-port,id=rp,chassis=1"];
    const qemu = await Qemu.start({ args: [...MACHINE, ...port, "-script", `path=${path}`] });
    await qemu.qmp.execute("device_add", { driver: "goes-ts", id: "card", bus: "rp" });
    await qemu.stderr.waitFor("ticks\n", SOON_MS);
    // Its slot has no power: the guest is not asked.
    await qemu.qmp.execute("device_del", { id: "card" });
    await qemu.stderr.waitFor("over\n", SOON_MS);
    expect(qemu.stderr.lines).toEqual(["ticks", ...new Array(4).fill("StaleError"), "over"]);
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });
});

describe("a script with a timer", () => {
  const failsWith = async (state: string, body: string, message: string) => {
    const path = script(`
      import { SysBusDevice, timer } from "qemu-script";
      export default class Wrong extends SysBusDevice.with({ type: "wrong-ts", state: { ${state} } }) { ${body} }`);
    const { status, stderr } = await Qemu.run(["-M", "none", ...HEADLESS, "-script", `path=${path}`]);
    expect(status).toBe(1);
    expect(stderr).toContain(message);
  };

  test.each([
    [
      "a method that is not there",
      't: timer({ expired: "gone" })',
      "",
      "wrong-ts: timer t: Wrong has no method gone()",
    ],
    ["no method at all", "t: timer()", "", "wrong-ts: timer t: Wrong has no method timerExpired()"],
    ["an unknown clock", 't: timer({ clock: "wall" })', "timerExpired() {}", "there is no clock wall"],
    [
      "a member of its name",
      "t: timer()",
      "timerExpired() {} t() {}",
      "wrong-ts: the class has a member t, which hides the field of that name",
    ],
  ])("and %s is refused", async (_, state, body, message) => {
    await failsWith(state, body, message);
  });
});

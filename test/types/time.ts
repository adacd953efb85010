/** What timers, resets, clocks and device trees mean to the type checker. Checked by tsc, never run; types.test.ts sees to that. */

import { expectTypeOf } from "bun:test";
import {
  type ClockInput,
  type ClockOutput,
  type ClockRate,
  type ClockReading,
  clock,
  clockState,
  PeriodicTimer,
  type ResetEnter,
  type ResetExit,
  type ResetHold,
  type ResetType,
  type Resettable,
  SysBusDevice,
  Timer,
  type TimerListener,
  timer,
  u32,
} from "qemu-script";

class Timed extends SysBusDevice.with({
  type: "timed",
  state: {
    plain: timer(),
    named: timer({ clock: "host", expired: "over" }),
    turns: timer({ periodic: true }),
    once: timer({ periodic: false }),
    several: timer().array(3),
    blinkers: timer({ periodic: true }).array(2),
    value: u32,
  },
}) {
  timers() {
    expectTypeOf(this.plain).toEqualTypeOf<Timer>();
    expectTypeOf(this.named).toEqualTypeOf<Timer>();
    expectTypeOf(this.once).toEqualTypeOf<Timer>();
    expectTypeOf(this.turns).toEqualTypeOf<PeriodicTimer>();
    expectTypeOf(this.value).toEqualTypeOf<number>();
    expectTypeOf(this.several).toEqualTypeOf<readonly Timer[]>();
    expectTypeOf(this.blinkers).toEqualTypeOf<readonly PeriodicTimer[]>();
    expectTypeOf(this.plain.expires).toEqualTypeOf<number>();
    expectTypeOf(this.plain.expiresExact).toEqualTypeOf<bigint>();
    expectTypeOf(this.plain.pending).toEqualTypeOf<boolean>();
    this.plain.at(3);
    this.plain.at(3n);
    this.plain.after(3);
    this.turns.every(3);
    this.turns.at(3);
  }

  wrong() {
    // @ts-expect-error without `periodic: true` it expires once
    this.plain.every(3);
    // @ts-expect-error the same
    this.once.every(3);
    // @ts-expect-error a delay is a number
    this.plain.after(3n);
    // @ts-expect-error a period is a number
    this.turns.every(3n);
    // @ts-expect-error a time, not text
    this.plain.at("3");
    // @ts-expect-error a timer stays what it is
    this.plain = this.named;
    // @ts-expect-error what it is set to is set by its methods
    this.plain.expires = 3;
    // @ts-expect-error so do several
    this.several[0] = this.plain;
    // @ts-expect-error these expire once
    this.several[0]!.every(3);
    // @ts-expect-error a timer is no number
    this.plain + 1;
  }

  reading() {
    expectTypeOf(clock.virtual).toEqualTypeOf<ClockReading>();
    expectTypeOf(clock.host.ns).toEqualTypeOf<number>();
    expectTypeOf(clock.virtual_rt.nsExact).toEqualTypeOf<bigint>();
    // @ts-expect-error no such clock
    clock.wall;
    // @ts-expect-error the time is not ours to set
    clock.virtual.ns = 0;
    // @ts-expect-error nor are the clocks
    clock.virtual = clock.host;
  }
}

export class Listens extends Timed implements TimerListener {
  timerExpired(name: string) {
    expectTypeOf(name).toEqualTypeOf<string>();
  }
}

// @ts-expect-error no timerExpired()
export class Deaf extends Timed implements TimerListener {}

// @ts-expect-error no such clock
timer({ clock: "wall" });
// @ts-expect-error a method's name is text
timer({ expired: () => {} });
// @ts-expect-error misspelt
timer({ expire: "over" });
// @ts-expect-error it is periodic or it is not
timer({ periodic: 5 });
// @ts-expect-error an array has a number of elements
timer().array();
// @ts-expect-error a timer is state, no property
SysBusDevice.with({ type: "x", properties: { a: timer() } });
// @ts-expect-error a method of the traits
SysBusDevice.with({ type: "x", state: { timerExpired: timer() } });
// @ts-expect-error made by QEMU, from the host's parts
new Timer();
// @ts-expect-error the same
new PeriodicTimer();

// --- resets ----------------------------------------------------------------------------------------------------------

export class Phased extends Timed implements ResetEnter, ResetHold, ResetExit {
  resetEnter(type: ResetType) {
    expectTypeOf(type).toEqualTypeOf<
      "cold" | "snapshot-load" | "wakeup" | "s390-cpu-initial" | "s390-cpu-normal"
    >();
    // @ts-expect-error no such reset
    type === "warm";
  }
  // The type need not be taken.
  resetHold() {}
  // @ts-expect-error a type of reset, not QEMU's number
  resetExit(_type: number) {}
}

// @ts-expect-error no reset()
export class Unresettable extends Timed implements Resettable {}
// @ts-expect-error no resetEnter()
export class Unphased extends Timed implements ResetEnter {}
// @ts-expect-error a method of the traits
SysBusDevice.with({ type: "x", state: { resetHold: u32 } });

// --- clocks ----------------------------------------------------------------------------------------------------------

class Clocked extends SysBusDevice.with({
  type: "clocked",
  clocks: ["clk", { name: "apb", changed: "apbChanged" }],
  clockOutputs: ["sck"],
  state: { rate: clockState("clk") },
}) {
  lines() {
    expectTypeOf(this.clocks.clk).toEqualTypeOf<ClockInput>();
    expectTypeOf(this.clocks.apb).toEqualTypeOf<ClockInput>();
    expectTypeOf(this.clockOutputs.sck).toEqualTypeOf<ClockOutput>();
    expectTypeOf<keyof typeof this.clocks>().toEqualTypeOf<"clk" | "apb">();
    expectTypeOf(this.clocks.clk.hz).toEqualTypeOf<number>();
    expectTypeOf(this.clocks.clk.ns).toEqualTypeOf<number>();
    expectTypeOf(this.clocks.clk.period).toEqualTypeOf<bigint>();
    this.clocks.clk.connect(this.clockOutputs.sck);
    this.clockOutputs.sck.connect("/machine/x/clk");
    this.clockOutputs.sck.setPeriod(5n);
  }

  apbChanged(name: string, rate: ClockRate) {
    expectTypeOf(rate.period).toEqualTypeOf<bigint>();
    this.clocks.apb satisfies ClockRate;
    // @ts-expect-error of any clock: `name` says of which
    rate.path;
    return name;
  }

  wrongLines() {
    // @ts-expect-error an output is no input
    this.clocks.sck;
    // @ts-expect-error nor the other way
    this.clockOutputs.clk;
    // @ts-expect-error an input is not the device's to set
    this.clocks.clk.setHz(5);
    // @ts-expect-error what it is set by is a method
    this.clockOutputs.sck.hz = 5;
    // @ts-expect-error a frequency is a number
    this.clockOutputs.sck.setHz(5n);
    // @ts-expect-error an exact period is a bigint
    this.clockOutputs.sck.setPeriod(5);
    // @ts-expect-error two factors
    this.clockOutputs.sck.scale(5);
    // @ts-expect-error a clock, or its path
    this.clocks.clk.connect(this);
    // @ts-expect-error in the stream alone: here it is this.clocks.clk
    this.rate;
    // @ts-expect-error clocks stay what they are
    this.clocks.clk = this.clocks.apb;
  }
}

export class Clocks extends Clocked {
  // @ts-expect-error a device's own
  clockOutputs() {}
}
// @ts-expect-error an input with options has a name
SysBusDevice.with({ type: "x", clocks: [{ changed: "x" }] });
// @ts-expect-error and a method
SysBusDevice.with({ type: "x", clocks: [{ name: "clk" }] });
// @ts-expect-error clocks have names
SysBusDevice.with({ type: "x", clockOutputs: [1] });
// @ts-expect-error every device has clockOutputs
SysBusDevice.with({ type: "x", state: { clockOutputs: u32 } });
// @ts-expect-error a clock has a name
clockState();

// --- device tree -----------------------------------------------------------------------------------------------------

const NODE = { node: "x", compatible: ["acme,x"] } as const;
SysBusDevice.with({
  type: "x",
  irqs: ["a"],
  deviceTree: {
    ...NODE,
    interruptNames: ["one"],
    regNames: ["two"],
    properties: { a: 1, b: 1n, c: "x", d: true, e: [1, 2n], f: ["x", "y"], g: new Uint8Array(3) },
  },
});
// @ts-expect-error one that is not there is left out
SysBusDevice.with({ type: "x", deviceTree: { ...NODE, properties: { a: false } } });
// @ts-expect-error text or numbers
SysBusDevice.with({ type: "x", deviceTree: { ...NODE, properties: { a: ["x", 1] } } });
// @ts-expect-error neither
SysBusDevice.with({ type: "x", deviceTree: { ...NODE, properties: { a: {} } } });
// @ts-expect-error a list of names
SysBusDevice.with({ type: "x", deviceTree: { ...NODE, regNames: "regs" } });
// @ts-expect-error misspelt
SysBusDevice.with({ type: "x", deviceTree: { ...NODE, interruptName: ["a"] } });

import { afterAll, afterEach, describe, expect, mock, test } from "bun:test";
import { DeclarationError, type DeviceClass, StaleError, SysBusDevice, u8, u32 } from "qemu-script";
import { describe as describeClass } from "../../../host/device/describe.ts";
import { Handle } from "../../../host/device/handle.ts";
import { type Call, fakeLibrary } from "../fake-library.ts";

let answers: Record<string, (...args: never[]) => unknown> = {};
const calls: Call[] = fakeLibrary(new Proxy({}, { get: (_, name: string) => answers[name] }));
const { clock, PeriodicTimer, timer } = await import("../../../host/device/timer.ts");

afterEach(() => {
  calls.length = 0;
  answers = {};
});
afterAll(() => mock.restore());

const POINTER = 0x1000 as never;
const made = () => {
  const handle = new Handle(POINTER, "alarm");
  return { handle, timer: new PeriodicTimer(handle, 3) };
};

describe("a timer", () => {
  test("hands times over as they are", () => {
    const { timer } = made();
    timer.at(12.5);
    timer.after(1000);
    timer.every(1);
    timer.stop();
    expect(calls).toEqual([
      { name: "script_timer_at", args: [POINTER, 3, 12.5] },
      { name: "script_timer_after", args: [POINTER, 3, 1000] },
      { name: "script_timer_every", args: [POINTER, 3, 1] },
      { name: "script_timer_stop", args: [POINTER, 3] },
    ]);
  });

  test.each([
    [0n, 0, 0],
    [-5n, 0, 0],
    [0x1234_5678_9abc_def0n, 0x9abc_def0, 0x1234_5678],
    [2n ** 64n - 1n, 0xffff_ffff, 0xffff_ffff],
    [2n ** 70n, 0, 0xffff_ffff],
  ])("takes %p in two halves", (ns, low, high) => {
    made().timer.at(ns);
    expect(calls).toEqual([{ name: "script_timer_at_exact", args: [POINTER, 3, low, high] }]);
  });

  test("refuses what is no time", () => {
    const { timer } = made();
    expect(() => timer.at(Number.NaN)).toThrow(new RangeError("NaN is no time"));
    expect(() => timer.after(Number.NaN)).toThrow(RangeError);
    for (const period of [0, -1, 0.5, Number.NaN]) {
      expect(() => timer.every(period)).toThrow(new RangeError(`a period of ${period} ns makes no sense`));
    }
    expect(calls).toEqual([]);
  });

  test("is pending if it has an expiry time, be it 0", () => {
    const { timer } = made();
    for (const [expires, pending] of [
      [-1, false],
      [0, true],
      [7, true],
    ] as const) {
      answers = { script_timer_expires: () => expires };
      expect([timer.expires, timer.pending]).toEqual([expires, pending]);
    }
  });

  test("of a device that is gone throws, whatever is asked", () => {
    const { handle, timer } = made();
    handle.drop();
    const uses = [
      () => timer.at(1),
      () => timer.at(1n),
      () => timer.after(1),
      () => timer.every(1),
      () => timer.stop(),
      () => timer.pending,
      () => timer.expires,
      () => timer.expiresExact,
    ];
    for (const use of uses) {
      expect(use).toThrow(StaleError);
    }
    expect(calls).toEqual([]);
  });
});

test("clocks are read by QEMU's numbers", () => {
  answers = { script_clock_ns: () => 5, script_clock_ns_exact: () => 6n };
  const clocks = [clock.realtime, clock.virtual, clock.host, clock.virtual_rt];
  expect(clocks.map(({ ns }) => ns)).toEqual([5, 5, 5, 5]);
  expect(clocks.map(({ nsExact }) => nsExact)).toEqual([6n, 6n, 6n, 6n]);
  // QEMUClockType, include/qemu/timer.h.
  expect(calls.map(({ args }) => args[0])).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
});

describe("a declaration", () => {
  class Timed extends SysBusDevice.with({
    type: "timed",
    state: {
      byte: u8,
      one: timer(),
      word: u32,
      turns: timer({ periodic: true, clock: "host", expired: "turn" }),
      last: timer({ clock: "virtual_rt" }),
    },
    regions: { regs: { size: 16 } },
  }) {
    timerExpired() {}
    turn() {}
  }
  const described = JSON.parse(describeClass(Timed as unknown as DeviceClass));

  test("says where each timer is in the state, and its clock", () => {
    expect(described["timers"]).toEqual([
      { clock: 1, offset: 8, periodic: false },
      { clock: 2, offset: 24, periodic: true },
      { clock: 3, offset: 40, periodic: false },
    ]);
  });

  test("has a 64-bit field in the stream for it, two if it is periodic", () => {
    const { fields } = described["state"] as { fields: { name: string; type: string; count: number }[] };
    expect(fields.map(({ name, type, count }) => `${name}: ${type}[${count}]`)).toEqual([
      ...["byte: uint8[0]", "one: uint64[0]", "word: uint32[0]", "turns: uint64[2]", "last: uint64[0]"],
    ]);
  });

  test("of several says where each of them is", () => {
    class Several extends SysBusDevice.with({
      type: "several",
      state: {
        one: timer(),
        three: timer({ clock: "host" }).array(3),
        single: timer().array(1),
        two: timer({ periodic: true }).array(2),
      },
    }) {
      timerExpired() {}
    }
    const { timers, state } = JSON.parse(describeClass(Several as unknown as DeviceClass));
    expect(timers.map((place: { offset: number }) => place.offset)).toEqual([0, 8, 16, 24, 32, 40, 56]);
    expect(state.fields.map(({ count }: { count: number }) => count)).toEqual([0, 3, 1, 4]);
    for (const count of [0, -1, 1.5]) {
      expect(() => timer().array(count)).toThrow(RangeError);
    }
  });

  test("refuses an unknown clock where it is written", () => {
    expect(() => timer({ clock: "wall" as "host" })).toThrow(new DeclarationError("there is no clock wall"));
    expect(() => timer({ clock: "toString" as "host" })).toThrow(DeclarationError);
  });

  test("refuses a register whose field is a timer", async () => {
    const { compile } = await import("../../../host/device/bank.ts");
    const cls = Timed as unknown as DeviceClass;
    expect(() => compile(cls, "regs", { R: { at: 0, field: "one", mode: "ro" } })).toThrow(
      new DeclarationError("timed: register R of regs: field: Timed's one is a timer"),
    );
  });
});

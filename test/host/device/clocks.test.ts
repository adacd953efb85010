import { afterAll, afterEach, describe, expect, mock, test } from "bun:test";
import { type ClockInput, type ClockOutput, StaleError } from "qemu-script";
import { Handle } from "../../../host/device/handle.ts";
import { type Call, fakeLibrary } from "../fake-library.ts";

const calls: Call[] = fakeLibrary({ script_clock_hz: () => 5, script_clock_period: () => 7n });
const { clockInputs, clockOutputs } = await import("../../../host/device/clocks.ts");

afterEach(() => {
  calls.length = 0;
});
afterAll(() => mock.restore());

const POINTER = 0x1000 as never;

function made() {
  const handle = new Handle(POINTER, "clocked");
  const inputs = clockInputs(handle, ["a", { name: "b", changed: "x" }]) as Record<"a" | "b", ClockInput>;
  const { out } = clockOutputs(handle, 2, ["out"]) as { out: ClockOutput };
  return { handle, inputs, out };
}

test("outputs count on from the inputs", () => {
  const { inputs, out } = made();
  expect([inputs.a.hz, inputs.b.period, out.hz]).toEqual([5, 7n, 5]);
  expect(calls.map(({ args }) => args[1])).toEqual([0, 1, 2]);
});

describe("an output", () => {
  test("hands over a period in two halves", () => {
    made().out.setPeriod(0x1234_5678_9abc_def0n);
    expect(calls).toEqual([
      { name: "script_clock_set_period", args: [POINTER, 2, 0x9abc_def0, 0x1234_5678] },
    ]);
  });

  test("refuses what makes no sense", () => {
    const { out } = made();
    for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => out.setHz(value)).toThrow(new RangeError(`a clock of ${value} Hz makes no sense`));
      expect(() => out.setNs(value)).toThrow(new RangeError(`a clock of ${value} ns makes no sense`));
    }
    for (const period of [-1n, 2n ** 64n]) {
      expect(() => out.setPeriod(period)).toThrow(
        new RangeError(`a clock with a period of ${period} makes no sense`),
      );
    }
    for (const factor of [0, -1, 1.5, 2 ** 32]) {
      expect(() => out.scale(factor, 1)).toThrow(new RangeError(`a clock cannot be scaled by ${factor}`));
      expect(() => out.scale(1, factor)).toThrow(RangeError);
    }
    expect(calls).toEqual([]);
  });
});

test("clocks of a device that is gone throw, whatever is asked", () => {
  const { handle, inputs, out } = made();
  handle.drop();
  const uses = [
    () => inputs.a.hz,
    () => inputs.a.ns,
    () => inputs.a.period,
    () => inputs.a.path,
    () => inputs.a.connect("/machine/x"),
    () => out.hz,
    () => out.setHz(1),
    () => out.setNs(1),
    () => out.setPeriod(1n),
    () => out.scale(1, 1),
    () => out.connect("/machine/x"),
  ];
  for (const use of uses) {
    expect(use).toThrow(StaleError);
  }
  expect(calls).toEqual([]);
});

test("a path with a NUL is refused", () => {
  expect(() => made().inputs.a.connect("/machine\0/x")).toThrow(TypeError);
});

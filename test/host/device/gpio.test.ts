import type { Pointer } from "bun:ffi";
import { beforeEach, describe, expect, test } from "bun:test";
import { GpioInput, lines, type OutputLines, StaleError } from "qemu-script";
import { connectTo, inputPort, outputArrays } from "../../../host/device/gpio.ts";
import { Handle } from "../../../host/device/handle.ts";
import { type Call, fakeLibrary } from "../fake-library.ts";

const INSTANCE = 0x1000 as Pointer;
const OBJECT = 0x2000 as Pointer;

let calls: Call[];
let handle: Handle;
let levels: boolean[];
let first: number;
beforeEach(() => {
  levels = [];
  first = 0;
  calls = fakeLibrary({
    script_instance_object: () => OBJECT,
    script_gpio_level: (_: never, __: never, line: number) => (levels[line] ? 1 : 0),
    script_gpio_first: () => first,
  });
  handle = new Handle(INSTANCE, "probe");
});

const outputs = () =>
  outputArrays(handle, { a: lines(3), b: lines(2), wide: lines(33) }) as Record<
    "a" | "b" | "wide",
    OutputLines
  >;

describe("outputs", () => {
  test("are numbered across the arrays", () => {
    const { a, b } = outputs();
    a.set(2, true);
    b.set(0, true);
    b.lower(1);
    expect(calls.map(({ args }) => args)).toEqual([
      [INSTANCE, 2, 1],
      [INSTANCE, 3, 1],
      [INSTANCE, 4, 0],
    ]);
  });

  test("are driven together, a whole array at a time", () => {
    const { b } = outputs();
    b.drive(0xffff_fffe);
    expect(calls).toEqual([{ name: "script_gpio_drive", args: [INSTANCE, 3, 2, 0xffff_fffe] }]);
    expect([b.levels, b.level(0), b.level(1)]).toEqual([2, false, true]);
    b.drive(-1);
    expect(calls.at(-1)!.args.at(-1)).toBe(0xffff_ffff);
  });

  test("can be read back, 32 of them as a number without a sign", () => {
    const { all } = outputArrays(handle, { all: lines(32) }) as Record<"all", OutputLines>;
    all.raise(31);
    expect([all.levels, all.level(31), all.level(30)]).toEqual([0x8000_0000, true, false]);
    all.pulse(31);
    expect(all.levels).toBe(0);
  });

  test("that are more than a number has bits are set one by one", () => {
    const { wide } = outputs();
    wide.raise(32);
    expect(wide.level(32)).toBe(true);
    expect(() => wide.levels).toThrow(new RangeError("33 lines do not fit into a number of 32 bits"));
    expect(() => wide.drive(0)).toThrow(RangeError);
  });

  test.each([-1, 3, 1.5, Number.NaN])("have no line %p", (line) => {
    const { a } = outputs();
    const target = new GpioInput("pins", 0, () => OBJECT);
    for (const use of [
      () => a.set(line, true),
      () => a.raise(line),
      () => a.lower(line),
      () => a.pulse(line),
      () => a.level(line),
      () => a.connect(line, target),
    ]) {
      expect(use).toThrow(RangeError);
    }
    expect(calls).toEqual([]);
  });

  test("are connected with the level that they have, if it is high", () => {
    const { a, b } = outputs();
    b.raise(1);
    calls.length = 0;
    b.connect(1, new GpioInput("pins", 5, () => OBJECT));
    a.connect(0, new GpioInput(undefined, 0, () => OBJECT));
    expect(calls).toEqual([
      { name: "script_gpio_connect", args: [INSTANCE, 4, OBJECT, "pins", 5] },
      { name: "script_gpio_set", args: [INSTANCE, 4, 1] },
      { name: "script_gpio_connect", args: [INSTANCE, 0, OBJECT, null, 0] },
    ]);
  });

  test("cannot be replaced", () => {
    expect(() => Object.assign(outputs(), { a: undefined })).toThrow(TypeError);
    expect(() => Object.assign(outputs().a, { set: undefined })).toThrow(TypeError);
  });
});

test("a name with a NUL is refused before QEMU sees it", () => {
  const target = new GpioInput("a\0b", 0, () => OBJECT);
  expect(() => connectTo(() => 0, INSTANCE, 0, target)).toThrow("NUL");
});

describe("inputs", () => {
  test("have the level that they were told, and what was driven before they were", () => {
    levels = [false, true];
    const port = inputPort(handle, "pins", lines(3), 1);
    expect(port.lines.levels).toBe(0);
    port.look();
    expect(port.lines.levels).toBe(2);
    expect(calls.map(({ args }) => args)).toEqual([
      [INSTANCE, 1, 0],
      [INSTANCE, 1, 1],
      [INSTANCE, 1, 2],
    ]);
    port.take(2, true);
    port.take(1, false);
    expect([0, 1, 2].map((line) => port.lines.level(line))).toEqual([false, false, true]);
  });

  test("are something to connect to, by QEMU's name and number", () => {
    first = 8;
    const named = inputPort(handle, "key", lines(2, { name: "pins" }), 0).lines.input(1);
    const bare = inputPort(handle, "key", lines(2, { anonymous: true }), 0).lines.input(1);
    expect([named.name, named.line, named.object]).toEqual(["pins", 9, OBJECT]);
    expect([bare.name, bare.line]).toEqual([undefined, 9]);
  });
});

test("lines of a device that is gone cannot be used", () => {
  const { a } = outputs();
  const { lines: pins } = inputPort(handle, "pins", lines(2), 0);
  const input = pins.input(0);
  handle.drop();
  calls.length = 0;
  for (const use of [
    () => a.set(0, true),
    () => a.pulse(0),
    () => a.drive(0),
    () => a.level(0),
    () => a.levels,
    () => a.connect(0, input),
    () => pins.level(0),
    () => pins.levels,
    () => pins.input(0),
    () => input.object,
  ]) {
    expect(use).toThrow(new StaleError("probe is gone and cannot be used any more"));
  }
  expect(calls).toEqual([]);
});

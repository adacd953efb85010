import type { Pointer } from "bun:ffi";
import { beforeEach, describe, expect, test } from "bun:test";
import { GpioInput, StaleError } from "qemu-script";
import { Handle } from "../../../host/device/handle.ts";
import { irqLines } from "../../../host/device/irq.ts";
import { IRQ, SHARED } from "../../../host/native/abi.ts";
import { words } from "../../../host/native/library.ts";
import { type Call, fakeLibrary } from "../fake-library.ts";

const INSTANCE = 0x1000 as Pointer;
const OBJECT = 0x2000 as Pointer;

let calls: Call[];
beforeEach(() => {
  calls = fakeLibrary();
});
const handle = new Handle(INSTANCE, "probe");
const ID = 7;
const lines = (of = handle) => irqLines(of, ID, ["first", "second"]);
const set = (line: number, level: number): Call => ({
  name: "script_irq_set",
  args: [INSTANCE, line, level],
});

test("a line is set, raised and lowered by its place in the declaration", () => {
  const { first, second } = lines();
  first.raise();
  second.raise();
  first.lower();
  second.set(false);
  second.set(true);
  expect(calls).toEqual([set(0, 1), set(1, 1), set(0, 0), set(1, 0), set(1, 1)]);
});

test("a pulse is up and down", () => {
  lines().second.pulse();
  expect(calls).toEqual([set(1, 1), set(1, 0)]);
});

test("all lines are driven at once", () => {
  lines().drive(2);
  lines().drive(-1);
  expect(calls).toEqual([
    { name: "script_irq_drive", args: [INSTANCE, 2, 0xffffffff] },
    { name: "script_irq_drive", args: [INSTANCE, 0xffffffff, 0xffffffff] },
  ]);
});

const carrying = (of = handle) =>
  irqLines(of, ID, [{ name: "any", bits: 0x7ff }, "own", { name: "top", bits: 0x80000000 }]);

test("lines follow the bits that they carry, and leave the others alone", () => {
  const { any, own, top, follow } = carrying();
  own.raise();
  calls.length = 0;
  const levels = (status: number) => {
    follow(status);
    return [any.level, own.level, top.level];
  };
  expect(levels(0x400)).toEqual([true, true, false]);
  expect(levels(0x80000000)).toEqual([false, true, true]);
  expect(levels(-1)).toEqual([true, true, true]);
  expect(levels(0x800)).toEqual([false, true, false]);
  const drives = [0b001, 0b100, 0b101, 0].map(
    (bits): Call => ({
      name: "script_irq_drive",
      args: [INSTANCE, bits, 0b101],
    }),
  );
  expect(calls).toEqual(drives);
});

describe("while an access waits", () => {
  const left = () => [SHARED.irqOwner, SHARED.irqLevels, SHARED.irqMask].map((place) => words[place]!);
  const waits = () => {
    words[SHARED.irqOwner] = IRQ.NONE;
  };

  test.each([
    ["a line that is raised", () => lines().second.raise(), [2, 2]],
    ["a line that is lowered", () => lines().second.lower(), [0, 2]],
    ["all lines", () => lines().drive(1), [1, 0xffffffff]],
    ["lines that follow", () => carrying().follow(0x80000001), [0b101, 0b101]],
  ] as const)("%s is left to C, which has it in the end", (_, use, [levels, mask]) => {
    waits();
    use();
    expect(calls).toEqual([]);
    expect(left()).toEqual([IRQ.OF + ID, levels, mask]);
  });

  test("what comes after it is a call, which does what was left first", () => {
    waits();
    const { first, second } = lines();
    first.raise();
    second.raise();
    expect(calls).toEqual([set(1, 1)]);
    expect(left()).toEqual([IRQ.OF + ID, 1, 1]);
  });
});

test("the level that a line was given last can be read", () => {
  const { first, second, drive } = lines();
  expect([first.level, second.level]).toEqual([false, false]);
  second.raise();
  expect([first.level, second.level]).toEqual([false, true]);
  drive(1);
  expect([first.level, second.level]).toEqual([true, false]);
  first.pulse();
  expect(first.level).toBe(false);
});

test("a line that is connected tells its level if it is high", () => {
  const { first, second } = lines();
  const target = new GpioInput(undefined, 3, () => OBJECT);
  second.raise();
  calls.length = 0;
  first.connect(target);
  second.connect(target);
  expect(calls).toEqual([
    { name: "script_irq_connect", args: [INSTANCE, 0, OBJECT, null, 3] },
    { name: "script_irq_connect", args: [INSTANCE, 1, OBJECT, null, 3] },
    set(1, 1),
  ]);
});

test("lines can be handed on without their object", () => {
  const { drive, first } = lines();
  const { raise } = first;
  drive(1);
  raise();
  expect(calls.length).toBe(2);
});

test("lines cannot be replaced", () => {
  expect(() => Object.assign(lines(), { first: undefined })).toThrow(TypeError);
});

test("lines of a device that is gone cannot be used", () => {
  const gone = new Handle(INSTANCE, "probe");
  const { first, drive } = lines(gone);
  gone.drop();
  for (const use of [
    first.raise,
    first.lower,
    first.pulse,
    () => first.set(true),
    () => drive(0),
    () => first.level,
  ]) {
    expect(use).toThrow(new StaleError("probe is gone and cannot be used any more"));
  }
  expect(calls).toEqual([]);
});

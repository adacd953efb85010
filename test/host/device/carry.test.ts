import { describe, expect, test } from "bun:test";
import {
  bool,
  clockState,
  type Device,
  type DeviceClass,
  type DeviceSpec,
  type Field,
  i8,
  i16,
  i32,
  i64,
  SysBusDevice,
  since,
  struct,
  subsection,
  timer,
  u8,
  u16,
  u32,
  u64,
  unused,
} from "qemu-script";
import { carry, snapshot } from "../../../host/device/carry.ts";
import { initialState, type Layout, layOut, VIEWS, type Views, viewsOf } from "../../../host/device/state.ts";
import { NOT_PENDING } from "../../../host/device/timer.ts";
import { makeDevice } from "./instance.ts";

const viewsIn = (device: object) => (device as { [VIEWS]: Views })[VIEWS];

type State = Readonly<Record<string, Field>>;
type Values = Record<string, unknown>;

/** A device with these fields, which hold these values; the others hold their initial ones. */
function device(state: State, values: Values = {}) {
  const cls = Reflect.apply(SysBusDevice.with, SysBusDevice, [{ type: "carried", state }]) as DeviceClass;
  const made = makeDevice(cls as DeviceClass<DeviceSpec, Device>) as unknown as Values & object;
  put(made, values);
  return { layout: cls.layout, views: viewsIn(made), made };
}

function put(target: Values, values: Values): void {
  for (const [name, value] of Object.entries(values)) {
    const part = target[name];
    if (ArrayBuffer.isView(part)) {
      (part as Uint8Array).set(value as number[]);
    } else if (Array.isArray(part)) {
      (value as Values[]).forEach((each, index) => {
        put(part[index] as Values, each);
      });
    } else if (part instanceof Object) {
      put(part as Values, value as Values);
    } else {
      target[name] = value;
    }
  }
}

/** What fields hold under new code, some of which held values under the old. */
function carried(from: State, values: Values, to: State): Values {
  const [old, now] = [device(from, values), device(to)];
  carry(old.layout, old.views, now.layout, now.views);
  return snapshot(now.layout, now.views) as Values;
}

/** What one field holds. */
const one = (from: Field, value: unknown, to: Field) =>
  carried({ field: from }, { field: value }, { before: u8, field: to })["field"];

describe("a field of the same name and kind keeps what it holds", () => {
  test.each<[string, Field, unknown]>([
    ["bool", bool(false), true],
    ["u8", u8(1), 0xff],
    ["u16", u16(1), 0xffff],
    ["u32", u32(1), 0xffff_ffff],
    ["u64", u64(1n), 2n ** 64n - 1n],
    ["i8", i8(1), -128],
    ["i16", i16(1), -32768],
    ["i32", i32(1), -(2 ** 31)],
    ["i64", i64(1n), -(2n ** 63n)],
    ["u16.array", u16.array(3), [1, 0xffff, 3]],
    ["i64.array", i64.array(2), [-1n, 2n ** 63n - 1n]],
    ["bool.array", bool.array(3), [true, false, true]],
  ])("%s", (_, field, value) => {
    expect(one(field, value, field)).toEqual(value);
  });

  test("with another reset value, and as of another version", () => {
    expect(one(u32(1), 77, u32(2))).toBe(77);
    expect(one(u32(1), 77, u32)).toBe(77);
    expect(one(u32(1), 77, since(2, u32(5)))).toBe(77);
  });

  test("wherever it lies", () => {
    const values = { a: 1, b: 2, c: 3n, d: 4 };
    expect(carried({ a: u8, b: u32, c: u64, d: u16 }, values, { d: u16, c: u64, b: u32, a: u8 })).toEqual(
      values,
    );
  });
});

describe("an integer goes over into one that holds all of its values", () => {
  test.each<[string, Field, unknown, Field, unknown]>([
    ["u8 to u16", u8, 0xff, u16, 0xff],
    ["u8 to u64", u8, 0xff, u64, 0xffn],
    ["u32 to u64", u32, 0xffff_ffff, u64, 0xffff_ffffn],
    ["i8 to i16", i8, -1, i16, -1],
    ["i8 to i64", i8, -128, i64, -128n],
    ["i32 to i64", i32, -(2 ** 31), i64, -(2n ** 31n)],
    ["u8 to i16", u8, 0xff, i16, 0xff],
    ["u32 to i64", u32, 0xffff_ffff, i64, 0xffff_ffffn],
    ["u8.array to u32.array", u8.array(2), [1, 0xff], u32.array(2), [1, 0xff]],
    ["i16.array to i64.array", i16.array(2), [-1, 5], i64.array(2), [-1n, 5n]],
  ])("%s", (_, from, value, to, wanted) => {
    expect(one(from, value, to)).toEqual(wanted);
  });

  test.each<[string, Field, unknown, Field, unknown]>([
    ["u16 to u8", u16, 7, u8(3), 3],
    ["u64 to u32", u64, 7n, u32(3), 3],
    ["i16 to i8", i16, 7, i8(3), 3],
    ["u8 to i8", u8, 7, i8(3), 3],
    ["u32 to i32", u32, 7, i32(3), 3],
    ["u64 to i64", u64, 7n, i64(3n), 3n],
    ["i8 to u8", i8, 7, u8(3), 3],
    ["i8 to u64", i8, 7, u64(3n), 3n],
    ["bool to u8", bool, true, u8(3), 3],
    ["u8 to bool", u8, 1, bool(false), false],
    ["u32 to an array", u32, 7, u32.array(2, { reset: 3 }), [3, 3]],
    ["an array to u32", u32.array(2), [7, 8], u32(3), 3],
    ["u32 to a struct", u32, 7, struct({ a: u32(3) }), { a: 3 }],
    ["a struct to u32", struct({ a: u32 }), { a: 7 }, u32(3), 3],
    ["a struct to an array of them", struct({ a: u8 }), { a: 7 }, struct({ a: u8(3) }).array(1), [{ a: 3 }]],
    ["an array of structs to one", struct({ a: u8 }).array(1), [{ a: 7 }], struct({ a: u8(3) }), { a: 3 }],
  ])("and not %s: the new field has its reset value", (_, from, value, to, wanted) => {
    expect(one(from, value, to)).toEqual(wanted);
  });
});

describe("an array", () => {
  test("that gets longer has reset values behind what it held", () => {
    expect(one(u8.array(2), [1, 2], u16.array(4, { reset: [9, 9, 8, 7] }))).toEqual([1, 2, 8, 7]);
    expect(one(u64.array(1), [1n], u64.array(3))).toEqual([1n, 0n, 0n]);
  });

  test("that gets shorter loses its end", () => {
    expect(one(i32.array(4), [-1, -2, -3, -4], i32.array(2))).toEqual([-1, -2]);
  });

  test("does not run into what lies behind it", () => {
    const values = { list: [1, 2, 3, 4], next: 5 };
    expect(
      carried({ list: u8.array(4), next: u8 }, values, { list: u8.array(2), next: u8, last: u8(6) }),
    ).toEqual({ list: [1, 2], next: 5, last: 6 });
  });
});

describe("a struct", () => {
  test("keeps fields by name, as the state itself does", () => {
    const from = struct({ a: u8, gone: u32, b: u16, inner: struct({ x: i8, y: u64 }) });
    const to = struct({ inner: struct({ y: u64, x: i32, z: u8(4) }), b: u32, fresh: u16(3), a: bool(true) });
    const value = { a: 1, gone: 2, b: 3, inner: { x: -4, y: 5n } };
    expect(one(from, value, to)).toEqual({ inner: { y: 5n, x: -4, z: 4 }, b: 3, fresh: 3, a: true });
  });

  test("in an array goes over element by element, as far as both have them", () => {
    const from = struct({ count: u8, pairs: struct({ a: u8, b: u32 }).array(2) }).array(2);
    const to = struct({ on: bool(true), pairs: struct({ b: u64, a: u8 }).array(3), count: u16(9) }).array(3);
    const value = [0, 1].map((i) => ({
      count: 10 + i,
      pairs: [
        { a: 20 + i, b: 30 + i },
        { a: 40 + i, b: 50 + i },
      ],
    }));
    const none = { b: 0n, a: 0 };
    const element = (i: number) => ({
      on: true,
      pairs: [{ b: BigInt(30 + i), a: 20 + i }, { b: BigInt(50 + i), a: 40 + i }, none],
      count: 10 + i,
    });
    expect(one(from, value, to)).toEqual([
      element(0),
      element(1),
      { on: true, pairs: [none, none, none], count: 9 },
    ]);
    expect(one(to, [element(0), element(1)], struct({ count: u32 }).array(1))).toEqual([{ count: 10 }]);
  });

  test("may become a subsection, and the other way", () => {
    const fields = { a: u8, b: u32(1) };
    const sub = subsection({ state: fields });
    expect(one(struct(fields), { a: 2, b: 3 }, sub)).toEqual({ a: 2, b: 3 });
    expect(one(sub, { a: 2, b: 3 }, struct(fields))).toEqual({ a: 2, b: 3 });
  });
});

test("unused space and clocks hold nothing", () => {
  const state = { gap: unused(4), clk: clockState("clk"), a: u8 };
  expect(carried(state, { a: 5 }, { ...state, b: u8(1) })).toEqual({ a: 5, b: 1 });
  // What was unused is a field now.
  expect(one(unused(4), undefined, u32(3))).toBe(3);
});

describe("timers", () => {
  /** Words of 64 bits in a block: when it expires, and its period if it has one. */
  const words = ({ slots }: Layout, { uint64 }: Views, name: string) => {
    const { field, offset } = slots.find((slot) => slot.name === name)!;
    return uint64.subarray(offset / 8, offset / 8 + Math.max(field.count, 1));
  };

  /** What a timer of the new code is set to; the old one's words are 100, 101, ... */
  function set(from: Field, to: Field): bigint[] {
    const [before, after] = [layOut({ t: from }), layOut({ a: u8, t: to })];
    const old = viewsOf(initialState(before).buffer as ArrayBuffer, before);
    const now = viewsOf(initialState(after).buffer as ArrayBuffer, after);
    words(before, old, "t").forEach((_, i, all) => {
      all[i] = BigInt(100 + i);
    });
    carry(before, old, after, now);
    return [...words(after, now, "t")];
  }

  test("of the same clock go on", () => {
    expect(set(timer(), timer({ clock: "virtual", expired: "other" }))).toEqual([100n]);
    expect(set(timer({ periodic: true }), timer({ periodic: true }))).toEqual([100n, 101n]);
    expect(set(timer({ clock: "host" }), timer({ clock: "host" }))).toEqual([100n]);
  });

  test("of an array go on as far as both have them, each with its period", () => {
    expect(set(timer().array(2), timer().array(3))).toEqual([100n, 101n, NOT_PENDING]);
    const periodic = timer({ periodic: true });
    expect(set(periodic.array(3), periodic.array(2))).toEqual([100n, 101n, 102n, 103n]);
    expect(set(periodic.array(1), periodic.array(2))).toEqual([100n, 101n, NOT_PENDING, 0n]);
  });

  test.each<[string, Field, Field, bigint[]]>([
    ["another clock", timer(), timer({ clock: "realtime" }), [NOT_PENDING]],
    ["a period", timer(), timer({ periodic: true }), [NOT_PENDING, 0n]],
    ["no period", timer({ periodic: true }), timer(), [NOT_PENDING]],
    ["others beside it", timer(), timer().array(1), [NOT_PENDING]],
    ["no timer", timer(), u64(3n), [3n]],
    ["no number", u64, timer(), [NOT_PENDING]],
  ])("with %s are others, and not pending", (_, from, to, wanted) => {
    expect(set(from, to)).toEqual(wanted);
  });
});

describe("the old state, as migrate() sees it", () => {
  const { layout, views, made } = device(
    {
      n: u32(7),
      big: i64(-1n),
      on: bool(true),
      flags: bool.array(2),
      list: u16.array(2, { reset: [1, 2] }),
      one: struct({ a: u8(3), gap: unused(1), deep: struct({ b: u64(4n) }).array(1) }),
      extra: subsection({ state: { x: u8(5) } }),
      gap: unused(2),
      alarm: timer(),
      clk: clockState("clk"),
    },
    { flags: [true, false] },
  );
  const old = snapshot(layout, views);

  test("has values by the names of the fields, without timers and what holds nothing", () => {
    expect(old).toEqual({
      n: 7,
      big: -1n,
      on: true,
      flags: [true, false],
      list: [1, 2],
      one: { a: 3, deep: [{ b: 4n }] },
      extra: { x: 5 },
    });
  });

  test("does not change any more", () => {
    put(made, { n: 8, list: [9, 9], one: { a: 9 } });
    expect(old).toMatchObject({ n: 7, list: [1, 2], one: { a: 3 } });
    for (const part of [old, old["list"], old["one"], (old["one"] as Values)["deep"]]) {
      expect(Object.isFrozen(part)).toBeTrue();
    }
  });
});

import { describe, expect, test } from "bun:test";
import {
  bool,
  type Field,
  i8,
  i16,
  i32,
  i64,
  StaleError,
  SysBusDevice,
  u8,
  u16,
  u32,
  u64,
  unused,
} from "qemu-script";
import { initialState, layOut, resetFields, staleViews, VIEWS, viewsOf } from "../../../host/device/state.ts";
import { blockOf, makeDevice } from "./instance.ts";

const offsets = (state: Record<string, Field>) =>
  Object.fromEntries(layOut(state).slots.map(({ name, offset }) => [name, offset]));

describe("the layout", () => {
  test("is in the order of the declaration", () => {
    const { slots } = layOut({ z: u8, a: u32, m: u16 });
    expect(slots.map(({ name }) => name)).toEqual(["z", "a", "m"]);
  });

  test("aligns each field to its size", () => {
    expect(offsets({ a: u8, b: u16, c: u8, d: u32, e: bool, f: u64, g: i8, h: i16 })).toEqual({
      a: 0,
      b: 2,
      c: 4,
      d: 8,
      e: 12,
      f: 16,
      g: 24,
      h: 26,
    });
  });

  test("aligns an array to the size of an element and packs its elements", () => {
    expect(offsets({ a: u8, b: u16.array(3), c: u8.array(5), d: u32.array(2), e: u8 })).toEqual({
      a: 0,
      b: 2,
      c: 8,
      d: 16,
      e: 24,
    });
  });

  test("gives unused space no memory", () => {
    expect(offsets({ a: u32, gap: unused(100), b: u32 })).toMatchObject({ a: 0, b: 4 });
    expect(layOut({ gap: unused(100) }).size).toBe(8);
  });

  test.each<[string, Record<string, Field>, number]>([
    ["nothing", {}, 8],
    ["a byte", { a: u8 }, 8],
    ["eight bytes", { a: u64 }, 8],
    ["nine bytes", { a: u64, b: u8 }, 16],
    ["an array of 17 bytes", { a: u8.array(17) }, 24],
  ])("of %s has a multiple of 8 bytes", (_, state, size) => {
    expect(layOut(state).size).toBe(size);
  });
});

class Every extends SysBusDevice.with({
  type: "every",
  state: {
    flag: bool(true),
    b: u8(0x12),
    h: u16(0x3456),
    w: u32(0x89abcdef),
    x: u64(0xfedcba98_76543210n),
    sb: i8(-2),
    sh: i16(-3),
    sw: i32(-4),
    sx: i64(-5n),
    gap: unused(3),
    plain: u32,
    bytes: u8.array(3),
    words: u32.array(4),
    flags: bool.array(2),
    longs: i64.array(2),
  },
}) {}

describe("the initial state", () => {
  const block = initialState(Every.layout);
  const view = new DataView(block.buffer);
  const at = (name: string) => Every.layout.slots.find((slot) => slot.name === name)!.offset;

  test("is as large as the layout says", () => {
    expect(block.byteLength).toBe(Every.layout.size);
  });

  test("holds the reset values, little-endian as C reads them on the host", () => {
    expect(view.getUint8(at("flag"))).toBe(1);
    expect(view.getUint8(at("b"))).toBe(0x12);
    expect(view.getUint16(at("h"), true)).toBe(0x3456);
    expect(view.getUint32(at("w"), true)).toBe(0x89abcdef);
    expect(view.getBigUint64(at("x"), true)).toBe(0xfedcba98_76543210n);
    expect(view.getInt8(at("sb"))).toBe(-2);
    expect(view.getInt16(at("sh"), true)).toBe(-3);
    expect(view.getInt32(at("sw"), true)).toBe(-4);
    expect(view.getBigInt64(at("sx"), true)).toBe(-5n);
  });

  test("holds 0 where there is no reset value", () => {
    expect(view.getUint32(at("plain"), true)).toBe(0);
    expect(block.subarray(at("bytes"), at("bytes") + 3)).toEqual(new Uint8Array(3));
    expect(block.subarray(at("longs"), at("longs") + 16)).toEqual(new Uint8Array(16));
  });
});

describe("accessors", () => {
  test("read what is in the memory, and write to it", () => {
    const block = blockOf(Every.layout);
    const device = makeDevice(Every, { block });
    expect(device).toMatchObject({
      flag: true,
      b: 0x12,
      h: 0x3456,
      w: 0x89abcdef,
      x: 0xfedcba98_76543210n,
      sb: -2,
      sh: -3,
      sw: -4,
      sx: -5n,
      plain: 0,
    });
    device.w = 0x01020304;
    const { offset } = Every.layout.slots.find(({ name }) => name === "w")!;
    expect([...new Uint8Array(block, offset, 4)]).toEqual([4, 3, 2, 1]);
    new DataView(block).setUint32(offset, 5, true);
    expect(device.w).toBe(5);
  });

  test("wrap numbers as registers do", () => {
    const device = makeDevice(Every);
    device.b = 0x1ff;
    device.h = -1;
    device.w = ~0x4;
    device.sb = 0x80;
    device.sw = 0xffffffff;
    device.x = -1n;
    device.sx = 0xffffffff_ffffffffn;
    expect([device.b, device.h, device.w, device.sb, device.sw]).toEqual([
      0xff, 0xffff, 0xfffffffb, -128, -1,
    ]);
    expect([device.x, device.sx]).toEqual([0xffffffff_ffffffffn, -1n]);
  });

  test("give a bool as a boolean, stored as 0 or 1 as C does", () => {
    const block = blockOf(Every.layout);
    const device = makeDevice(Every, { block });
    device.flag = false;
    expect(device.flag).toBe(false);
    expect(new Uint8Array(block)[0]).toBe(0);
    device.flag = true;
    expect(new Uint8Array(block)[0]).toBe(1);
    new Uint8Array(block)[0] = 2;
    expect(device.flag).toBe(true);
  });

  test("give an array as a typed array over the state, always the same", () => {
    const block = blockOf(Every.layout);
    const device = makeDevice(Every, { block });
    expect(device.words).toBeInstanceOf(Uint32Array);
    expect(device.words.length).toBe(4);
    expect(device.bytes.length).toBe(3);
    expect(device.flags).toBeInstanceOf(Uint8Array);
    expect(device.longs).toBeInstanceOf(BigInt64Array);
    expect(device.words).toBe(device.words);
    device.words[3] = 0x55aa;
    expect(new Uint32Array(block, device.words.byteOffset, 4)[3]).toBe(0x55aa);
  });

  test("do not let an array be replaced", () => {
    const device = makeDevice(Every);
    expect(() => Object.assign(device, { words: new Uint32Array(4) })).toThrow(TypeError);
  });

  test("do not exist for unused space", () => {
    expect("gap" in makeDevice(Every)).toBe(false);
  });

  test("of two instances do not meet", () => {
    const [one, other] = [makeDevice(Every), makeDevice(Every)];
    one.plain = 1;
    one.words[0] = 1;
    expect([other.plain, other.words[0]]).toEqual([0, 0]);
  });

  test("are inherited", () => {
    class Child extends Every {
      bump() {
        return ++this.plain;
      }
    }
    const child = makeDevice(Child);
    child.bump();
    expect(child.plain).toBe(1);
  });
});

test("a reset gives their values to the fields that declare one, and leaves the others alone", () => {
  const device = makeDevice(Every);
  const all = () => [device.flag, device.b, device.h, device.w, device.x, device.sb, device.sw, device.sx];
  const fresh = all();
  Object.assign(device, { flag: false, b: 1, h: 1, w: 1, x: 1n, sb: 1, sw: 1, sx: 1n, plain: 9 });
  device.words.fill(8);
  resetFields((device as unknown as { [VIEWS]: ReturnType<typeof viewsOf> })[VIEWS], Every.layout);
  expect(all()).toEqual(fresh);
  expect(device.plain).toBe(9);
  expect([...device.words]).toEqual([8, 8, 8, 8]);
});

describe("a device that is gone", () => {
  const gone = () => {
    const device = makeDevice(Every);
    Object.assign(device, { [VIEWS]: staleViews("every") });
    return device;
  };

  test.each(["flag", "w", "x", "sb", "words", "flags"] as const)("refuses to read %s", (name) => {
    const device = gone();
    expect(() => device[name]).toThrow(StaleError);
    expect(() => device[name]).toThrow("every is gone: its state cannot be used any more");
  });

  test("refuses to write", () => {
    const device = gone();
    for (const change of [{ w: 1 }, { flag: true }, { x: 1n }]) {
      expect(() => Object.assign(device, change)).toThrow(StaleError);
    }
  });
});

test("views of a block cover it from its start, with one array for each array field", () => {
  const block = new ArrayBuffer(Every.layout.size);
  const views = viewsOf(block, Every.layout);
  for (const kind of ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"] as const) {
    expect([views[kind].byteOffset, views[kind].byteLength]).toEqual([0, block.byteLength]);
  }
  expect(Object.keys(views.parts)).toEqual(["bytes", "words", "flags", "longs"]);
});

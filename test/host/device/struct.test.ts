import { describe, expect, test } from "bun:test";
import {
  bool,
  i16,
  StaleError,
  SysBusDevice,
  since,
  struct,
  subsection,
  u8,
  u16,
  u32,
  u64,
  unused,
} from "qemu-script";
import {
  dropStructs,
  hasResets,
  layOut,
  resetFields,
  VIEWS,
  type Views,
} from "../../../host/device/state.ts";
import { blockOf, makeDevice } from "./instance.ts";

class Nested extends SysBusDevice.with({
  type: "nested",
  state: {
    first: u8,
    fifo: struct({
      head: u8(3),
      gap: unused(7),
      bytes: u8.array(3),
      inner: struct({ wide: u64(9n), on: bool(true), low: i16.array(2, { reset: [-1, 5] }) }),
    }),
    channels: struct({ count: u16, pair: struct({ a: u8(1), b: u32 }).array(2) }).array(3),
    extra: subsection({ state: { last: u32(0x55) } }),
    late: since(1, u8),
  },
}) {}

const viewsIn = (device: object) => (device as { [VIEWS]: Views })[VIEWS];

describe("the layout of structs", () => {
  test("aligns a struct to its largest field, and packs those of an array", () => {
    const { slots, size } = layOut({
      a: u8,
      s: struct({ x: u8, y: u16, z: u8 }).array(2),
      b: u8,
      t: struct({ w: u64 }),
    });
    expect(slots.map(({ offset }) => offset)).toEqual([0, 2, 14, 16]);
    expect(slots[1]!.layout!.size).toBe(6);
    expect(size).toBe(24);
  });

  test("counts from the struct's start for the fields in it", () => {
    const [slot] = layOut({ s: struct({ x: u8, t: struct({ y: u32, z: u8 }) }) }).slots;
    expect(slot!.layout!.slots.map(({ offset }) => offset)).toEqual([0, 4]);
    expect(slot!.layout!.size).toBe(12);
  });
});

describe("accessors of structs", () => {
  test("read and write the memory at their place", () => {
    const block = blockOf(Nested.layout);
    const device = makeDevice(Nested, { block });
    device.first = 0xee;
    device.fifo.head = 0x11;
    device.fifo.bytes[2] = 0x22;
    device.fifo.inner.wide = 0x0102030405060708n;
    device.fifo.inner.low[1] = -2;
    device.channels[2]!.count = 0x3344;
    device.channels[2]!.pair[1]!.b = 0x55667788;
    device.extra.last = 0x99;
    const at = (name: string) => Nested.layout.slots.find((slot) => slot.name === name)!.offset;
    const view = new DataView(block);
    const fifo = at("fifo");
    expect(view.getUint8(fifo)).toBe(0x11);
    expect(view.getUint8(fifo + 3)).toBe(0x22);
    expect(view.getBigUint64(fifo + 8, true)).toBe(0x0102030405060708n);
    expect(view.getInt16(fifo + 8 + 12, true)).toBe(-2);
    // A channel has 2 bytes of count, aligned to 4, and two pairs of 8 bytes.
    const channel = at("channels") + 2 * 20;
    expect(view.getUint16(channel, true)).toBe(0x3344);
    expect(view.getUint32(channel + 4 + 8 + 4, true)).toBe(0x55667788);
    expect(view.getUint32(at("extra"), true)).toBe(0x99);
    view.setUint8(fifo, 0x77);
    expect(device.fifo.head).toBe(0x77);
  });

  test("are made once: a struct, an array of them, and an array in one are always the same", () => {
    const device = makeDevice(Nested);
    expect(device.fifo).toBe(device.fifo);
    expect(device.fifo.inner).toBe(device.fifo.inner);
    expect(device.fifo.bytes).toBe(device.fifo.bytes);
    expect(device.channels).toBe(device.channels);
    expect(device.channels[1]!.pair[0]).toBe(device.channels[1]!.pair[0]!);
  });

  test("of two elements, and of two devices, do not meet", () => {
    const [one, other] = [makeDevice(Nested), makeDevice(Nested)];
    one.channels[0]!.count = 1;
    one.channels[0]!.pair[0]!.b = 1;
    expect([one.channels[1]!.count, other.channels[0]!.count, one.channels[0]!.pair[1]!.b]).toEqual([
      0, 0, 0,
    ]);
  });

  test("cannot be replaced, nor the elements of an array", () => {
    const device = makeDevice(Nested);
    expect(() => Object.assign(device, { fifo: {} })).toThrow(TypeError);
    expect(() => Object.assign(device.fifo, { inner: {} })).toThrow(TypeError);
    expect(() => Object.assign(device.channels, [{}])).toThrow(TypeError);
    expect(device.channels).toHaveLength(3);
  });

  test("do not exist for unused space", () => {
    expect("gap" in makeDevice(Nested).fifo).toBe(false);
  });

  test("wrap numbers and keep booleans as those of a device do", () => {
    const { fifo } = makeDevice(Nested);
    fifo.head = 0x1ff;
    fifo.inner.on = false;
    expect([fifo.head, fifo.inner.on]).toEqual([0xff, false]);
  });
});

describe("a reset", () => {
  test("gives fields in structs and arrays their values, and leaves the others alone", () => {
    const device = makeDevice(Nested);
    const all = () => [
      device.fifo.head,
      [...device.fifo.bytes],
      device.fifo.inner.wide,
      device.fifo.inner.on,
      [...device.fifo.inner.low],
      device.channels.map(({ count, pair }) => [count, pair.map(({ a, b }) => [a, b])]),
      device.extra.last,
    ];
    const pairs = [
      [1, 0],
      [1, 0],
    ];
    expect(all()).toEqual([3, [0, 0, 0], 9n, true, [-1, 5], new Array(3).fill([0, pairs]), 0x55]);
    device.fifo.head = 8;
    device.fifo.bytes.fill(8);
    device.fifo.inner.wide = 8n;
    device.fifo.inner.on = false;
    device.fifo.inner.low.fill(8);
    for (const channel of device.channels) {
      channel.count = 8;
      Object.assign(channel.pair[1]!, { a: 8, b: 8 });
    }
    device.extra.last = 8;
    resetFields(viewsIn(device), Nested.layout);
    const kept = [
      [1, 0],
      [1, 8],
    ];
    expect(all()).toEqual([3, [8, 8, 8], 9n, true, [-1, 5], new Array(3).fill([8, kept]), 0x55]);
  });

  test("is needed for a value anywhere in a struct", () => {
    expect(hasResets(Nested.layout)).toBe(true);
    expect(hasResets(layOut({ s: struct({ t: struct({ x: u8(0) }).array(2) }) }))).toBe(true);
    expect(hasResets(layOut({ s: struct({ t: struct({ x: u8 }).array(2) }), a: u8.array(2) }))).toBe(false);
  });
});

test("structs that a script kept refuse when the device is gone", () => {
  const device = makeDevice(Nested);
  const { fifo, channels } = device;
  const { inner } = fifo;
  const pair = channels[1]!.pair[1]!;
  dropStructs(viewsIn(device), "nested");
  for (const use of [
    () => fifo.head,
    () => fifo.bytes,
    () => fifo.inner,
    () => inner.wide,
    () => pair.b,
    () => channels[0]!.count,
    () => device.extra.last,
    () => Object.assign(pair, { b: 1 }),
    () => Object.assign(inner, { on: true }),
  ]) {
    expect(use).toThrow(StaleError);
    expect(use).toThrow("nested is gone: its state cannot be used any more");
  }
});

describe("declaring", () => {
  test.each([0, -1, 1.5])("an array of %p structs is refused", (count) => {
    expect(() => struct({ a: u8 }).array(count)).toThrow(`an array of ${count} elements cannot be declared`);
  });

  test.each([0, -1, 1.5, 2 ** 31])("since(%p) is refused", (version) => {
    expect(() => since(version, u8)).toThrow(`since(${version}) is no version`);
  });

  test("an array's reset values must be as many as its elements, and fit", () => {
    expect(u8.array(2, { reset: 7 }).reset).toEqual([7, 7]);
    expect(u8.array(2, { reset: [7, 8] }).reset).toEqual([7, 8]);
    expect(u8.array(2).reset).toBeUndefined();
    expect(() => u8.array(2, { reset: [1] })).toThrow("1 reset values for an array of 2 elements");
    expect(() => u8.array(2, { reset: [1, 256] })).toThrow("256 is no uint8");
    expect(() => u8.array(2, { reset: -1 })).toThrow("-1 is no uint8");
  });
});

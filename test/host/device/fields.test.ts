import { describe, expect, test } from "bun:test";
import {
  bool,
  chardev,
  DeclarationError,
  type Field,
  i8,
  i16,
  i32,
  i64,
  size,
  string,
  u8,
  u16,
  u32,
  u64,
  unused,
} from "qemu-script";

const plain = ({ is, kind, bytes, count, reset }: Field) => ({ is, kind, bytes, count, reset });

const SCALARS = [
  ["bool", bool, 1],
  ["uint8", u8, 1],
  ["uint16", u16, 2],
  ["uint32", u32, 4],
  ["uint64", u64, 8],
  ["int8", i8, 1],
  ["int16", i16, 2],
  ["int32", i32, 4],
  ["int64", i64, 8],
] as const;

describe.each(SCALARS)("a field of type %s", (kind, word, bytes) => {
  test("by name: a reset leaves it alone", () => {
    expect(plain(word)).toEqual({ is: "field", kind, bytes, count: 0, reset: undefined });
  });

  test("as an array: a reset leaves it alone", () => {
    expect(plain(word.array(3))).toEqual({ is: "field", kind, bytes, count: 3, reset: undefined });
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("not as an array of %p", (count) => {
    expect(() => word.array(count)).toThrow(`an array of ${count} elements cannot be declared`);
  });
});

test.each([
  ["bool", bool(true), true],
  ["uint8", u8(0xff), 0xff],
  ["uint16", u16(0xffff), 0xffff],
  ["uint32", u32(0xffffffff), 0xffffffff],
  ["uint64", u64(0xffffffff_ffffffffn), 0xffffffff_ffffffffn],
  ["int8", i8(-128), -128],
  ["int16", i16(-32768), -32768],
  ["int32", i32(-1), -1],
  ["int64", i64(-1n), -1n],
] as const)("a field of type %s with a reset value", (kind, field, reset) => {
  expect(plain(field)).toMatchObject({ is: "field", kind, count: 0, reset });
});

describe("a value that does not fit is refused where it is written", () => {
  test.each<[string, () => unknown, string]>([
    ["u8(256)", () => u8(256), "256 is no uint8"],
    ["u8(-1)", () => u8(-1), "-1 is no uint8"],
    ["u16(65536)", () => u16(65536), "65536 is no uint16"],
    ["u32(2 ** 32)", () => u32(2 ** 32), "4294967296 is no uint32"],
    ["u32(1.5)", () => u32(1.5), "1.5 is no uint32"],
    ["u32(NaN)", () => u32(Number.NaN), "NaN is no uint32"],
    ["u64(2n ** 64n)", () => u64(2n ** 64n), "18446744073709551616 is no uint64"],
    ["u64(-1n)", () => u64(-1n), "-1 is no uint64"],
    ["i8(128)", () => i8(128), "128 is no int8"],
    ["i8(-129)", () => i8(-129), "-129 is no int8"],
    ["i16(32768)", () => i16(32768), "32768 is no int16"],
    ["i32(2 ** 31)", () => i32(2 ** 31), "2147483648 is no int32"],
    ["i64(2n ** 63n)", () => i64(2n ** 63n), "9223372036854775808 is no int64"],
    ["u8({ default: 256 })", () => u8({ default: 256 }), "256 is no uint8"],
    ["u32({ default: -1 })", () => u32({ default: -1 }), "-1 is no uint32"],
    ["i32({ default: 2 ** 31 })", () => i32({ default: 2 ** 31 }), "2147483648 is no int32"],
    ["u64({ default: -1n })", () => u64({ default: -1n }), "-1 is no uint64"],
    ["size({ default: -1n })", () => size({ default: -1n }), "-1 is no size"],
  ])("%s", (_, declare, message) => {
    expect(declare).toThrow(new DeclarationError(message));
  });
});

test("0 and false are reset values too", () => {
  expect(u32(0).reset).toBe(0);
  expect(u64(0n).reset).toBe(0n);
  expect(bool(false).reset).toBe(false);
});

test("declaring one field does not change the word", () => {
  u32(7);
  u32.array(7);
  expect(plain(u32)).toMatchObject({ count: 0, reset: undefined });
});

describe("unused space", () => {
  test("is so many bytes of the stream", () => {
    expect(plain(unused(4))).toEqual({ is: "field", kind: "unused", bytes: 1, count: 4, reset: undefined });
  });
});

describe("with options, the same words are properties", () => {
  test.each([
    ["bool", bool({})],
    ["uint8", u8({})],
    ["uint16", u16({})],
    ["uint32", u32({})],
    ["uint64", u64({})],
    ["int32", i32({})],
    ["int64", i64({})],
    ["size", size()],
    ["string", string()],
  ])("%s", (kind, property) => {
    expect({ ...property }).toEqual({
      is: "property",
      kind,
      name: undefined,
      default: undefined,
      description: undefined,
    } as typeof property);
  });

  test("chardev, with what serves it", () => {
    const { handlers, ...property } = chardev({ description: "d", receive: "rx", room: "rxRoom" });
    expect(property).toEqual({
      is: "property",
      kind: "chardev",
      name: undefined,
      default: undefined,
      description: "d",
    });
    expect(handlers).toEqual({ receive: "rx", room: "rxRoom" });
    expect(chardev().handlers).toEqual({});
  });

  test("name, default and description are kept", () => {
    const options = { name: "some-name", default: false, description: "what it is" };
    expect({ ...bool(options) }).toEqual({ is: "property", kind: "bool", ...options });
    expect(u32({ default: 7 }).default).toBe(7);
    expect(size({ default: 4096n }).default).toBe(4096n);
    expect(string({ name: "text" }).name).toBe("text");
  });

  test("a name with a NUL is refused", () => {
    expect(() => chardev({ name: "a\0b" })).toThrow("NUL");
  });
});

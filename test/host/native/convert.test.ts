import { type Pointer, ptr } from "bun:ffi";
import { beforeEach, describe, expect, test } from "bun:test";
import * as convert from "../../../host/native/convert.ts";
import { type Call, fakeLibrary } from "../fake-library.ts";

/** Memory as C has it; kept for as long as its pointer is used. */
const kept: Uint8Array[] = [];

function memory(bytes: ArrayLike<number>): Pointer {
  const view = new Uint8Array(new ArrayBuffer(bytes.length));
  view.set(bytes);
  kept.push(view);
  return ptr(view);
}

const c = (value: string) => memory(Buffer.from(`${value}\0`));

let calls: Call[];

beforeEach(() => {
  kept.length = 0;
  calls = fakeLibrary({
    script_text_length: (pointer: Pointer) => kept.find((view) => ptr(view) === pointer)!.indexOf(0),
  });
});

const freed = () => calls.filter(({ name }) => name === "script_free").map(({ args }) => args[0]);

const TEXTS = ["", "a", "caf\u00e9", "\u{1f600}", "\ufeffwith a mark", "a\nb\t\u007f"];

describe("strings", () => {
  test.each(TEXTS)("%j goes to C as it is", (value) => {
    expect(convert.cstring(value)).toBe(value);
  });

  test.each(["\0", "a\0b", "a\0"])("%j is refused for its NUL", (value) => {
    expect(() => convert.cstring(value)).toThrow(
      new TypeError("a string with a NUL character cannot be passed to QEMU"),
    );
  });

  test.each(["\ud800", "a\udfffb", "\ude00\ud83d"])("%j is refused for its half of a pair", (value) => {
    expect(() => convert.cstring(value)).toThrow(
      new TypeError("a string with half of a surrogate pair cannot be passed to QEMU"),
    );
  });

  test.each(TEXTS)("%j comes from C as it is, copied", (value) => {
    const pointer = c(value);
    expect(convert.text(pointer)).toBe(value);
    expect(freed()).toEqual([]);
  });

  test.each(TEXTS)("%j comes from C for good, and is freed", (value) => {
    const pointer = c(value);
    expect(convert.takeText(pointer)).toBe(value);
    expect(freed()).toEqual([pointer]);
  });

  test("NULL is no string", () => {
    expect(convert.text(null)).toBe("");
    expect(convert.takeText(null)).toBeUndefined();
    expect(convert.message(null)).toBe("");
    expect(calls).toEqual([]);
  });

  test.each([
    ["a lone continuation", [0x61, 0x80]],
    ["a cut character", [0xc3]],
    ["NUL in two bytes", [0xc0, 0x80]],
    ["half of a pair", [0xed, 0xa0, 0x80]],
    ["latin1", [0xe9, 0x74]],
  ])("%s is refused, and freed where it is the caller's", (_, bytes) => {
    const pointer = memory([...bytes, 0]);
    expect(() => convert.text(pointer)).toThrow(/^".*", from QEMU, is not valid UTF-8$/);
    expect(freed()).toEqual([]);
    expect(() => convert.takeText(pointer)).toThrow(TypeError);
    expect(freed()).toEqual([pointer]);
  });

  test("a message is shown whatever is in it", () => {
    expect(convert.message(memory([0x61, 0xff, 0]))).toBe("a\ufffd");
  });
});

describe("bytes", () => {
  test("are C's own when they are borrowed", () => {
    const pointer = memory([1, 2, 3]);
    const view = new Uint8Array(convert.borrow(pointer, 3));
    kept[0]![1] = 9;
    expect([...view]).toEqual([1, 9, 3]);
    expect(convert.borrow(pointer, 0).byteLength).toBe(0);
  });

  test("are the caller's own when they are copied", () => {
    const pointer = memory([1, 0, 255]);
    const copy = convert.copyBytes(pointer, 3);
    kept[0]!.fill(7);
    expect([...copy]).toEqual([1, 0, 255]);
    expect(convert.copyBytes(pointer, 0)).toHaveLength(0);
    expect(freed()).toEqual([]);
  });

  test("are freed when they are taken", () => {
    const pointer = memory([1, 0, 255]);
    expect([...convert.takeBytes(pointer, 3)]).toEqual([1, 0, 255]);
    expect(freed()).toEqual([pointer]);
  });
});

describe("an enumeration", () => {
  const SPEED = new convert.Enumeration("speed", { slow: 0, fast: 4 });

  test("has a number for each name, and a name for each number", () => {
    expect([SPEED.toC("slow"), SPEED.toC("fast")]).toEqual([0, 4]);
    expect([SPEED.fromC(0), SPEED.fromC(4)]).toEqual(["slow", "fast"]);
  });

  test("has no others", () => {
    expect(() => SPEED.toC("toString" as never)).toThrow(new RangeError("toString is no speed: slow, fast"));
    expect(() => SPEED.toC(undefined as never)).toThrow(RangeError);
    expect(() => SPEED.fromC(1)).toThrow(new RangeError("QEMU's 1 is no speed"));
  });
});

describe("values", () => {
  test.each<[string, unknown, string]>([
    ["a list", [1, [true, null]], "[1,[true,null]]"],
    ["a struct", { a: { "b-c": "d" } }, '{"a":{"b-c":"d"}}'],
    ["bytes", new Uint8Array([0, 255]), "[0,255]"],
    ["the largest number of 64 bits", 2n ** 64n - 1n, "18446744073709551615"],
    ["the smallest", -(2n ** 63n), "-9223372036854775808"],
    ["a fraction", 1.5, "1.5"],
    ["text", "\u{1f600}\n", '"\u{1f600}\\n"'],
  ])("%s is JSON for C", (_, value, json) => {
    expect(convert.toJson(value)).toBe(json);
  });

  test.each<[string, unknown]>([
    ["undefined", undefined],
    ["undefined in a list", [undefined]],
    ["undefined in a struct", { a: undefined }],
    ["a function", () => 1],
    ["a symbol", Symbol("a")],
    ["NaN", Number.NaN],
    ["infinity", [Number.POSITIVE_INFINITY]],
    ["more than 64 bits", 2n ** 64n],
    ["less than 64 bits", -(2n ** 63n) - 1n],
    ["a NUL", { a: ["\0"] }],
    ["a NUL in a key", { "a\0": 1 }],
    ["half of a pair", ["\ud800"]],
  ])("%s is refused", (_, value) => {
    expect(() => convert.toJson(value)).toThrow(TypeError);
  });

  test("are exact when they come from C", () => {
    expect(convert.fromJson("[9007199254740991, 9007199254740992, 18446744073709551615]")).toEqual([
      9007199254740991,
      9007199254740992n,
      18446744073709551615n,
    ]);
    expect(convert.fromJson('{"a": [-9223372036854775808, 1.5, 1e300, "x", null, false]}')).toEqual({
      a: [-9223372036854775808n, 1.5, 1e300, "x", null, false],
    });
  });
});

import { describe, expect, test } from "bun:test";
import {
  array,
  bit,
  bool,
  chardev,
  DeclarationError,
  type DeviceClass,
  DeviceRef,
  enumeration,
  link,
  type Property,
  SysBusDevice,
  size,
  string,
  u32,
  u64,
} from "qemu-script";
import { checkDeclaration } from "../../../host/device/check.ts";

const plain = (property: Property) => ({ ...property }) as object;
const common = { is: "property", name: undefined, default: undefined, description: undefined };

describe("an enumeration", () => {
  test("has the first name as its default if it says none", () => {
    expect(plain(enumeration(["a", "b"]))).toEqual({
      ...common,
      kind: "enum",
      default: "a",
      values: ["a", "b"],
    });
    expect(enumeration(["a", "b"], { default: "b" }).default).toBe("b");
  });

  test.each([[[]], [["a", "a"]], [["a", ""]], [["a b"]], [["a,b"]], [["a\0"]]])("%j is refused", (names) => {
    expect(() => enumeration(names as unknown as ["a"])).toThrow(DeclarationError);
  });

  test("has a default that is one of its names", () => {
    const declare = () => enumeration(["a", "b"], { default: "c" as "a" });
    expect(declare).toThrow(new DeclarationError('"c" is none of a, b'));
  });
});

test.each([{ name: "a\0b" }, { description: "a\0b" }, { default: "a\0b" }])(
  "%j has a NUL, and is refused",
  (options) => {
    expect(() => string(options)).toThrow(
      new DeclarationError('QEMU cannot have "a\\u0000b": it has a NUL in it'),
    );
  },
);

test("a link leads to a type, by its name or by a class for it", () => {
  class Other extends SysBusDevice.with({ type: "other" }) {}
  expect(plain(link("clock"))).toEqual({ ...common, kind: "link", target: "clock" });
  expect(link(Other).target).toBe("other");
  expect(link(DeviceRef).target).toBe("device");
});

describe("an array", () => {
  test("is of plain values or enumerations", () => {
    expect(plain(array(u32))).toEqual({ ...common, kind: "array", element: "uint32" });
    expect(array(bool).element).toBe("bool");
    expect(array(string).element).toBe("string");
    expect(array(size).element).toBe("size");
    expect(plain(array(enumeration(["a", "b"])))).toMatchObject({ element: "enum", values: ["a", "b"] });
  });

  test.each([
    ["chardev", chardev()],
    ["link", link("device")],
    ["array", array(u64)],
    ["bit", bit({ in: "w", at: 0 })],
  ])("is not of %s", (kind, element) => {
    const declare = () => array(element as unknown as Property<string>);
    expect(declare).toThrow(new DeclarationError(`there are no arrays of ${kind}`));
  });
});

describe("a bit", () => {
  test("has a word and a place in it", () => {
    const declared = bit({ in: "flags", at: 31, default: true });
    expect(plain(declared)).toEqual({ ...common, kind: "bit", default: true, in: "flags", at: 31 });
  });

  test.each([-1, 32, 1.5, Number.NaN])("is not at %p", (at) => {
    expect(() => bit({ in: "flags", at })).toThrow(
      new DeclarationError(`there is no bit ${at} in a word of 32`),
    );
  });

  const refuses = (properties: Record<string, Property>, reason: string) => {
    const cls = Reflect.apply(SysBusDevice.with, SysBusDevice, [{ type: "bad", properties }]) as DeviceClass;
    expect(() => checkDeclaration(cls)).toThrow(new DeclarationError(`bad: ${reason}`));
  };

  test("has its place for itself", () => {
    const two = { a: bit({ in: "w", at: 1 }), b: bit({ in: "w", at: 1 }) };
    refuses(two, "property b: w, bit 1, is taken by a");
  });

  test.each(["other", "a", "", "0", "a-b", "__proto__"])("is in no word called %j", (word) => {
    const properties = { other: u32({}), a: bit({ in: word, at: 0 }) };
    refuses(properties, `property a: a word of bits cannot be called ${word}`);
  });
});

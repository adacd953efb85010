import { type Pointer, ptr } from "bun:ffi";
import { beforeEach, describe, expect, test } from "bun:test";
import { StaleError } from "../../../host/device/errors.ts";
import { own } from "../../../host/qom/classes.ts";
import { BusRef, DeviceRef, PCIDeviceRef, SysBusDeviceRef } from "../../../host/qom/devices.ts";
import { check, QemuError } from "../../../host/qom/error.ts";
import { ObjectRef } from "../../../host/qom/object.ts";
import { type Call, fakeLibrary } from "../fake-library.ts";

/** C strings by content; their pointers stay valid. */
const strings = new Map<string, Buffer>();

function c(value: string): Pointer {
  const buffer = strings.get(value) ?? Buffer.from(`${value}\0`);
  strings.set(value, buffer);
  return ptr(buffer);
}

const lengthOf = (pointer: Pointer) =>
  [...strings.values()].find((buffer) => ptr(buffer) === pointer)!.length - 1;

/** Types of the fake objects, and what they descend from; the pointer of each is its number. */
const OBJECTS = [
  [],
  ["plain-1", "object"],
  ["usb-1", "device", "object"],
  ["uart-1", "sys-bus-device", "device", "object"],
  ["nic-1", "pci-device", "device", "object"],
  ["wire-1", "bus", "object"],
  ["lost-1", "device", "object"],
] as const;

let calls: Call[];

beforeEach(() => {
  calls = fakeLibrary({
    script_text_length: lengthOf,
    script_object_type: (object: number) => c(OBJECTS[object]![0]!),
    script_object_is_a: (object: number, type: string) =>
      (OBJECTS[object] as readonly string[]).includes(type) ? 1 : 0,
  });
});

const unrefs = () => calls.filter(({ name }) => name === "script_object_unref").map(({ args }) => args[0]);
const handle = (number: number) => own(number)!;

describe("a handle", () => {
  test.each([
    [1, ObjectRef],
    [2, DeviceRef],
    [3, SysBusDeviceRef],
    [4, PCIDeviceRef],
    [5, BusRef],
  ])("of object %d is of the class that fits", (number, cls) => {
    expect(handle(number).constructor).toBe(cls);
  });

  test("gives its reference back once", () => {
    const ref = handle(2);
    ref.dispose();
    ref.dispose();
    ref[Symbol.dispose]();
    expect(unrefs()).toEqual([2]);
  });

  test("gives it back at the end of a block, thrown out of or not", () => {
    {
      using ref = handle(2);
      expect(ref.typeName).toBe("usb-1");
    }
    expect(() => {
      using _ref = handle(3);
      throw new RangeError("out");
    }).toThrow("out");
    expect(unrefs()).toEqual([2, 3]);
  });

  test("throws once it is disposed of, in every use", () => {
    const ref = handle(2) as DeviceRef;
    const other = handle(1);
    ref.dispose();
    const before = calls.length;
    const uses: (() => unknown)[] = [
      () => ref.clone(),
      () => ref.weak(),
      () => ref.same(other),
      () => other.same(ref),
      () => ref.typeName,
      () => ref.class,
      () => ref.isA("device"),
      () => ref.upcast(ObjectRef),
      () => ref.downcast(PCIDeviceRef),
      () => ref.path,
      () => ref.parent,
      () => ref.child("a"),
      () => ref.children(),
      () => ref.addChild("a", other),
      () => other.addChild("a", ref),
      () => ref.removeChild("a"),
      () => ref.unparent(),
      () => ref.get("a"),
      () => ref.set("a", 1),
      () => ref.properties(),
      () => ref.addLink("a", DeviceRef),
      () => ref.getLink("a"),
      () => ref.setLink("a", null),
      () => other.setLink("a", ref),
      () => ref.realized,
      () => ref.realize(),
    ];
    for (const use of uses) {
      expect(use).toThrow(StaleError);
    }
    expect(calls).toHaveLength(before);
  });

  test("has a clone with a reference of its own", () => {
    const ref = handle(2);
    const clone = ref.clone();
    ref.dispose();
    expect(clone.typeName).toBe("usb-1");
    clone.dispose();
    expect(calls.filter(({ name }) => name === "script_object_ref").map(({ args }) => args[0])).toEqual([2]);
    expect(unrefs()).toEqual([2, 2]);
  });

  test("that nobody has gives its reference back", async () => {
    // Those of the tests before may be collected here, too.
    const lost = () => unrefs().filter((pointer) => pointer === 6);
    (() => void handle(6))();
    for (let i = 0; lost().length === 0; i++) {
      expect(i).toBeLessThan(100);
      Bun.gc(true);
      await Bun.sleep(1);
    }
    expect(lost()).toEqual([6]);
  });

  test("is cast to what the object is, and to nothing else", () => {
    const ref: ObjectRef = handle(4);
    expect(ref.downcast(PCIDeviceRef)).toBe(ref as PCIDeviceRef);
    expect(ref.downcast(DeviceRef)).toBe(ref as DeviceRef);
    expect(ref.downcast(SysBusDeviceRef)).toBeNull();
    expect(ref.upcast(ObjectRef)).toBe(ref);
  });
});

describe("an error of C's", () => {
  const failing = (message: Pointer | null, hint: Pointer | null) =>
    fakeLibrary({
      script_text_length: lengthOf,
      script_error_message: () => message,
      script_error_hint: () => hint,
    });

  test("is thrown with its hint, and taken", () => {
    const seen = failing(c("no such thing"), c("Try another.\n"));
    let thrown: unknown;
    try {
      check();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(QemuError);
    expect(thrown).toMatchObject({ name: "QemuError", message: "no such thing", hint: "Try another.\n" });
    expect(seen.at(-1)!.name).toBe("script_error_clear");
  });

  test("need not have a hint", () => {
    failing(c("no such thing"), null);
    expect(check).toThrow(expect.objectContaining({ hint: "" }));
  });

  test("is none where there is none", () => {
    const seen = failing(null, null);
    check();
    expect(seen.map(({ name }) => name)).toEqual(["script_error_message"]);
  });
});

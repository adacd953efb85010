/** Regions and accesses as a device's code finds them, with no QEMU behind them. */

import { type Pointer, ptr } from "bun:ffi";
import { beforeEach, describe, expect, test } from "bun:test";
import { Access, type RamRegion, StaleError } from "qemu-script";
import { Handle } from "../../../host/device/handle.ts";
import { makeRegions, type Regions } from "../../../host/device/regions.ts";
import * as library from "../../../host/native/library.ts";
import { type Call, fakeLibrary } from "../fake-library.ts";

const INSTANCE = 0x1000 as Pointer;

/** Memory that the fake library gives as the RAM: it must stay where it is. */
const memory = new Uint8Array(64);

let calls: Call[];
let handle: Handle;
let made: Regions;
beforeEach(() => {
  memory.fill(0);
  calls = fakeLibrary({
    script_region_enabled: () => 1,
    script_region_at: () => 0x20,
    script_region_ram: () => ptr(memory),
  });
  handle = new Handle(INSTANCE, "a device");
  made = makeRegions(handle, {
    all: { kind: "container", size: 0x100 },
    regs: { size: 0x10, inside: { region: "all", at: 0x20 } },
    ram: { kind: "ram", size: 64 },
  });
});

const region = (name: string) => made.regions[name] as RamRegion & { at: number };

describe("a region", () => {
  test("is switched and moved, by its place among the regions", () => {
    expect([region("regs").enabled, region("regs").at]).toEqual([true, 0x20]);
    region("regs").enabled = false;
    region("regs").at = 0xf0;
    expect(calls.slice(2)).toEqual([
      { name: "script_region_enable", args: [INSTANCE, 1, 0] as never },
      { name: "script_region_move", args: [INSTANCE, 1, 0xf0] as never },
    ]);
  });

  test.each([-1, 0.5, 0xf1, Number.NaN, 2 ** 60])("does not move to %p", (at) => {
    expect(() => {
      region("regs").at = at;
    }).toThrow(RangeError);
    expect(calls).toEqual([]);
  });

  test("that is inside no other has no place to tell", () => {
    expect(() => region("ram").at).toThrow("region ram is inside no other: the board places it");
  });

  test("is stale when its device is gone", () => {
    handle.drop();
    expect(() => region("regs").enabled).toThrow(StaleError);
    expect(() => region("regs").at).toThrow(StaleError);
    expect(() => {
      region("regs").enabled = true;
    }).toThrow(StaleError);
  });
});

describe("memory", () => {
  test("is QEMU's", () => {
    memory[5] = 7;
    expect(region("ram").bytes[5]).toBe(7);
    expect(region("ram").bytes).toBe(region("ram").bytes);
    region("ram").write(60, Uint8Array.of(1, 2, 3, 4));
    expect([...memory.subarray(58)]).toEqual([0, 0, 1, 2, 3, 4]);
    expect(calls.at(-1)).toEqual({ name: "script_region_wrote", args: [INSTANCE, 2, 60, 4] as never });
  });

  test.each<[number, number]>([
    [61, 4],
    [-1, 1],
    [0.5, 1],
    [0, 65],
  ])("is not written at %p, %p bytes", (offset, length) => {
    expect(() => region("ram").write(offset, new Uint8Array(length))).toThrow(RangeError);
    expect(() => region("ram").wrote(offset, length)).toThrow(RangeError);
    expect(memory).toEqual(new Uint8Array(64));
  });

  test("none of which was written is not told", () => {
    region("ram").wrote(3, 0);
    expect(calls).toEqual([]);
  });

  test("is not what other regions have", () => {
    expect(() => region("regs").bytes).toThrow("region regs has no memory of its own");
  });

  test("is lost to a script's views when the device goes", () => {
    const view = region("ram").bytes;
    made.drop();
    handle.drop();
    expect(view.length).toBe(0);
    expect(() => region("ram").bytes).toThrow(StaleError);
    expect(() => region("ram").write(0, Uint8Array.of(1))).toThrow(StaleError);
    expect(memory[0]).toBe(0);
  });
});

// Words of a ScriptFrame (include/script/api.h) and statuses, as in the header.
const SIZE = 4;
const RESULT = 7;
const STATUS = 8;
const ATTRS = 9;
const AT = 0x40;
const [ASKED, PENDING, DONE] = [1, 2, 3];

describe("an access", () => {
  const access = new Access(AT);
  const set = (index: number, value: number) => {
    library.words[AT + index] = value;
  };
  beforeEach(() => set(STATUS, ASKED!));

  test("tells who makes it", () => {
    set(SIZE, 2);
    set(ATTRS, 0xabcd0001);
    expect([access.size, access.secure, access.user, access.requester]).toEqual([2, true, false, 0xabcd]);
    set(ATTRS, 2);
    expect([access.secure, access.user, access.requester]).toEqual([false, true, 0]);
  });

  // include/exec/memattrs.h
  test.each<["decode" | "error" | "access", number]>([
    ["error", 1],
    ["decode", 2],
    ["access", 4],
  ])("fails with %s", (reason, result) => {
    expect(access.fail(reason)).toBe(0);
    expect(library.words[AT + RESULT]).toBe(result);
  });

  test("can be asked until its handler is done, also later", () => {
    set(STATUS, PENDING!);
    expect(access.secure).toBe(false);
    set(STATUS, DONE!);
    expect(() => access.secure).toThrow(new StaleError("the access is over: its handler has returned"));
    expect(() => access.fail("error")).toThrow(StaleError);
    expect(library.words[AT + RESULT]).toBe(0);
  });
});

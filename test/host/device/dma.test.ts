import type { Pointer } from "bun:ffi";
import { beforeEach, expect, test } from "bun:test";
import { StaleError } from "qemu-script";
import { Dma } from "../../../host/device/dma.ts";
import { Handle } from "../../../host/device/handle.ts";
import { type Call, fakeLibrary } from "../fake-library.ts";

const INSTANCE = 0x1000 as Pointer;
const BYTES = new Uint8Array(3);

let calls: Call[];
let code = 0;
beforeEach(() => {
  code = 0;
  calls = fakeLibrary({
    script_dma_read: () => code,
    script_dma_map: () => null,
  });
});
const handle = new Handle(INSTANCE, "probe");

test.each([
  [0, 0, 0],
  [0xffff_ffff, 0xffff_ffff, 0],
  [2 ** 32, 0, 1],
  [Number.MAX_SAFE_INTEGER, 0xffff_ffff, 0x1f_ffff],
  [0n, 0, 0],
  [0x1234_5678_9abc_def0n, 0x9abc_def0, 0x1234_5678],
  [2n ** 64n - 1n, 0xffff_ffff, 0xffff_ffff],
  [2n ** 64n + 5n, 5, 0],
  [-1n, 0xffff_ffff, 0xffff_ffff],
])("address %p crosses in two halves", (address, low, high) => {
  expect(new Dma(handle).read(address, BYTES)).toBe("ok");
  expect(calls).toEqual([{ name: "script_dma_read", args: [INSTANCE, low, high, BYTES, BYTES] }]);
});

test.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])("%p is no address", (address) => {
  expect(() => new Dma(handle).read(address, BYTES)).toThrow(RangeError);
  expect(() => new Dma(handle).store64(address, 1n)).toThrow(RangeError);
  expect(calls).toEqual([]);
});

test.each([-1, 0.5, 2 ** 53])("%p is no length", (length) => {
  expect(() => new Dma(handle).map(0, length)).toThrow(RangeError);
  expect(() => new Dma(handle).fill(0, length)).toThrow(RangeError);
  expect(calls).toEqual([]);
});

// MemTxResult: ERROR 1, DECODE_ERROR 2, ACCESS_ERROR 4, added up over the parts.
test.each([
  [0, "ok"],
  [1, "error"],
  [2, "decode"],
  [3, "decode"],
  [4, "access"],
  [6, "access"],
] as const)("code %p is %p", (given, result) => {
  code = given;
  const dma = new Dma(handle);
  expect(dma.read(0, BYTES)).toBe(result);
  expect(dma.result).toBe(result);
});

test("values cross in halves, whatever their sign", () => {
  const dma = new Dma(handle);
  dma.store8(8, 0x1ff);
  dma.store32(8, -1);
  dma.store64be(8, -2n);
  expect(calls.map(({ args }) => args.slice(3))).toEqual([
    [1, 0, 0x1ff, 0],
    [4, 0, 0xffff_ffff, 0],
    [8, 1, 0xffff_fffe, 0xffff_ffff],
  ]);
});

test("no window is undefined, with a result that tells", () => {
  const dma = new Dma(handle);
  expect(dma.map(0, 16)).toBeUndefined();
  expect(dma.result).toBe("error");
});

test("a device that is gone has no memory", () => {
  const gone = new Handle(INSTANCE, "probe");
  const dma = new Dma(gone);
  gone.drop();
  const error = new StaleError("probe is gone and cannot be used any more");
  for (const use of [
    () => dma.read(0, BYTES),
    () => dma.read(0, new Uint8Array()),
    () => dma.write(0, BYTES),
    () => dma.fill(0, 1),
    () => dma.load8(0),
    () => dma.load64(0),
    () => dma.store16be(0, 1),
    () => dma.store64(0, 1n),
    () => dma.map(0, 1),
  ]) {
    expect(use).toThrow(error);
  }
  expect(calls).toEqual([]);
});

import { beforeEach, describe, expect, test } from "bun:test";
import { guestError, unimplemented } from "../../../host/device/log.ts";
import { type Call, fakeLibrary } from "../fake-library.ts";

// include/qemu/log.h
const LOG_UNIMP = 0x400;
const LOG_GUEST_ERROR = 0x800;

let enabled: number;
let calls: Call[];
beforeEach(() => {
  enabled = LOG_UNIMP | LOG_GUEST_ERROR;
  calls = fakeLibrary({ script_log_enabled: (mask: number) => (mask & enabled) >>> 0 });
});

describe.each([
  ["guestError", guestError, LOG_GUEST_ERROR],
  ["unimplemented", unimplemented, LOG_UNIMP],
])("%s", (_, log, mask) => {
  test("logs a line under its mask", () => {
    log("the guest: what did it do?");
    expect(calls.at(-1)).toEqual({ name: "script_log", args: [mask, "the guest: what did it do?"] });
  });

  test("logs nothing if nobody wants to see it", () => {
    enabled = ~mask;
    log("line");
    expect(calls).toEqual([{ name: "script_log_enabled", args: [mask] }]);
  });

  test("refuses a NUL, where C would see the end of the line", () => {
    expect(() => log("a\0b")).toThrow("a string with a NUL character cannot be passed to QEMU");
  });
});

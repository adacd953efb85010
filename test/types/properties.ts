/** What properties that are no plain numbers mean to the type checker. Checked by tsc, never run. */

import { expectTypeOf } from "bun:test";
import {
  array,
  bit,
  bool,
  chardev,
  DeviceRef,
  enumeration,
  i8,
  link,
  type ObjectRef,
  SysBusDevice,
  size,
  string,
  u32,
  u64,
} from "qemu-script";

class Other extends SysBusDevice.with({ type: "other" }) {}

export class Configured extends SysBusDevice.with({
  type: "configured",
  properties: {
    mode: enumeration(["slow", "fast"], { default: "slow", name: "the-mode" }),
    any: link("clock"),
    device: link(DeviceRef, { description: "a device" }),
    other: link(Other),
    pins: array(u32),
    longs: array(u64),
    sizes: array(size),
    flags: array(bool),
    names: array(string),
    modes: array(enumeration(["in", "out"])),
    pullup: bit({ in: "flags32", at: 3, default: true }),
    pulldown: bit({ in: "flags32", at: 4 }),
    quiet: bit({ in: "quirks", at: 0 }),
    label: string({ default: "none" }),
  },
}) {
  values() {
    const { config } = this;
    expectTypeOf(config.mode).toEqualTypeOf<"slow" | "fast">();
    expectTypeOf(config.any).toEqualTypeOf<ObjectRef | null>();
    expectTypeOf(config.device).toEqualTypeOf<DeviceRef | null>();
    expectTypeOf(config.other).toEqualTypeOf<ObjectRef | null>();
    expectTypeOf(config.pins).toEqualTypeOf<readonly number[]>();
    expectTypeOf(config.longs).toEqualTypeOf<readonly bigint[]>();
    expectTypeOf(config.sizes).toEqualTypeOf<readonly bigint[]>();
    expectTypeOf(config.flags).toEqualTypeOf<readonly boolean[]>();
    expectTypeOf(config.names).toEqualTypeOf<readonly string[]>();
    expectTypeOf(config.modes).toEqualTypeOf<readonly ("in" | "out")[]>();
    expectTypeOf(config.pullup).toEqualTypeOf<boolean>();
    expectTypeOf(config.flags32).toEqualTypeOf<number>();
    expectTypeOf(config.quirks).toEqualTypeOf<number>();
    expectTypeOf(config.label).toEqualTypeOf<string>();
  }

  wrong() {
    // @ts-expect-error none of the names
    this.config.mode === "middling";
    // @ts-expect-error there may be none
    this.config.device.path;
    // @ts-expect-error a list is fixed
    this.config.pins[0] = 1;
    // @ts-expect-error no word of that name
    this.config.flags64;
    // @ts-expect-error fixed at realize
    this.config.flags32 = 1;
  }
}

// @ts-expect-error an enumeration has names
enumeration();
// @ts-expect-error at least one
enumeration([]);
// @ts-expect-error which are text
enumeration([1, 2]);
// @ts-expect-error one of them is the default
enumeration(["a", "b"], { default: "c" });
// @ts-expect-error a link leads somewhere
link();
// @ts-expect-error nowhere at first
link("device", { default: "x" });
// @ts-expect-error an array is of something
array();
// @ts-expect-error QEMU has no properties of 8 bits with a sign
array(i8);
// @ts-expect-error not of chardevs
array(chardev());
// @ts-expect-error not of links
array(link("device"));
// @ts-expect-error empty at first
array(u32, { default: [1] });
// @ts-expect-error a bit has a word
bit({ at: 1 });
// @ts-expect-error and a place
bit({ in: "w" });
// @ts-expect-error on or off
bit({ in: "w", at: 1, default: 1 });

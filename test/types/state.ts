/** What structs, subsections and versions mean to the type checker. Checked by tsc, never run. */

import { expectTypeOf } from "bun:test";
import {
  bool,
  i8,
  type Saver,
  SysBusDevice,
  since,
  string,
  struct,
  subsection,
  u8,
  u16,
  u32,
  u64,
  unused,
} from "qemu-script";

class Nested extends SysBusDevice.with({
  type: "nested",
  migration: { version: 3, minimum: 1, priority: "iommu", unmigratable: "because", validate: ["fits"] },
  state: {
    fifo: struct({ head: u8(1), gap: unused(2), bytes: u8.array(4), inner: struct({ wide: u64, on: bool }) }),
    channels: struct({ count: u16, deep: struct({ x: i8 }).array(2) }).array(4),
    late: since(3, u32(0)),
    lateList: since(2, u16.array(2)),
    extra: subsection({
      name: "more",
      version: 2,
      minimum: 1,
      needed: "extraNeeded",
      state: { a: u32, b: u64 },
    }),
    list: u32.array(2, { reset: [1, 2] }),
    longs: u64.array(2, { reset: 0n }),
  },
}) {
  structs() {
    expectTypeOf(this.fifo.head).toEqualTypeOf<number>();
    expectTypeOf(this.fifo.bytes).toEqualTypeOf<Uint8Array>();
    expectTypeOf(this.fifo.inner.wide).toEqualTypeOf<bigint>();
    expectTypeOf(this.fifo.inner.on).toEqualTypeOf<boolean>();
    expectTypeOf(this.channels[0]!.count).toEqualTypeOf<number>();
    expectTypeOf(this.channels[0]!.deep[1]!.x).toEqualTypeOf<number>();
    expectTypeOf(this.late).toEqualTypeOf<number>();
    expectTypeOf(this.lateList).toEqualTypeOf<Uint16Array>();
    expectTypeOf(this.extra.a).toEqualTypeOf<number>();
    expectTypeOf(this.extra.b).toEqualTypeOf<bigint>();
    this.fifo.head++;
    this.fifo.inner.on = true;
    this.late = 1;
    this.extra.b += 1n;
    for (const channel of this.channels) {
      channel.count = 0;
    }
  }

  wrong() {
    // @ts-expect-error a boolean
    this.fifo.inner.on = 1;
    // @ts-expect-error 64 bits are a bigint
    this.fifo.inner.wide = 1;
    // @ts-expect-error no such field
    this.fifo.tail;
    // @ts-expect-error unused space
    this.fifo.gap;
    // @ts-expect-error a view of the state, which stays that
    this.fifo.inner = { wide: 1n, on: true };
    // @ts-expect-error so are arrays in it
    this.fifo.bytes = new Uint8Array(4);
    // @ts-expect-error so are elements
    this.channels[0] = this.channels[1]!;
    // @ts-expect-error an element may not be there
    this.channels[9].count;
    // @ts-expect-error its length is fixed
    this.channels.push;
    // @ts-expect-error not what is declared
    this.fifo.array;
  }
}

export class Deaf extends Nested implements Saver {
  save() {
    return new Uint8Array(1);
  }
  load(_bytes: Uint8Array, _version: number) {}
}

// @ts-expect-error load() is missing
export class Half extends Nested implements Saver {
  save() {
    return undefined;
  }
}

export class Odd extends Nested implements Saver {
  // @ts-expect-error bytes
  save() {
    return "text";
  }
  load() {}
}

// @ts-expect-error a struct has fields
struct();
// @ts-expect-error not values
struct({ a: 1 });
// @ts-expect-error not properties
struct({ a: u32({}) });
// @ts-expect-error nor text
struct({ a: string() });
// @ts-expect-error an array has a number of elements
struct({ a: u32 }).array();
// @ts-expect-error a version is a number
since("2", u32);
// @ts-expect-error of a field
since(2, u32({}));
// @ts-expect-error a subsection has a state
subsection({ name: "x" });
// @ts-expect-error and a method by its name
subsection({ needed: true, state: { a: u32 } });
// @ts-expect-error misspelt
subsection({ nedeed: "x", state: { a: u32 } });
// @ts-expect-error values of the array's kind
u32.array(2, { reset: [true] });
// @ts-expect-error 64 bits are a bigint
u64.array(2, { reset: 0 });
// @ts-expect-error misspelt
u32.array(2, { rest: 0 });

// @ts-expect-error no such priority
SysBusDevice.with({ type: "x", migration: { priority: "high" } });
// @ts-expect-error true or a reason
SysBusDevice.with({ type: "x", migration: { unmigratable: false } });
// @ts-expect-error names of methods
SysBusDevice.with({ type: "x", migration: { validate: "fits" } });
// @ts-expect-error misspelt
SysBusDevice.with({ type: "x", migration: { unmigrateable: true } });
// @ts-expect-error a trait's method
SysBusDevice.with({ type: "x", state: { save: u32 } });

// A state that the compiler cannot know is taken as it is; one whose names alone it does not know is not.
SysBusDevice.with({ type: "x", state: JSON.parse("{}") });
// @ts-expect-error any names
SysBusDevice.with({ type: "x", state: Object.fromEntries([["a", u32]]) });

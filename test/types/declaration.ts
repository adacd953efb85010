/** What a declaration must mean to the type checker. Checked by tsc, never run; types.test.ts sees to that. */

import { expectTypeOf } from "bun:test";
import {
  bool,
  Chardev,
  type CharReceiver,
  type ClockInput,
  chardev,
  type IrqLine,
  i8,
  i16,
  i32,
  i64,
  type PostLoad,
  SysBusDevice,
  size,
  string,
  u8,
  u16,
  u32,
  u64,
  unused,
} from "qemu-script";

class Every extends SysBusDevice.with({
  type: "every",
  properties: {
    flag: bool({ default: true }),
    small: u8({}),
    word: u32({ default: 3, name: "a-word", description: "a word" }),
    signed: i32({}),
    long: u64({ default: 3n }),
    signedLong: i64({}),
    room: size(),
    label: string({ name: "x" }),
    line: chardev({ description: "the line" }),
  },
  irqs: ["out", "err"],
  clocks: ["clk"],
  regions: { regs: { size: 0x10 }, other: { size: 8, endian: "big" } },
  state: {
    before: unused(4),
    on: bool,
    onAfterReset: bool(true),
    b: u8,
    h: u16(1),
    w: u32(1),
    x: u64(1n),
    sb: i8,
    sh: i16,
    sw: i32(-1),
    sx: i64,
    flags: bool.array(1),
    bytes: u8.array(1),
    halves: u16.array(1),
    words: u32.array(1),
    longs: u64.array(1),
    signedBytes: i8.array(1),
    signedHalves: i16.array(1),
    signedWords: i32.array(1),
    signedLongs: i64.array(1),
  },
}) {
  state() {
    expectTypeOf(this.on).toEqualTypeOf<boolean>();
    expectTypeOf(this.onAfterReset).toEqualTypeOf<boolean>();
    expectTypeOf(this.b).toEqualTypeOf<number>();
    expectTypeOf(this.h).toEqualTypeOf<number>();
    expectTypeOf(this.w).toEqualTypeOf<number>();
    expectTypeOf(this.sb).toEqualTypeOf<number>();
    expectTypeOf(this.sh).toEqualTypeOf<number>();
    expectTypeOf(this.sw).toEqualTypeOf<number>();
    expectTypeOf(this.x).toEqualTypeOf<bigint>();
    expectTypeOf(this.sx).toEqualTypeOf<bigint>();
    this.w |= 1;
    this.x += 1n;
    this.on = !this.on;
  }

  arrays() {
    expectTypeOf(this.flags).toEqualTypeOf<Uint8Array>();
    expectTypeOf(this.bytes).toEqualTypeOf<Uint8Array>();
    expectTypeOf(this.halves).toEqualTypeOf<Uint16Array>();
    expectTypeOf(this.words).toEqualTypeOf<Uint32Array>();
    expectTypeOf(this.longs).toEqualTypeOf<BigUint64Array>();
    expectTypeOf(this.signedBytes).toEqualTypeOf<Int8Array>();
    expectTypeOf(this.signedHalves).toEqualTypeOf<Int16Array>();
    expectTypeOf(this.signedWords).toEqualTypeOf<Int32Array>();
    expectTypeOf(this.signedLongs).toEqualTypeOf<BigInt64Array>();
    this.words[0] = 1;
  }

  wrongState() {
    // @ts-expect-error space in the migration stream is no property
    this.before;
    // @ts-expect-error no such field
    this.nowhere;
    // @ts-expect-error a number, not a boolean
    this.w = true;
    // @ts-expect-error a boolean, not a number
    this.on = 1;
    // @ts-expect-error 64 bits are a bigint
    this.x = 1;
    // @ts-expect-error 64 bits are a bigint
    this.sx += 1;
    // @ts-expect-error 32 bits are a number
    this.w = 1n;
    // @ts-expect-error elements of 32 bits are numbers
    this.words[0] = 1n;
    // @ts-expect-error elements of 64 bits are bigints
    this.longs[0] = 1;
    // @ts-expect-error an array is a view of the state, and stays that
    this.words = new Uint32Array(1);
    // @ts-expect-error a declaration is not a value
    this.w.array;
  }

  configuration() {
    expectTypeOf(this.config.flag).toEqualTypeOf<boolean>();
    expectTypeOf(this.config.small).toEqualTypeOf<number>();
    expectTypeOf(this.config.word).toEqualTypeOf<number>();
    expectTypeOf(this.config.signed).toEqualTypeOf<number>();
    expectTypeOf(this.config.long).toEqualTypeOf<bigint>();
    expectTypeOf(this.config.signedLong).toEqualTypeOf<bigint>();
    expectTypeOf(this.config.room).toEqualTypeOf<bigint>();
    expectTypeOf(this.config.label).toEqualTypeOf<string>();
    expectTypeOf(this.config.line).toEqualTypeOf<Chardev>();
  }

  wrongConfiguration() {
    // @ts-expect-error no such property
    this.config.nowhere;
    // @ts-expect-error the key, not the name that users write
    this.config["a-word"];
    // @ts-expect-error fixed at realize
    this.config.flag = false;
    // @ts-expect-error fixed at realize
    this.config = {};
    // @ts-expect-error properties are in config
    this.flag;
    // @ts-expect-error fields are not in config
    this.config.w;
    // @ts-expect-error a byte, not text
    this.config.line.put("a");
    // @ts-expect-error text or bytes
    this.config.line.write(1);
  }

  lines() {
    expectTypeOf(this.irqs.out).toEqualTypeOf<IrqLine>();
    expectTypeOf(this.irqs.err).toEqualTypeOf<IrqLine>();
    expectTypeOf(this.irqs.drive).toEqualTypeOf<(levels: number) => void>();
    expectTypeOf(this.clocks.clk).toEqualTypeOf<ClockInput>();
  }

  wrongLines() {
    // @ts-expect-error no such line
    this.irqs.nowhere;
    // @ts-expect-error a line is high or low
    this.irqs.out.set(1);
    // @ts-expect-error no line carries bits that it could follow
    this.irqs.follow(1);
    // @ts-expect-error lines stay what they are
    this.irqs.out = this.irqs.err;
    // @ts-expect-error no such clock
    this.clocks.nowhere;
    // @ts-expect-error the frequency is the board's to set
    this.clocks.clk = 1;
  }
}

/** Lines that carry bits. */
export class Carrying extends SysBusDevice.with({
  type: "carrying",
  irqs: [{ name: "any", bits: 0x7ff }, "own"],
  deviceTree: { node: "x", compatible: ["x"], interrupts: ["any"] },
}) {
  lines() {
    expectTypeOf(this.irqs.any).toEqualTypeOf<IrqLine>();
    expectTypeOf(this.irqs.own).toEqualTypeOf<IrqLine>();
    expectTypeOf(this.irqs.follow).toEqualTypeOf<(status: number) => void>();
    // @ts-expect-error no such line
    this.irqs.nowhere;
  }
}

/** Without a part of the declaration, there is nothing of its kind. */
class Least extends SysBusDevice.with({ type: "least" }) {
  nothing() {
    // @ts-expect-error no properties were declared
    this.config.flag;
    // @ts-expect-error no lines were declared
    this.irqs.out;
    // @ts-expect-error no clocks were declared
    this.clocks.clk;
    expectTypeOf<keyof typeof this.irqs>().toEqualTypeOf<"drive">();
  }
}

/** Methods and getters of a device cannot take the name of something declared. */
export class Clashing extends Every {
  // @ts-expect-error a method in the place of a field
  w() {}
  // @ts-expect-error a getter of another type
  get x() {
    return "";
  }
  // @ts-expect-error a device's own
  config() {}
}

// @ts-expect-error no room, and no way to receive
export class Deaf extends Least implements CharReceiver {}

export class Hasty extends Least implements PostLoad {
  // @ts-expect-error the version is a number
  postLoad(_version: string) {}
}

// @ts-expect-error a device has no other base than with() makes
export class Bare extends SysBusDevice.with() {}

// --- declarations that are refused ---------------------------------------------------------------------------------

// @ts-expect-error no type name
SysBusDevice.with({ state: { a: u32 } });
// @ts-expect-error the type is a name
SysBusDevice.with({ type: 3 });

// @ts-expect-error every device has a config
SysBusDevice.with({ type: "x", state: { config: u32 } });
// @ts-expect-error every device has irqs
SysBusDevice.with({ type: "x", state: { irqs: u32 } });
// @ts-expect-error every device has clocks
SysBusDevice.with({ type: "x", state: { a: u32, clocks: u32 } });

// @ts-expect-error methods of the traits
SysBusDevice.with({ type: "x", state: { reset: u32 } });
// @ts-expect-error all of them
SysBusDevice.with({ type: "x", state: { receive: u8.array(3) } });

// @ts-expect-error misspelt
SysBusDevice.with({ type: "x", irq: ["a"] });
// @ts-expect-error misspelt
SysBusDevice.with({ type: "x", regions: { regs: { size: 8, nmae: "x" } } });
// @ts-expect-error misspelt
SysBusDevice.with({ type: "x", regions: { regs: { size: 8, valid: { mni: 1 } } } });
// @ts-expect-error misspelt
SysBusDevice.with({ type: "x", migration: { vresion: 1 } });
// @ts-expect-error misspelt
SysBusDevice.with({ type: "x", deviceTree: { node: "x", compatible: ["x"], alais: "x" } });

// @ts-expect-error a property is no field
SysBusDevice.with({ type: "x", state: { a: u32({}) } });
// @ts-expect-error neither is a size
SysBusDevice.with({ type: "x", state: { a: size() } });
// @ts-expect-error neither is text
SysBusDevice.with({ type: "x", state: { a: string() } });
// @ts-expect-error neither is a chardev
SysBusDevice.with({ type: "x", state: { a: chardev() } });
// @ts-expect-error neither is a number
SysBusDevice.with({ type: "x", state: { a: 0 } });
// @ts-expect-error a field is no property
SysBusDevice.with({ type: "x", properties: { a: u32 } });
// @ts-expect-error neither is one with a reset value
SysBusDevice.with({ type: "x", properties: { a: u32(0) } });
// @ts-expect-error neither is an array
SysBusDevice.with({ type: "x", properties: { a: u32.array(3) } });
// @ts-expect-error neither is unused space
SysBusDevice.with({ type: "x", properties: { a: unused(3) } });

// @ts-expect-error a boolean's reset value is a boolean
bool(1);
// @ts-expect-error a number's is a number
u32(true);
// @ts-expect-error 32 bits are a number
u32(1n);
// @ts-expect-error 64 bits are a bigint
u64(1);
// @ts-expect-error 64 bits are a bigint
i64(1);
// @ts-expect-error a number is no text
u32("1");
// @ts-expect-error a reset value or options
u32();
// @ts-expect-error an array has a number of elements
u32.array();
// @ts-expect-error which is a number
u32.array("4");
// @ts-expect-error unused space has a size
unused();

// @ts-expect-error a bool's default is a boolean
bool({ default: 1 });
// @ts-expect-error a number's is a number
u32({ default: true });
// @ts-expect-error 64 bits are a bigint
u64({ default: 1 });
// @ts-expect-error a size has 64 bits
size({ default: 4096 });
// @ts-expect-error a text's default is text
string({ default: 1 });
// @ts-expect-error a chardev has none
chardev({ default: "serial0" });
// @ts-expect-error a misspelt option
bool({ defualt: true });
// @ts-expect-error a misspelt option
chardev({ nmae: "x" });
// @ts-expect-error a name is text
bool({ name: 3 });
// @ts-expect-error QEMU has no properties of 8 bits with a sign
i8({});
// @ts-expect-error nor of 16
i16({ default: 1 });

// @ts-expect-error a region has a size
SysBusDevice.with({ type: "x", regions: { regs: {} } });
// @ts-expect-error which is a number
SysBusDevice.with({ type: "x", regions: { regs: { size: "4K" } } });
// @ts-expect-error little or big
SysBusDevice.with({ type: "x", regions: { regs: { size: 8, endian: "middle" } } });
// @ts-expect-error no access has 3 bytes
SysBusDevice.with({ type: "x", regions: { regs: { size: 8, valid: { min: 3 } } } });
// @ts-expect-error no handler sees 16 bytes
SysBusDevice.with({ type: "x", regions: { regs: { size: 8, handled: { max: 16 } } } });
// @ts-expect-error lines have names
SysBusDevice.with({ type: "x", irqs: 6 });
// @ts-expect-error which are text
SysBusDevice.with({ type: "x", irqs: [0, 1] });
// @ts-expect-error one of them drives all
SysBusDevice.with({ type: "x", irqs: ["out", "drive"] });
// @ts-expect-error and another has all follow
SysBusDevice.with({ type: "x", irqs: [{ name: "follow", bits: 1 }] });
// @ts-expect-error which bits?
SysBusDevice.with({ type: "x", irqs: [{ name: "out" }] });
// @ts-expect-error a line carries bits, and no more
SysBusDevice.with({ type: "x", irqs: [{ name: "out", bits: 1, level: 1 }] });
// @ts-expect-error clocks have names
SysBusDevice.with({ type: "x", clocks: [1] });
// @ts-expect-error a version is a number
SysBusDevice.with({ type: "x", migration: { version: "2" } });
// @ts-expect-error a node has a name
SysBusDevice.with({ type: "x", deviceTree: { compatible: ["acme,x"] } });
// @ts-expect-error a node is compatible with something
SysBusDevice.with({ type: "x", deviceTree: { node: "x", compatible: [] } });
// @ts-expect-error a node's interrupts are lines
SysBusDevice.with({ type: "x", deviceTree: { node: "x", compatible: ["x"], interrupts: ["a"] } });
SysBusDevice.with({
  type: "x",
  irqs: ["a"],
  // @ts-expect-error of this device
  deviceTree: { node: "x", compatible: ["x"], interrupts: ["b"] },
});
SysBusDevice.with({
  type: "x",
  irqs: ["a", "b"],
  deviceTree: { node: "x", compatible: ["x"], interrupts: ["b"] },
});

/** What is fine stays fine: a property and a field of one name, and declarations that come from elsewhere. */
SysBusDevice.with({ type: "x", properties: { a: bool({}) }, state: { a: bool } });
const elsewhere = { type: "x", state: { a: u32 }, irqs: ["a"] } as const;
expectTypeOf(SysBusDevice.with(elsewhere).spec).toEqualTypeOf<typeof elsewhere>();
["a", "b"].map((type) => SysBusDevice.with({ type }));

// @ts-expect-error made by QEMU, from the host's parts
new Chardev();

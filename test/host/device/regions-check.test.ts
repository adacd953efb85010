/** What the host says to regions that cannot be. */

import { describe, expect, test } from "bun:test";
import { DeclarationError, type DeviceClass, PCIDevice, registers, SysBusDevice } from "qemu-script";
import { compile } from "../../../host/device/bank.ts";
import { checkDeclaration, checkMade } from "../../../host/device/check.ts";
import { makeDevice } from "./instance.ts";

const pci = { vendor: 0x1234, device: 1, class: 0xff00 };

/** Declares what the type checker would refuse, or cannot see. */
function declare(regions: object, base: typeof SysBusDevice | typeof PCIDevice = SysBusDevice): DeviceClass {
  const spec = { type: "bad", regions, ...(base === PCIDevice ? { pci } : {}) };
  const Declared = Reflect.apply(base.with, base, [spec]) as DeviceClass<never, object>;
  return class Bad extends Declared {
    look() {}
  } as unknown as DeviceClass;
}

const accepts = (regions: object, base?: typeof PCIDevice) =>
  expect(() => checkDeclaration(declare(regions, base))).not.toThrow();
const refuses = (regions: object, reason: string, base?: typeof PCIDevice) =>
  expect(() => checkDeclaration(declare(regions, base))).toThrow(new DeclarationError(`bad: ${reason}`));

const regs = { size: 8, read: "look" };
const all = { kind: "container", size: 0x1000 };
const ram = { kind: "ram", size: 0x100 };
const within = (region: string, at: unknown, rest: object = {}) => ({ inside: { region, at, ...rest } });

describe("a region", () => {
  test("is of a kind that there is", () => {
    refuses({ a: { kind: "flash", size: 8 } }, "region a: there is no kind flash");
    for (const kind of [undefined, "io", "ram", "rom", "container"]) {
      accepts({ a: { kind, size: 8 } });
    }
  });

  test.each(["ram", "rom", "container", "io"])("of kind %s has a size", (kind) => {
    for (const size of [0, -1, 0.5, Number.NaN, 2 ** 53, undefined, "8"]) {
      refuses({ a: { kind, size } }, `region a: a size of ${size} bytes makes no sense`);
    }
  });

  test("has 4 GiB at most, unless it is only room", () => {
    refuses({ a: { kind: "ram", size: 2 ** 32 + 1 } }, "region a: 4294967297 bytes of memory: 4 GiB at most");
    refuses({ a: { kind: "rom", size: 2 ** 33 } }, "region a: 8589934592 bytes of memory: 4 GiB at most");
    accepts({ a: { kind: "container", size: 2 ** 40 } });
  });

  test.each(["read", "write"])("has the method that %s names", (part) => {
    accepts({ a: { size: 8, [part]: "look" } });
    refuses({ a: { size: 8, [part]: "nowhere" } }, `region a: ${part}: Bad has no method nowhere()`);
  });

  test("reads, when its handlers fail, as something the guest can read", () => {
    accepts({ a: { ...regs, errorValue: 2 ** 53 - 1 } });
    for (const errorValue of [-1, 0.5, 2 ** 53]) {
      refuses({ a: { ...regs, errorValue } }, `region a: errorValue: the guest cannot read ${errorValue}`);
    }
  });

  test("is one of 32 that a board can place; inside others there can be more", () => {
    const many = (count: number, rest: (index: number) => object = () => ({})) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`r${i}`, { ...regs, ...rest(i) }]));
    accepts(many(32));
    refuses(many(33), "33 regions that the board places: 32 at most");
    accepts({ all, ...many(40, (index) => within("all", 8 * index)) });
  });
});

describe("inside another", () => {
  test("that is there", () => {
    accepts({ all, a: { ...regs, ...within("all", 0) } });
    refuses({ a: { ...regs, ...within("all", 0) } }, "region a: inside: there is no region all");
    refuses({ a: { ...regs, ...within("toString", 0) } }, "region a: inside: there is no region toString");
  });

  test("that is no alias", () => {
    refuses(
      { ram, b: { kind: "alias", of: "ram" }, a: { ...regs, ...within("b", 0) } },
      "region a: inside: b is an alias, which shows another region and nothing else",
    );
  });

  test.each([-4, 0.5, "0", undefined])("at an offset, which %p is not", (at) => {
    refuses({ all, a: { ...regs, ...within("all", at) } }, `region a: inside: offset ${at} makes no sense`);
  });

  test("up to its end", () => {
    accepts({ all, a: { ...regs, ...within("all", 0xff8) } });
    refuses(
      { all, a: { ...regs, ...within("all", 0xff9) } },
      "region a: inside: it would not end in all, which has 4096 bytes",
    );
  });

  test.each([0.5, 2 ** 31, "high"])("with a priority, which %p is not", (priority) => {
    refuses(
      { all, a: { ...regs, ...within("all", 0, { priority }) } },
      `region a: inside: ${priority} is no priority`,
    );
  });

  test("beside the others there, or over them by its priority", () => {
    const a = { ...regs, ...within("all", 0) };
    const message = "region b: inside: it overlaps a, and neither has the higher priority";
    refuses({ all, a, b: { ...regs, ...within("all", 7) } }, message);
    refuses({ all, a, b: { ...regs, ...within("all", 0, { priority: 0 }) } }, message);
    accepts({ all, a, b: { ...regs, ...within("all", 8) } });
    accepts({ all, a, b: { ...regs, ...within("all", 7, { priority: 1 }) } });
    accepts({ all, a, other: all, b: { ...regs, ...within("other", 0) } });
  });

  test("or in a BAR, not both", () => {
    const a = { ...regs, ...within("all", 0), bar: 1 };
    refuses(
      { all: { ...all, bar: 0 }, a },
      "region a: a region is either inside another or has a BAR",
      PCIDevice,
    );
  });
});

describe("an alias", () => {
  test("is of a region that there is", () => {
    accepts({ ram, a: { kind: "alias", of: "ram" } });
    refuses({ a: { kind: "alias", of: "ram" } }, "region a: of: there is no region ram");
  });

  test("ends with it", () => {
    accepts({ ram, a: { kind: "alias", of: "ram", offset: 0x80, size: 0x80 } });
    refuses(
      { ram, a: { kind: "alias", of: "ram", offset: 0x80, size: 0x81 } },
      "region a: it would not end in ram, which has 256 bytes",
    );
    refuses(
      { ram, a: { kind: "alias", of: "ram", offset: 0x100 } },
      "region a: a size of 0 bytes makes no sense",
    );
    refuses({ ram, a: { kind: "alias", of: "ram", offset: -1 } }, "region a: an offset of -1 makes no sense");
  });

  test("of an alias is as long as that", () => {
    const first = { kind: "alias", of: "ram", offset: 0x80 };
    accepts({ ram, first, a: { kind: "alias", of: "first", offset: 0x40, size: 0x40 } });
    refuses(
      { ram, first, a: { kind: "alias", of: "first", offset: 0x40, size: 0x41 } },
      "region a: it would not end in first, which has 128 bytes",
    );
  });
});

describe("no region shows itself:", () => {
  test.each<[string, object, string]>([
    ["an alias", { a: { kind: "alias", of: "a" } }, "a: it shows itself: a, a"],
    ["inside itself", { a: { ...all, ...within("a", 0) } }, "a: it shows itself: a, a"],
    [
      "an alias of what it is in",
      { all, a: { kind: "alias", of: "all", size: 8, ...within("all", 0) } },
      "all: it shows itself: all, a, all",
    ],
    [
      "two aliases",
      { a: { kind: "alias", of: "b", size: 8 }, b: { kind: "alias", of: "a", size: 8 } },
      "a: it shows itself: a, b, a",
    ],
  ])("%s", (_, regions, message) => {
    refuses(regions, `region ${message}`);
  });

  test("which one that is seen twice does not", () => {
    const twice = { kind: "alias", of: "ram", size: 8 };
    accepts({ ram, all, a: { ...twice, ...within("all", 0) }, b: { ...twice, ...within("all", 8) } });
  });
});

test("memory migrates under a name, so there is one of each", () => {
  accepts({ ram, other: { ...ram, name: "other ram" } });
  refuses(
    { ram, other: { kind: "rom", size: 8, name: "ram" } },
    "region other: its memory would migrate under the name of ram, ram",
  );
});

describe("trace events", () => {
  const traced = (traces: unknown) => () =>
    checkDeclaration(
      Reflect.apply(SysBusDevice.with, SysBusDevice, [{ type: "bad", traces }]) as DeviceClass,
    );

  test.each(["", "a b", "1a", "a-b", "a*"])("cannot be called %j", (name) => {
    expect(traced({ [name]: () => "" })).toThrow(
      new DeclarationError(`bad: traces: '${name}' is no name for a trace event`),
    );
  });

  test("of a region have names too, and a text that is made", () => {
    accepts({ a: { ...regs, trace: { read: "16550_read", write: "w", text: () => "" } } });
    accepts({ a: { ...regs, trace: false } });
    for (const part of ["read", "write"]) {
      refuses(
        { a: { ...regs, trace: { [part]: "a*" } } },
        "region a: trace: 'a*' is no name for a trace event",
      );
    }
    refuses({ a: { ...regs, trace: { text: "x" } } }, "region a: trace: text is a function");
  });

  test("have functions that make their texts", () => {
    expect(traced({ a: () => "", b: "text" })).toThrow(
      new DeclarationError("bad: traces: b: what makes its text is a function"),
    );
    expect(traced({ a: () => "", b: (count: number) => `${count}` })).not.toThrow();
  });

  test("are hidden by no member of the class", () => {
    class Traced extends SysBusDevice.with({ type: "traced", traces: { a: () => "" } }) {}
    class Hiding extends Traced {
      // @ts-expect-error the declaration has it
      override trace() {}
    }
    const check = () => checkDeclaration(Hiding as unknown as DeviceClass);
    expect(check).toThrow(
      new DeclarationError("traced: the class has a member trace, which hides the trace events"),
    );
    class Field extends Traced {
      override trace = {} as never;
    }
    const made = () => checkMade(makeDevice(Field), Field as DeviceClass);
    expect(made).toThrow(
      new DeclarationError("traced: the class declares trace, which hides the trace events"),
    );
  });

  test("leave the name to a class that has none", () => {
    class Own extends SysBusDevice.with({ type: "own" }) {
      // @ts-expect-error the declaration has it
      override trace() {}
    }
    expect(() => checkDeclaration(Own as unknown as DeviceClass)).not.toThrow();
    expect(() => checkMade(makeDevice(Own as never), Own as unknown as DeviceClass)).not.toThrow();
  });

  test("are hidden by no member of a parent's class, which a child without any has", () => {
    class Parent extends SysBusDevice.with({ type: "parent" }) {
      // @ts-expect-error the declaration has it
      override trace() {}
    }
    const With = Reflect.apply(SysBusDevice.with, Parent, [{ type: "child", traces: { a: () => "" } }]);
    expect(() => checkDeclaration(With as DeviceClass)).toThrow(
      new DeclarationError("child: the class has a member trace, which hides the trace events"),
    );
    const Without = Reflect.apply(SysBusDevice.with, Parent, [{ type: "child" }]);
    expect(() => checkDeclaration(Without as DeviceClass)).not.toThrow();
  });
});

describe("registers", () => {
  test.each(["ram", "rom", "container"])("are not those of a region of kind %s", (kind) => {
    const cls = declare({ a: { kind, size: 8 } });
    expect(() => Reflect.apply(registers, undefined, [cls, "a", {}])).toThrow(
      new DeclarationError(`bad: region a is of kind ${kind}, which has no registers`),
    );
  });

  test("have 4 bytes", () => {
    const cls = declare({ a: { ...regs, handled: { max: 8 } } });
    expect(() => compile(cls, "a", { R: { at: 0, ignoresWrites: true } })).toThrow(
      new DeclarationError("bad: region a: handled.max is 8, and registers have 4 bytes"),
    );
    expect(() => compile(cls, "a", {})).not.toThrow();
  });
});

import { describe, expect, test } from "bun:test";
import {
  bool,
  chardev,
  clockState,
  DeclarationError,
  type DeviceClass,
  type DeviceSpec,
  registers,
  SysBusDevice,
  string,
  struct,
  subsection,
  u8,
  u32,
  unused,
} from "qemu-script";
import PL011 from "../../../devices/pl011.ts";
import { checkDeclaration, checkMade, propertyName } from "../../../host/device/check.ts";
import { describe as describeClass } from "../../../host/device/describe.ts";
import { has, memberOf } from "../../../host/device/members.ts";
import { makeDevice } from "./instance.ts";

/** Declares what the type checker would refuse, or cannot see. */
function declare(spec: object): DeviceClass {
  return Reflect.apply(SysBusDevice.with, SysBusDevice, [{ type: "bad", ...spec }]) as DeviceClass;
}

const accepts = (spec: object) => expect(() => checkDeclaration(declare(spec))).not.toThrow();
const refuses = (spec: object, reason: string) =>
  expect(() => checkDeclaration(declare(spec))).toThrow(new DeclarationError(`bad: ${reason}`));

describe("a declaration is accepted", () => {
  test("of the PL011", () => {
    expect(() => checkDeclaration(PL011 as unknown as DeviceClass)).not.toThrow();
  });

  test("with nothing but a type", () => {
    accepts({});
  });

  test("of a class without a body", () => {
    accepts({ state: { value: u32, list: u8.array(3), gap: unused(1) } });
  });

  test("and refused before it is described", () => {
    expect(() => describeClass(declare({ irqs: ["a", "a"] }))).toThrow(DeclarationError);
  });
});

describe("a field", () => {
  test.each([
    ...["config", "irqs", "clocks", "object", "constructor"],
    ...[
      "realize",
      "unrealize",
      "reset",
      "receive",
      "receiveBreak",
      "postLoad",
      "clockChanged",
      "timerExpired",
      "migrate",
      "reloaded",
      "retire",
    ],
  ])("cannot be called %s", (name) => {
    refuses({ state: { [name]: u32 } }, `a field cannot be called ${name}`);
  });

  // JavaScript would move it to the front of the migration stream, or take it for something else.
  test.each(["0", "12", "__proto__", "a-b", ""])("cannot be called %j", (name) => {
    refuses({ state: { a: u32, [name]: u32 } }, `a field cannot be called ${name}`);
  });

  test("can be called room: a receiver may keep its room in its state", () => {
    class Receiver extends SysBusDevice.with({ type: "receiver", state: { room: u32 } }) {}
    expect(() => checkDeclaration(Receiver as DeviceClass)).not.toThrow();
  });

  test("cannot be hidden by a method or a getter", () => {
    const hidden = declare({ state: { value: u32 } }) as DeviceClass<DeviceSpec, object>;
    const reason = new DeclarationError(
      "bad: the class has a member value, which hides the field of that name",
    );
    class Method extends hidden {
      value() {}
    }
    class Getter extends hidden {
      get value() {
        return 1;
      }
    }
    for (const cls of [Method, Getter]) {
      expect(() => checkDeclaration(cls as unknown as DeviceClass)).toThrow(reason);
    }
  });

  test("cannot be hidden by a class between", () => {
    class Method extends (declare({ state: { value: u32 } }) as DeviceClass<DeviceSpec, object>) {
      value() {}
    }
    class Child extends Method {}
    expect(() => checkDeclaration(Child as unknown as DeviceClass)).toThrow(DeclarationError);
  });

  test.each([0, -4, 1.5, Number.NaN])("of unused space cannot have %p bytes", (count) => {
    refuses({ state: { gap: unused(count) } }, `gap: unused(${count}) makes no sense`);
  });
});

test("a class cannot have both names of the hold phase", () => {
  class Both extends SysBusDevice.with({ type: "both" }) {
    reset() {}
    resetHold() {}
  }
  expect(() => checkDeclaration(Both as unknown as DeviceClass)).toThrow(
    new DeclarationError("both: Both has both reset() and resetHold(), which are two names of one phase"),
  );
});

describe("what the host calls must be methods", () => {
  const Plain = SysBusDevice.with({ type: "plain" });

  test.each(["reset", "migrate", "reloaded", "retire"])("%s", (name) => {
    class Odd extends Plain {}
    Object.defineProperty(Odd.prototype, name, { get: () => () => {} });
    expect(() => checkDeclaration(Odd as unknown as DeviceClass)).toThrow(
      new DeclarationError(`plain: Odd.${name} must be a method`),
    );
  });

  test("of the class, not functions that each device has", () => {
    class Arrow extends Plain {
      readonly reloaded = () => {};
    }
    expect(() => checkDeclaration(Arrow as DeviceClass)).not.toThrow();
    expect(() => checkMade(makeDevice(Arrow), Arrow as DeviceClass)).toThrow(
      new DeclarationError("plain: reloaded must be a method of Arrow, not a field of its devices"),
    );
  });

  test("and may be those of a class between", () => {
    class Between extends Plain {
      retire() {}
    }
    class Child extends Between {}
    expect(() => checkDeclaration(Child as unknown as DeviceClass)).not.toThrow();
  });
});

describe("a made device", () => {
  class Probe extends SysBusDevice.with({ type: "probe", state: { value: u32, gap: unused(1) } }) {
    readonly own = 1;
    readonly gap = 2;
  }

  test("can have properties of its own", () => {
    expect(() => checkMade(makeDevice(Probe), Probe as DeviceClass)).not.toThrow();
  });

  test("cannot have one that hides a field", () => {
    class Hiding extends Probe {
      override value = 3;
    }
    expect(() => checkMade(makeDevice(Hiding), Hiding as DeviceClass)).toThrow(
      new DeclarationError(
        "probe: the class declares value, which hides the field of that name; give the field its value in `state`",
      ),
    );
  });
});

describe("a property", () => {
  test("is named as it says, or by its key in kebab-case", () => {
    expect(propertyName("migrateClk", bool({}))).toBe("migrate-clk");
    expect(propertyName("plain", bool({}))).toBe("plain");
    expect(propertyName("anything", bool({ name: "asItIs" }))).toBe("asItIs");
  });

  // QEMU would abort.
  test("is the only one of its name", () => {
    refuses({ properties: { a: bool({ name: "x" }), b: u32({ name: "x" }) } }, "there are two properties x");
    refuses({ properties: { aB: bool({}), "a-b": u32({}) } }, "there are two properties a-b");
  });

  // Those that hw/core/qdev.c and qom/object.c add.
  test.each(["realized", "hotpluggable", "hotplugged", "parent_bus", "type"])(
    "cannot be called %s",
    (name) => {
      refuses({ properties: { [name]: string() } }, `there are two properties ${name}: every device has one`);
    },
  );

  test.each(["", "a b", "a,b", "a=b", "-a", "9a", "a\n"])("cannot be called %j", (name) => {
    refuses({ properties: { a: chardev({ name }) } }, `property a: '${name}' is no name for a property`);
  });

  test.each(["a", "x-a", "a.b", "A_9"])("can be called %j", (name) => {
    accepts({ properties: { a: chardev({ name }) } });
  });
});

describe("a clock", () => {
  test("is the only one of its name, among properties too", () => {
    const reason = (name: string) => `clock ${name}: there is a property or clock of that name`;
    refuses({ clocks: ["a", "b", "a"] }, reason("a"));
    refuses({ properties: { clk: u32({}) }, clocks: ["clk"] }, reason("clk"));
    refuses({ clocks: ["realized"] }, reason("realized"));
    refuses({ clocks: ["a"], clockOutputs: ["a"] }, reason("a"));
    refuses({ clockOutputs: ["a", "a"] }, reason("a"));
    accepts({ clocks: ["a", "b"], clockOutputs: ["c"] });
  });
});

test.each(["", "a b", "9", "a/b"])("a clock cannot be called %j", (name) => {
  refuses({ clocks: [name] }, `clock ${name}: that is no name for a clock`);
  refuses({ clockOutputs: [name] }, `clock ${name}: that is no name for a clock`);
});

test("a clock's method must be there", () => {
  refuses({ clocks: [{ name: "a", changed: "gone" }] }, "clock a: Declaration has no method gone()");
});

describe("a clock's place in the stream", () => {
  test("is that of a clock of the device", () => {
    refuses({ clocks: ["a"], state: { c: clockState("b") } }, "c: there is no clock b");
    accepts({ clocks: ["a"], clockOutputs: ["b"], state: { c: clockState("b"), d: clockState("a") } });
  });

  test("can be in a subsection, not in a struct", () => {
    accepts({ clocks: ["a"], state: { s: subsection({ state: { c: clockState("a") } }) } });
    refuses(
      { clocks: ["a"], state: { s: struct({ c: clockState("a") }) } },
      "s.c: a clock is a part of the state or of a subsection, not of a struct",
    );
    refuses(
      { clocks: ["a"], state: { s: subsection({ state: { c: clockState("b") } }) } },
      "c: there is no clock b",
    );
  });
});

describe("an interrupt line", () => {
  test("is the only one of its name", () => {
    refuses({ irqs: ["a", "b", "a"] }, "two interrupt lines have the same name");
  });

  test("cannot have the name of what drives them all", () => {
    refuses({ irqs: ["a", "drive"] }, "an interrupt line cannot be called drive");
    refuses({ irqs: ["a", { name: "follow", bits: 1 }] }, "an interrupt line cannot be called follow");
  });

  test("carries some of 32 bits", () => {
    accepts({ irqs: ["a", { name: "b", bits: 0xffffffff }, { name: "c", bits: 1 }] });
    for (const bits of [0, -1, 1.5, 2 ** 32, Number.NaN]) {
      refuses({ irqs: [{ name: "b", bits }] }, "interrupt line b: bits is a mask of 1 to 0xffffffff");
    }
    refuses({ irqs: ["b", { name: "b", bits: 1 }] }, "two interrupt lines have the same name");
  });

  test("is one of 32 at most, which is what drive() takes", () => {
    const lines = (length: number) => ({ irqs: Array.from({ length }, (_, i) => `line${i}`) });
    accepts(lines(32));
    refuses(lines(33), "33 interrupt lines: 32 at most");
  });
});

describe("a region", () => {
  test.each([0, -4, 1.5, Number.NaN, 2 ** 53])("cannot have %p bytes", (size) => {
    refuses({ regions: { regs: { size } } }, `region regs: a size of ${size} bytes makes no sense`);
  });

  test("has 4 GiB at most, for offsets have 32 bits", () => {
    accepts({ regions: { regs: { size: 2 ** 32 } } });
    refuses(
      { regions: { regs: { size: 2 ** 32 + 1 } } },
      "region regs: 4294967297 bytes of registers: 4 GiB at most",
    );
  });

  test("has a smallest access no larger than the largest, 1 and 8 if not said", () => {
    const reason = "region regs: valid.min is larger than valid.max";
    refuses({ regions: { regs: { size: 8, valid: { min: 8, max: 4 } } } }, reason);
    accepts({ regions: { regs: { size: 8, valid: { min: 4, max: 4 } } } });
    accepts({ regions: { regs: { size: 8, valid: { min: 8 } } } });
  });

  test("has the same for what is handled, 4 if not said", () => {
    const reason = "region regs: handled.min is larger than handled.max";
    refuses({ regions: { regs: { size: 8, handled: { min: 4, max: 1 } } } }, reason);
    refuses({ regions: { regs: { size: 8, handled: { max: 2 } } } }, reason);
    accepts({ regions: { regs: { size: 8, handled: { min: 1 } } } });
  });
});

describe("a migration section", () => {
  test.each([-1, 1.5, 2 ** 31, Number.NaN])("cannot have version %p", (version) => {
    refuses({ migration: { version } }, `migration: ${version} is no version`);
    refuses({ migration: { version: 3, minimum: version } }, `migration: ${version} is no version`);
  });

  test("cannot demand more than it writes", () => {
    refuses({ migration: { minimum: 2 } }, "migration: the minimum version, 2, is above the version, 1");
    accepts({ migration: { version: 2, minimum: 2 } });
    accepts({ migration: { version: 0 } });
  });
});

describe("members are looked up", () => {
  class Base extends SysBusDevice.with({ type: "base", state: { value: u32 } }) {
    method() {}
    get getter(): never {
      throw new Error("run");
    }
  }
  class Child extends Base {
    other() {}
  }
  const cls = Child as DeviceClass;

  test("along the chain of classes", () => {
    expect([has(cls, "method"), has(cls, "other"), has(cls, "nowhere")]).toEqual([true, true, false]);
    expect(memberOf(cls, "nowhere")).toBeUndefined();
  });

  test("without running a getter", () => {
    expect([has(cls, "getter"), has(cls, "value")]).toEqual([false, false]);
    expect(memberOf(cls, "value")?.set).toBeFunction();
    expect(memberOf(cls, "getter")?.set).toBeUndefined();
  });
});

test("a class without a body can have registers", () => {
  const cls = declare({ regions: { regs: { size: 4 } }, state: { value: u32 } });
  expect(() => Reflect.apply(registers, undefined, [cls, "regs", {}])).not.toThrow();
});

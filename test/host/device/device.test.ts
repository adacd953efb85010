import { describe, expect, test } from "bun:test";
import { Device, SysBusDevice, u32 } from "qemu-script";
import { make } from "../../../host/device/device.ts";
import { makeDevice } from "./instance.ts";

class Probe extends SysBusDevice.with({
  type: "probe",
  irqs: ["out"],
  state: { value: u32(7) },
}) {
  readonly seen = { value: this.value, config: this.config, irqs: this.irqs, clocks: this.clocks };
  readonly ownName = "probe";
}

describe("a device", () => {
  const given = { config: { a: 1 }, irqs: { out: {} }, clocks: {} };

  test("finds its state, config, lines and clocks in its field initializers", () => {
    expect(makeDevice(Probe, given).seen).toEqual({ value: 7, ...given } as never);
  });

  test("finds them in its constructor", () => {
    let seen: unknown;
    class Eager extends Probe {
      constructor() {
        super();
        seen = [this.value, this.config];
      }
    }
    makeDevice(Eager, given);
    expect(seen).toEqual([7, { a: 1 }]);
  });

  test("is what its class says", () => {
    const probe = makeDevice(Probe);
    expect(probe).toBeInstanceOf(Probe);
    expect(probe).toBeInstanceOf(SysBusDevice);
    expect(probe).toBeInstanceOf(Device);
  });

  test("cannot have its lines or configuration replaced", () => {
    const probe = makeDevice(Probe, given);
    for (const change of [{ config: {} }, { irqs: {} }, { clocks: {} }]) {
      expect(() => Object.assign(probe, change)).toThrow(TypeError);
    }
  });
});

describe("made by a script", () => {
  const message = "Probe cannot be made by a script: QEMU makes it, by -device or a board";

  test("a device throws", () => {
    expect(() => new Probe()).toThrow(new TypeError(message));
  });

  test("it throws after QEMU made one", () => {
    makeDevice(Probe);
    expect(() => new Probe()).toThrow(message);
  });

  test("it throws after QEMU failed to make one", () => {
    class Failing extends Probe {
      constructor() {
        super();
        throw new RangeError("no");
      }
    }
    class Early extends Probe {
      constructor() {
        if (Date.now() > 0) {
          throw new RangeError("no");
        }
        super();
      }
    }
    expect(() => makeDevice(Failing)).toThrow("no");
    expect(() => new Probe()).toThrow(message);
    expect(() => makeDevice(Early)).toThrow("no");
    expect(() => new Probe()).toThrow(message);
  });

  test("it throws while QEMU makes another", () => {
    class Nested extends Probe {
      readonly inner = new Probe();
    }
    expect(() => makeDevice(Nested)).toThrow(message);
  });
});

describe("with()", () => {
  test("keeps the declaration for the host", () => {
    const spec = { type: "kept", state: { a: u32, b: u32 } } as const;
    const cls = SysBusDevice.with(spec);
    expect(cls.spec).toBe(spec);
    expect(cls.layout.slots.map(({ name, offset }) => [name, offset])).toEqual([
      ["a", 0],
      ["b", 4],
    ]);
  });

  test("makes a class for each declaration", () => {
    const [one, other] = ["one", "other"].map((type) => SysBusDevice.with({ type }));
    expect(one).not.toBe(other);
    expect(one!.spec.type).toBe("one");
  });
});

test("make() hands over what it was given, once", () => {
  const own = { config: { value: 1 } };
  class Bare extends Device {}
  expect(make(Bare, own)).toMatchObject({ config: 1 });
  expect(() => new Bare()).toThrow(TypeError);
});

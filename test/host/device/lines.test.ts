import { describe, expect, test } from "bun:test";
import {
  chardev,
  DeclarationError,
  type DeviceClass,
  type DeviceSpec,
  lines,
  SysBusDevice,
  u32,
} from "qemu-script";
import { checkDeclaration } from "../../../host/device/check.ts";
import { servedBy } from "../../../host/device/receivers.ts";

/** A class of this declaration, which the type checker may refuse, with these members. */
function declare(spec: object, members: object = {}): DeviceClass {
  const base: DeviceClass<DeviceSpec, object> = Reflect.apply(SysBusDevice.with, SysBusDevice, [
    { type: "bad", ...spec },
  ]);
  class Bad extends base {}
  Object.defineProperties(Bad.prototype, Object.getOwnPropertyDescriptors(members));
  return Bad as unknown as DeviceClass;
}

const accepts = (spec: object, members?: object) =>
  expect(() => checkDeclaration(declare(spec, members))).not.toThrow();
const refuses = (spec: object, reason: string, members?: object) =>
  expect(() => checkDeclaration(declare(spec, members))).toThrow(new DeclarationError(`bad: ${reason}`));

describe("GPIO lines", () => {
  test.each([0, -1, 1.5, Number.NaN, 1025])("cannot be %p", (count) => {
    refuses({ inputs: { pins: lines(count) } }, `inputs.pins: ${count} lines: 1 to 1024 are possible`);
    refuses({ outputs: { pins: lines(count) } }, `outputs.pins: ${count} lines: 1 to 1024 are possible`);
  });

  test("can be one, and many", () => {
    accepts({ inputs: { one: lines(1), many: lines(1024) }, outputs: { leds: lines(33) } });
  });

  // QEMU would abort, or mistake one for the other.
  test("have a name that no others have, either way", () => {
    const reason = "outputs.b: there are other lines called a";
    refuses({ inputs: { a: lines(1) }, outputs: { b: lines(1, { name: "a" }) } }, reason);
    refuses(
      { inputs: { a: lines(1), b: lines(1, { name: "a" }) } },
      "inputs.b: there are other lines called a",
    );
  });

  test("without a name are one array each way", () => {
    const bare = lines(1, { anonymous: true });
    accepts({ inputs: { a: bare }, outputs: { a: bare } });
    refuses({ inputs: { a: bare, b: bare } }, "inputs.b: there are other lines called unnamed inputs");
    refuses({ outputs: { a: bare, b: bare } }, "outputs.b: there are other lines called unnamed outputs");
    refuses(
      { inputs: { a: lines(1, { anonymous: true, name: "b" }) } },
      "inputs.a: anonymous lines have no name",
    );
  });

  test.each(["a b", "a[0]", "9", "", "sysbus-irq"])("cannot be called %j", (name) => {
    refuses({ inputs: { a: lines(1, { name }) } }, `inputs.a: '${name}' is no name for lines`);
  });

  test("are heard by a method that there is", () => {
    const inputs = { a: lines(1, { changed: "heard" }) };
    refuses({ inputs }, "inputs.a: Bad has no method heard()");
    accepts({ inputs }, { heard() {} });
    refuses({ outputs: inputs }, "outputs.a: nothing calls heard() when an output changes");
  });
});

describe("a character device", () => {
  const nothing = () => {};

  test("has methods that there are", () => {
    for (const part of ["receive", "receiveBreak", "event"]) {
      const properties = { line: chardev({ [part]: "rx" }) };
      refuses({ properties, state: { room: u32 } }, "property line: Bad has no method rx()");
      accepts({ properties, state: { room: u32 } }, { rx: nothing });
    }
  });

  test("has room where it says, in a getter or a field", () => {
    const properties = { line: chardev({ receive: "rx", room: "left" }) };
    const reason = "property line: Bad has no getter or field left";
    refuses({ properties }, reason, { rx: nothing });
    refuses({ properties }, reason, { rx: nothing, left: nothing });
    accepts({ properties, state: { left: u32 } }, { rx: nothing });
    accepts(
      { properties },
      {
        rx: nothing,
        get left() {
          return 1;
        },
      },
    );
  });

  test("has the trait's room, which may be a plain property, but no method", () => {
    const properties = { line: chardev() };
    accepts({ properties }, { receive: nothing });
    refuses({ properties }, "property line: Bad has no getter or field room", {
      receive: nothing,
      room: nothing,
    });
  });

  test("shares its room with no other", () => {
    const properties = { a: chardev(), b: chardev() };
    refuses({ properties }, "properties a and b have the same room: give each a `room` of its own", {
      receive: nothing,
    });
    accepts(
      { properties: { a: chardev(), b: chardev({ room: "other" }) }, state: { other: u32 } },
      {
        receive: nothing,
      },
    );
  });

  test("needs no room if nothing receives, and must not name one then", () => {
    accepts({ properties: { a: chardev(), b: chardev() } });
    refuses(
      { properties: { a: chardev({ room: "left" }) }, state: { left: u32 } },
      "property a: room left and nothing that receives: give it `receive`",
    );
  });

  test("is served by its own methods, else by the traits'", () => {
    const properties = { a: chardev({ receive: "rx", room: "left", event: "ev" }), b: chardev() };
    const members = { rx: nothing, ev: nothing, receive: nothing, receiveBreak: nothing };
    const served = servedBy(declare({ properties, state: { left: u32 } }, members));
    expect(served).toMatchObject([
      { key: "a", receive: "rx", room: "left", receiveBreak: "receiveBreak", event: "ev" },
      { key: "b", receive: "receive", room: "room", receiveBreak: "receiveBreak", event: undefined },
    ]);
  });
});

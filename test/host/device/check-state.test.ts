import { describe, expect, test } from "bun:test";
import {
  bool,
  DeclarationError,
  type DeviceClass,
  SysBusDevice,
  since,
  struct,
  subsection,
  timer,
  u8,
  u32,
  unused,
} from "qemu-script";
import { checkDeclaration } from "../../../host/device/check.ts";

/** Declares what the type checker would refuse, or cannot see. */
function declare(spec: object, members: Record<string, unknown> = {}): DeviceClass {
  const base = Reflect.apply(SysBusDevice.with, SysBusDevice, [{ type: "bad", ...spec }]) as new () => object;
  const cls = class Bad extends base {};
  Object.assign(cls.prototype, members);
  return cls as unknown as DeviceClass;
}

const nothing = () => {};
const accepts = (spec: object, members?: Record<string, unknown>) =>
  expect(() => checkDeclaration(declare(spec, members))).not.toThrow();
const refuses = (spec: object, reason: string, members?: Record<string, unknown>) =>
  expect(() => checkDeclaration(declare(spec, members))).toThrow(new DeclarationError(`bad: ${reason}`));

const sub = (options: object = {}) => subsection({ state: { x: u8 }, ...options });

describe("a struct", () => {
  test("may have structs, and be an array", () => {
    accepts({ state: { s: struct({ t: struct({ a: u8 }).array(2) }).array(3) } });
  });

  test("has fields", () => {
    refuses({ state: { s: struct({}) } }, "s: a struct without fields makes no sense");
    refuses({ state: { s: struct({ gap: unused(1) }) } }, "s: a struct without fields makes no sense");
    refuses(
      { state: { s: struct({ a: u8, t: struct({}) }) } },
      "s.t: a struct without fields makes no sense",
    );
  });

  test.each(["0", "__proto__", "a-b", ""])("has no field called %j", (name) => {
    const fields = Object.fromEntries([
      ["a", u8],
      [name, u8],
    ]);
    refuses({ state: { s: struct(fields) } }, `s.${name}: a field cannot be called ${name}`);
  });

  test("has no sections, timers and versions of its own", () => {
    refuses(
      { state: { s: struct({ a: sub() }) } },
      "s.a: a subsection is a part of the state itself, not of a struct",
    );
    const late = struct({ a: since(1, u8) });
    refuses({ state: { s: late } }, "s.a: since(): a struct has no version of its own: say it of s");
    const timed = struct({ a: timer({ expired: "nothing" }) });
    refuses({ state: { s: timed } }, "s.a: a timer is a part of the state itself, not of a struct");
  });

  test("has space that makes sense", () => {
    refuses({ state: { s: struct({ a: u8, gap: unused(0) }) } }, "s.gap: unused(0) makes no sense");
  });
});

describe("a subsection", () => {
  test("may have all there is", () => {
    const options = {
      name: "more",
      version: 3,
      minimum: 2,
      needed: "isNeeded",
      state: { x: u8, y: since(3, u32) },
    };
    accepts({ state: { a: subsection(options) } }, { isNeeded: nothing });
  });

  test("has fields", () => {
    refuses({ state: { a: sub({ state: {} }) } }, "a: a subsection without fields makes no sense");
  });

  test("has no subsections and timers of its own", () => {
    const inner = { state: { b: sub() } };
    refuses(
      { state: { a: sub(inner) } },
      "a.b: a subsection is a part of the state itself, not of a subsection",
    );
    const timed = { state: { b: timer({ expired: "nothing" }) } };
    refuses({ state: { a: sub(timed) } }, "a.b: a timer is a part of the state itself, not of a subsection");
  });

  test.each(["a/b", "", "a b", "\u00e4"])("is not called %j", (name) => {
    refuses({ state: { a: sub({ name }) } }, `a: '${name}' is no name for a subsection`);
  });

  test("has a name that no other begins with", () => {
    const two = (one: string, other: string) => ({
      state: { a: sub({ name: one }), b: sub({ name: other }) },
    });
    refuses(two("same", "same"), "there are two subsections same");
    const reason = "subsection more: QEMU cannot tell it from moreover, which begins with the same letters";
    refuses(two("more", "moreover"), reason);
    refuses(two("moreover", "more"), reason);
    refuses({ state: { blob: sub() } }, "there are two subsections blob", { save: nothing, load: nothing });
  });

  test("has a method to ask, or a property", () => {
    const state = { a: sub({ needed: "isNeeded" }) };
    accepts({ state, properties: { isNeeded: bool({ default: true }) } });
    const reason = "a: needed: Bad has no method isNeeded(), and no property isNeeded of kind bool";
    refuses({ state }, reason);
    refuses({ state, properties: { isNeeded: u8({ default: 1 }) } }, reason);
  });

  test("has versions that make sense", () => {
    refuses({ state: { a: sub({ version: -1 }) } }, "a: -1 is no version");
    const reason = "a: the minimum version, 3, is above the version, 2";
    refuses({ state: { a: sub({ version: 2, minimum: 3 }) } }, reason);
    const late = { version: 2, state: { x: since(3, u8) } };
    refuses({ state: { a: sub(late) } }, "a.x: since(3) is above the version, 2");
  });

  test("is one of 31 at most", () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`s${String(i).padStart(2, "0")}`, sub()]));
    accepts({ state: many(31) });
    refuses({ state: many(32) }, "32 subsections: 31 at most");
  });
});

describe("migration", () => {
  test("may have all there is", () => {
    const migration = {
      name: "x",
      version: 3,
      minimum: 1,
      priority: "iommu",
      unmigratable: "why",
      validate: ["fits"],
    };
    accepts({ migration, state: { a: since(3, u8) } }, { fits: nothing });
    accepts({ migration: { unmigratable: true } });
  });

  test("knows no version above its own", () => {
    refuses({ migration: { version: 2 }, state: { a: since(3, u8) } }, "a: since(3) is above the version, 2");
    const both = since(1, sub());
    refuses(
      { state: { a: both } },
      "a: since() makes no sense for a subsection, which may be missing anyway",
    );
  });

  test.each(["", "a b", "\u00e4", "x".repeat(101)])("has no section called %j", (name) => {
    refuses({ migration: { name } }, `migration: '${name}' is no name for a section`);
  });

  test("has QEMU's priorities", () => {
    refuses({ migration: { priority: "first" } }, "migration: there is no priority first");
  });

  test.each([false, "", 0, null])("is not unmigratable: %p", (unmigratable) => {
    refuses({ migration: { unmigratable } }, "migration: unmigratable is true or a reason");
  });

  test("has methods to ask", () => {
    refuses({ migration: { validate: ["fits"] } }, "migration: validate: Bad has no method fits()");
  });

  test("loads the bytes that it saves", () => {
    accepts({}, { save: nothing, load: nothing });
    refuses({}, "Bad has save() but no load()", { save: nothing });
  });

  test("has nothing to do with a load() that loads something else", () => {
    accepts({}, { load: nothing });
  });
});

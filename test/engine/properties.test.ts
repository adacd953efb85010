/** Properties of scripted devices, as users give them and QEMU shows them. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { NAME } from "../lib/program.ts";
import { endAll, HEADLESS, Qemu, script } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];

/** Prints its configuration when it is realized. */
const CONFIGURED = `
  import { array, bit, bool, enumeration, i32, i64, link, size, string, SysBusDevice, u8, u16, u32, u64 } from "qemu-script";
  const show = (_: string, value: unknown) =>
    typeof value === "bigint" ? \`\${value}n\`
    : Array.isArray(value) && !Object.isFrozen(value) ? "not frozen" : value;
  export default class Configured extends SysBusDevice.with({
    type: "configured",
    properties: {
      on: bool({ default: true }),
      byte: u8({ default: 200 }),
      half: u16({}),
      word: u32({ default: 4294967295 }),
      long: u64({ default: 18446744073709551615n }),
      signed: i32({ default: -5 }),
      signedLong: i64({ default: -9223372036854775808n }),
      room: size({ default: 4096n }),
      label: string({ default: "none", description: "what it is called" }),
      empty: string(),
      mode: enumeration(["slow", "fast", "x-2.5"], { default: "fast", description: "how fast" }),
      first: enumeration(["a", "b"]),
      peer: link("device", { description: "what comes behind it" }),
      pins: array(u32, { description: "which pins" }),
      names: array(string),
      longs: array(u64),
      modes: array(enumeration(["in", "out"])),
      flags: array(bool),
      pullup: bit({ in: "pulls", at: 3, default: true, description: "pull it up" }),
      pulldown: bit({ in: "pulls", at: 31 }),
      other: bit({ in: "quirks", at: 0 }),
    },
  }) {
    realize() {
      console.error(JSON.stringify(this.config, show));
    }
  }
`;

const DEFAULTS = {
  on: true,
  byte: 200,
  half: 0,
  word: 4294967295,
  long: "18446744073709551615n",
  signed: -5,
  signedLong: "-9223372036854775808n",
  room: "4096n",
  label: "none",
  empty: "",
  mode: "fast",
  first: "a",
  peer: null,
  pins: [],
  names: [],
  longs: [],
  modes: [],
  flags: [],
  pullup: true,
  pulldown: false,
  other: false,
  pulls: 8,
  quirks: 0,
};

const start = async (given: object, more: readonly string[] = []) => {
  const path = script(CONFIGURED);
  const json = JSON.stringify({ driver: "configured", id: "c0", ...given });
  const args = [...MACHINE, "-script", `path=${path}`, ...more, "-device", json];
  const qemu = await Qemu.start({ args, qtest: true });
  await qemu.stderr.waitFor("}\n", SOON_MS);
  return qemu;
};

/** What the device printed; the tests' own lines are bytes. */
const parse = (line: string) => JSON.parse(Buffer.from(line, "latin1").toString()) as object;

const configured = async (given: object, more?: readonly string[]) =>
  parse((await start(given, more)).stderr.lines.at(-1)!);

/** As -device's own syntax has it. @returns what QEMU says, after its name */
async function refusal(options: string): Promise<string> {
  const args = [...MACHINE, "-script", `path=${script(CONFIGURED)}`, "-device", options];
  const { status, stderr } = await Qemu.run(args);
  expect(status).toBe(1);
  return stderr.trimEnd().replace(/^.*?: -device .*?: (?=[^ ])/s, "");
}

describe("the configuration", () => {
  test("is the defaults if the user gives nothing", async () => {
    expect(await configured({})).toEqual(DEFAULTS);
  });

  test("has what the user gives, with every digit and every character", async () => {
    const given = {
      on: false,
      byte: 0,
      half: 65535,
      word: 0,
      signed: 2147483647,
      label: 'a "quoted"\\ line\nand another\t\u0001 with \u00e4\u20ac\u{1f600}',
      empty: " ",
      mode: "x-2.5",
      first: "b",
      pins: [1, 2, 4294967295],
      names: ["one, two", "", 'q"q\n\u{1f600}'],
      modes: ["out", "in", "out"],
      flags: [true, false],
      pullup: false,
      pulldown: true,
      other: true,
    };
    const derived = { pulls: 2147483648, quirks: 1 };
    expect(await configured(given)).toEqual({ ...DEFAULTS, ...given, ...derived });
  });

  test("keeps 64 bits exact, in arrays too", async () => {
    // Digits that JSON.stringify() cannot write: as -device's own syntax has them, and -global for the list.
    const path = script(CONFIGURED);
    const options = "configured,long=9007199254740993,signed-long=-9007199254740993,room=8E";
    const longs = '{"driver":"configured","longs":[18446744073709551615,9007199254740993,0]}';
    const args = [...MACHINE, "-script", `path=${path}`, "-device", options, "-device", longs];
    const qemu = await Qemu.start({ args, qtest: true });
    await qemu.stderr.waitFor("}\n", SOON_MS);
    await qemu.stderr.waitFor("}\n", SOON_MS);
    const [first, second] = qemu.stderr.lines.map(parse);
    expect(first).toMatchObject({
      long: "9007199254740993n",
      signedLong: "-9007199254740993n",
      room: "9223372036854775808n",
    });
    expect(second).toMatchObject({ longs: ["18446744073709551615n", "9007199254740993n", "0n"] });
  });

  test("has a handle of a linked object", async () => {
    const other = ["-device", "configured,id=other"];
    const config = await configured({ peer: "/machine/peripheral/other" }, other);
    expect(config).toMatchObject({ peer: "/machine/peripheral/other" });
  });

  test("takes -global and user-friendly forms", async () => {
    const more = ["-global", "configured.mode=slow", "-global", "configured.room=1M"];
    expect(await configured({}, more)).toMatchObject({ mode: "slow", room: "1048576n" });
  });
});

describe("QEMU refuses", () => {
  test.each([
    [
      "a name that is none of an enumeration's",
      "mode=middling",
      "Parameter 'mode' does not accept value 'middling'",
    ],
    ["a number that does not fit", "byte=256", "Parameter 'byte' expects uint8_t"],
    ["a bit that is no boolean", "pullup=7", "Parameter 'pullup' expects 'on' or 'off'"],
    ["a link to nothing", "peer=nobody", "Device 'nobody' not found"],
    [
      "a link to an object of another type",
      "peer=/objects",
      "Invalid parameter type for 'peer', expected: device",
    ],
    ["a list in the old form", "len-pins=2", "Property 'configured.len-pins' not found"],
    ["a property that is not there", "nothing=1", "Property 'configured.nothing' not found"],
  ])("%s", async (_, option, message) => {
    expect(await refusal(`configured,${option}`)).toContain(message);
  });

  test("elements that do not fit, of lists", async () => {
    const list = (json: string) => refusal(`{"driver":"configured",${json}}`);
    expect(await list('"pins":[4294967296]')).toContain("expects uint32_t");
    expect(await list('"modes":["sideways"]')).toContain("does not accept value 'sideways'");
    expect(await list('"pins":7')).toContain("Invalid parameter type for 'pins', expected: array");
  });

  test.each([
    ["mode", "slow"],
    ["word", 7],
    ["label", "late"],
    ["pins", [1]],
    ["pullup", false],
  ])("to set %s after realize", async (property, value) => {
    const { qmp } = await start({});
    const path = "/machine/peripheral/c0";
    const message = `Attempt to set property '${property}' on device 'c0' (type 'configured') after it was realized`;
    await expect(qmp.execute("qom-set", { path, property, value })).rejects.toThrow(message);
  });

  test("to set a link after realize", async () => {
    const { qmp } = await start({});
    const path = "/machine/peripheral/c0";
    const set = qmp.execute("qom-set", { path, property: "peer", value: path });
    await expect(set).rejects.toThrow(
      "Attempt to set link property 'peer' on device 'c0' (type 'configured') after it was realized",
    );
  });
});

describe("-device TYPE,help", () => {
  test("shows names, types, descriptions and defaults", async () => {
    const args = [...MACHINE, "-script", `path=${script(CONFIGURED)}`, "-device", "configured,help"];
    const { status, stdout, stderr } = await Qemu.run(args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const lines = stdout.split("\n").map((line) => line.trim().replace(/ +/g, " "));
    for (const line of [
      "byte=<uint8> - (default: 200)",
      "label=<str> - what it is called (default: none)",
      "mode=<enum> - how fast, slow/fast/x-2.5 (default: fast)",
      "first=<enum> - a/b (default: a)",
      "long=<uint64> - (default: 18446744073709551615)",
      "signed=<int32> - (default: -5)",
      "peer=<link<device>> - what comes behind it",
      "pins=<list> - which pins (default: [])",
      "pullup=<bool> - pull it up (default: on)",
      "pulldown=<bool> - on/off",
    ]) {
      expect(lines).toContain(line);
    }
  });
});

test("qom-get reads them back as they were given", async () => {
  const { qmp } = await start({ pins: [3, 1], modes: ["out"], mode: "slow", names: ["\u20ac"] });
  const get = (property: string) => qmp.execute("qom-get", { path: "/machine/peripheral/c0", property });
  expect(await get("pins")).toEqual([3, 1]);
  expect(await get("modes")).toEqual(["out"]);
  expect(await get("mode")).toBe("slow");
  expect(await get("names")).toEqual(["\u20ac"]);
  expect(await get("pullup")).toBe(true);
  expect(await get("peer")).toBe("");
});

test("a linked object's handle is of its class, and ends with the object that has the link", async () => {
  const path = script(`
    import { DeviceRef, link, ObjectRef, QomObject, SysBusDevice } from "qemu-script";
    let kept;
    class Refused extends QomObject.with({ type: "refused", properties: { peer: link(DeviceRef) } }) {
      realize() {
        kept = this.config;
        throw new Error("not to be");
      }
    }
    export default class Maker extends SysBusDevice.with({
      type: "maker",
      properties: { self: link("device"), part: link(Refused), other: link(DeviceRef) },
    }) {
      realize() {
        const { other } = this.config;
        console.error(other instanceof DeviceRef, other.typeName, other.path, other.same(kept?.peer ?? other));
        try {
          ObjectRef.new("refused", { peer: other });
        } catch (error) {
          console.error(error.message.replace(/^.*: /, ""));
        }
        try {
          kept.peer.typeName;
        } catch (error) {
          console.error(error.name);
        }
        console.error(other.typeName);
      }
    }
    export { Refused };
  `);
  const json = '{"driver":"maker","other":"/machine/peripheral/led0"}';
  const args = [...MACHINE, "-script", `path=${path}`, "-device", "led,color=red,id=led0", "-device", json];
  const qemu = await Qemu.start({ args, qtest: true });
  await qemu.stderr.waitFor("StaleError\nled\n", SOON_MS);
  expect(qemu.stderr.lines).toEqual([
    "true led /machine/peripheral/led0 true",
    "not to be",
    "StaleError",
    "led",
  ]);
});

/** Resident memory in MiB. */
async function memory({ pid }: Qemu): Promise<number> {
  const pages = Number((await Bun.file(`/proc/${pid}/statm`).text()).split(" ")[1]);
  return (pages * 4096) / 2 ** 20;
}

test("lists, texts and links of objects that come and go leak nothing", async () => {
  const path = script(`
    import { array, link, ObjectRef, QomObject, registers, string, SysBusDevice, u64 } from "qemu-script";
    class Lists extends QomObject.with({
      type: "lists",
      properties: { numbers: array(u64), names: array(string), label: string({ default: "none" }), peer: link("maker") },
    }) {}
    const given = {
      numbers: new Array(500).fill(7),
      names: new Array(100).fill("a name that takes some memory"),
      label: "x".repeat(1000),
    };
    export default class Maker extends SysBusDevice.with({ type: "maker", regions: { regs: { size: 16 } } }) {
      static {
        registers(Maker, "regs", { MAKE: { at: 0, write: "make" } });
      }
      make(times) {
        for (let i = 0; i < times; i++) {
          ObjectRef.new("lists", { ...given, peer: this.object }).dispose();
        }
      }
    }
    export { Lists };
  `);
  const args = [...MACHINE, "-device", `script,path=${path},id=m`];
  const qemu = await Qemu.start({ args, qtest: true });
  const make = async (writes: number) => {
    for (let i = 0; i < writes; i++) {
      await qemu.qtest.writel(VIRT.platformBus, 50);
    }
  };
  await make(20);
  const before = await memory(qemu);
  await make(60);
  // 3000 objects of 9 KB each would be 27 MiB.
  expect((await memory(qemu)) - before).toBeLessThan(12);
});

describe("of an object that is no device", () => {
  /** The device makes two objects, each of which prints its configuration, and then tries to change one. */
  const OBJECT = (property: string, value: unknown) => `
    import { array, bit, enumeration, link, ObjectRef, QomObject, string, SysBusDevice, u32 } from "qemu-script";
    class Plain extends QomObject.with({
      type: "plain-object",
      properties: {
        mode: enumeration(["slow", "fast"], { description: "how fast" }),
        label: string({ default: "none" }),
        pins: array(u32),
        peer: link("plain-object"),
        pullup: bit({ in: "pulls", at: 4, default: true }),
        word: u32({ default: 3 }),
      },
    }) {
      realize() {
        const { peer, ...rest } = this.config;
        console.error(JSON.stringify({ ...rest, peer: peer && peer.path }));
      }
    }
    export default class Maker extends SysBusDevice.with({ type: "maker" }) {
      static plain = Plain;
      realize() {
        const first = ObjectRef.root().child("objects").addChild("o0", ObjectRef.new("plain-object"));
        const given = { mode: "fast", pins: [1, 2], peer: first, pullup: false, label: "x" };
        ObjectRef.root().child("objects").addChild("o1", ObjectRef.new("plain-object", given));
        try {
          first.set("${property}", ${JSON.stringify(value)});
        } catch (error) {
          console.error(error.name + ": " + error.message);
        }
      }
    }
    export { Plain };
  `;
  const lines = async (property: string, value: unknown) => {
    const path = script(OBJECT(property, value));
    const qemu = await Qemu.start({ args: [...MACHINE, "-device", `script,path=${path}`], qtest: true });
    await qemu.stderr.waitFor("complete\n", SOON_MS);
    return qemu.stderr.lines;
  };

  test("they are the same", async () => {
    const [first, second] = await lines("word", 4);
    expect(parse(first!)).toEqual({
      mode: "slow",
      label: "none",
      pins: [],
      peer: null,
      pullup: true,
      word: 3,
      pulls: 16,
    });
    expect(parse(second!)).toMatchObject({
      mode: "fast",
      label: "x",
      pins: [1, 2],
      peer: "/objects/o0",
      pullup: false,
      pulls: 0,
    });
  });

  test.each([
    ["mode", "fast"],
    ["pins", [1]],
    ["peer", "o1"],
    ["pullup", false],
  ])("%s is fixed once it is complete", async (property, value) => {
    expect((await lines(property, value)).at(-1)).toBe(
      `QemuError: Attempt to set property '${property}' on object (type 'plain-object') after it was complete`,
    );
  });
});

describe("a scripted type with a scripted parent", () => {
  test("has its parent's properties and its own, bits of one word among them", async () => {
    const path = script(`
      import { array, bit, enumeration, SysBusDevice, u32 } from "qemu-script";
      class Parent extends SysBusDevice.with({
        type: "parent-type",
        properties: { mode: enumeration(["a", "b"]), low: bit({ in: "bits", at: 0, default: true }), list: array(u32) },
      }) {}
      export default class Child extends Parent.with({
        type: "child-type",
        properties: { high: bit({ in: "bits", at: 8, default: true }), more: array(u32), last: u32({ default: 9 }) },
      }) {
        realize() {
          console.error(JSON.stringify(this.config));
        }
      }
    `);
    const json = '{"driver":"child-type","list":[1],"more":[2,3],"mode":"b"}';
    const args = [...MACHINE, "-script", `path=${path}`, "-device", json];
    const qemu = await Qemu.start({ args, qtest: true });
    await qemu.stderr.waitFor("}\n", SOON_MS);
    expect(parse(qemu.stderr.lines.at(-1)!)).toEqual({
      mode: "b",
      low: true,
      list: [1],
      high: true,
      more: [2, 3],
      last: 9,
      bits: 257,
    });
  });
});

test("a link to a type that is not there is an error when the script is loaded", async () => {
  const path = script(`
    import { link, SysBusDevice } from "qemu-script";
    export default class Lost extends SysBusDevice.with({ type: "lost", properties: { peer: link("clcok") } }) {}
  `);
  const { status, stderr } = await Qemu.run([...MACHINE, "-script", `path=${path}`]);
  expect(status).toBe(1);
  expect(stderr).toStartWith(`${NAME}: `);
  expect(stderr).toContain("lost: property peer: there is no type clcok to link to");
});

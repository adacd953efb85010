/** Properties, from the command line to a script's `config`. */

import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { TEST_MS } from "../lib/limit.ts";
import { endAll, HEADLESS, Qemu, script } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterAll(endAll);

/** A device that says what it was given, and refuses to be. */
const teller = (properties: string) => `
import { bool, chardev, i32, i64, size, SysBusDevice, string, u16, u32, u64, u8 } from "qemu-script";

export default class Teller extends SysBusDevice.with({ type: "teller", properties: { ${properties} } }) {
  realize() {
    const plain = (_key, value) => (typeof value === "bigint" ? value + "n" : value);
    throw new Error("CONFIG " + JSON.stringify(this.config, plain) + " END");
  }
}
`;

async function configOf(properties: string, given: string): Promise<unknown> {
  const path = script(teller(properties));
  const device = `script,path=${path}${given && ","}${given}`;
  const { stderr } = await Qemu.run(["-M", "virt", "-accel", "qtest", ...HEADLESS, "-device", device]);
  const [, json] = /CONFIG (.*) END/.exec(stderr) ?? [];
  // The tests' texts have one character per byte.
  return json === undefined ? stderr : JSON.parse(Buffer.from(json, "latin1").toString());
}

const NUMBERS =
  "a: u8({}), b: u16({}), c: u32({}), d: u64({}), e: i32({}), f: i64({}), g: size(), h: bool({}), i: string()";

describe("config", () => {
  test("is 0, false or empty where nothing says otherwise", async () => {
    expect(await configOf(NUMBERS, "")).toEqual({
      ...{ a: 0, b: 0, c: 0, d: "0n", e: 0, f: "0n", g: "0n", h: false, i: "" },
    });
  });

  test("has the largest numbers of each type", async () => {
    const given = [
      ...["a=255", "b=65535", "c=4294967295", "d=18446744073709551615", "e=2147483647"],
      ...["f=9223372036854775807", "g=18446744073709550592", "h=on", "i=text"],
    ];
    expect(await configOf(NUMBERS, given.join(","))).toEqual({
      ...{ a: 255, b: 65535, c: 4294967295, d: "18446744073709551615n", e: 2147483647 },
      ...{ f: "9223372036854775807n", g: "18446744073709550592n", h: true, i: "text" },
    });
  });

  test("has the smallest numbers, other bases and suffixes", async () => {
    expect(
      await configOf(
        "a: u8({}), c: u32({}), e: i32({}), f: i64({}), g: size(), h: bool({ default: true })",
        "a=0x10,c=0xffffffff,e=-2147483648,f=-9223372036854775808,g=4M,h=off",
      ),
    ).toEqual({
      ...{ a: 16, c: 4294967295, e: -2147483648, f: "-9223372036854775808n", g: "4194304n", h: false },
    });
  });

  test("has defaults, to the last digit", async () => {
    const properties = [
      "a: u8({ default: 255 })",
      "d: u64({ default: 18446744073709551615n })",
      "e: i32({ default: -2147483648 })",
      "f: i64({ default: -9223372036854775808n })",
      "g: size({ default: 9007199254740993n })",
      "h: bool({ default: true })",
    ];
    expect(await configOf(properties.join(), "")).toEqual({
      ...{ a: 255, d: "18446744073709551615n", e: -2147483648, f: "-9223372036854775808n" },
      ...{ g: "9007199254740993n", h: true },
    });
  });

  test("has text as it was written", async () => {
    expect(await configOf("i: string(), j: string(), k: string()", 'i="q",j=a,,b c\\n,k=\u00e9')).toEqual({
      ...{ i: '"q"', j: "a,b c\\n", k: "\u00e9" },
    });
  });

  test("is written in kebab-case or under the name that was declared", async () => {
    expect(
      await configOf("someSize: u32({}), other: u32({ name: 'x-other' })", "some-size=3,x-other=4"),
    ).toEqual({ someSize: 3, other: 4 });
  });

  test.each([
    ["a=256", "Parameter 'a' expects uint8_t"],
    ["a=-1", "Parameter 'a' expects uint8_t"],
    ["h=maybe", "Parameter 'h' expects 'on' or 'off'"],
    ["someSize=1", "Property 'teller.someSize' not found"],
  ])("%s is refused before the script is asked", async (given, message) => {
    expect(await configOf("a: u8({}), h: bool({}), someSize: u32({})", given)).toEndWith(`: ${message}\n`);
  });
});

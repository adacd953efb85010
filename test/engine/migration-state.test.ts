/** What of a device's state is in the migration stream, and what loading it does. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { endAll, folder, type Qemu } from "../lib/qemu.ts";
import { load, makeImage, save, withImage } from "../lib/snapshots.ts";
import { arrival, migrateToFile, sectionOf, streamAt } from "../lib/stream.ts";
import { carry, device, fill, type Parts, shown, start } from "./kept.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

/** The device's section in the machine's stream. */
const section = async (qemu: Qemu) => sectionOf(streamAt(await migrateToFile(qemu)), "kept");

const EVERYTHING: Parts = {
  state: `{
    on: bool, b: u8, gap: unused(3), h: u16, w: u32, x: u64, sb: i8, sh: i16, sw: i32, sx: i64,
    words: u16.array(3),
    fifo: struct({ head: u8, bytes: u8.array(2), inner: struct({ deep: u32, on: bool }) }),
    channels: struct({ count: u32, pairs: struct({ lo: u8, hi: u64 }).array(2) }).array(2),
  }`,
  fill: `
    Object.assign(this, { on: true, b: 0x11, h: 0x2233, w: 0x44556677, x: 0x8899aabbccddeeffn });
    Object.assign(this, { sb: -1, sh: -2, sw: -3, sx: -4n });
    this.words.set([1, 2, 3]);
    this.fifo.head = 7;
    this.fifo.bytes.set([8, 9]);
    this.fifo.inner.deep = 0x0a0b0c0d;
    this.fifo.inner.on = true;
    for (const [i, channel] of this.channels.entries()) {
      channel.count = 0x100 + i;
      for (const [j, pair] of channel.pairs.entries()) {
        pair.lo = 16 * i + j;
        pair.hi = BigInt(0x1000 + 16 * i + j);
      }
    }`,
  shown: `[
    this.on, this.b, this.h, this.w, this.x === 0x8899aabbccddeeffn, this.sb, this.sh, this.sw, this.sx, this.words,
    this.fifo.head, this.fifo.bytes, this.fifo.inner.deep, this.fifo.inner.on,
    this.channels.map(({ count, pairs }) => [count, pairs.map(({ lo, hi }) => [lo, hi])]),
  ]`,
};

const EVERYTHING_FILLED = [
  ...[true, 0x11, 0x2233, 0x44556677, true, -1, -2, -3, -4, [1, 2, 3], 7, [8, 9], 0x0a0b0c0d, true],
  [
    [
      0x100,
      [
        [0, 0x1000],
        [1, 0x1001],
      ],
    ],
    [
      0x101,
      [
        [16, 0x1010],
        [17, 0x1011],
      ],
    ],
  ],
];

describe("fields of every kind, structs in structs and arrays of them", () => {
  test("survive a snapshot, in another process too", async () => {
    const path = device(EVERYTHING);
    const qemu = await carry(path, path);
    expect(await shown(qemu)).toEqual(EVERYTHING_FILLED);
  });

  test("follow one another in the stream, big-endian, as C would write them", async () => {
    const qemu = await start(device(EVERYTHING));
    await fill(qemu);
    const { version, bytes } = await section(qemu);
    const channel = (n: string, [a, b]: [string, string]) =>
      `0000010${n} ${a} 00000000000010${a} ${b} 00000000000010${b}`;
    const expected = `
      01 11 000000 2233 44556677 8899aabbccddeeff ff fffe fffffffd fffffffffffffffc
      0001 0002 0003
      07 08 09 0a0b0c0d 01
      ${channel("0", ["00", "01"])} ${channel("1", ["10", "11"])}`;
    expect(version).toBe(1);
    expect(bytes.toString("hex")).toBe(expected.replace(/\s/g, ""));
  });
});

test("an incoming migration enters the script as loading a snapshot does", async () => {
  const methods = `
    preLoad() { this.before = this.b; }
    validB() { return this.b === 0x11; }
    save() { return new Uint8Array([5]); }
    load(bytes, version) { this.loaded = [...bytes, version]; }
    postLoad(version) { this.after = [this.b, version]; }
  `;
  const migration = "{ version: 2, validate: ['validB'] }";
  const all = `[this.before, this.loaded, this.after, ${EVERYTHING.shown}]`;
  const path = device({ ...EVERYTHING, migration, methods, shown: all });
  const first = await start(path);
  await fill(first);
  const uri = await migrateToFile(first);
  await first.quit();
  const second = await start(path, ["-incoming", uri]);
  await arrival(second);
  expect(await shown(second)).toEqual([0, [5, 2], [0x11, 2], EVERYTHING_FILLED]);
});

describe("since()", () => {
  const old = {
    migration: "{ version: 2 }",
    state: "{ a: u32, b: u32 }",
    fill: "this.a = 1; this.b = 2;",
    shown: "[]",
  };
  const now: Parts = {
    migration: "{ version: 4, minimum: 2 }",
    state:
      "{ a: u32, third: since(3, u32(77)), gap: since(4, unused(5)), b: u32, four: since(4, struct({ x: u8(9) })) }",
    fill: "this.a = 10; this.third = 30; this.b = 20; this.four.x = 40;",
    shown: "[this.a, this.third, this.b, this.four.x]",
  };

  test("fields that an older version lacks keep what they have", async () => {
    const qemu = await carry(device(old), device(now));
    expect(await shown(qemu)).toEqual([1, 77, 2, 9]);
  });

  test("a version in between has some of them", async () => {
    const between = {
      migration: "{ version: 3 }",
      state: "{ a: u32, third: u32, b: u32 }",
      fill: "this.a = 1; this.third = 3; this.b = 2;",
      shown: "[]",
    };
    expect(await shown(await carry(device(between), device(now)))).toEqual([1, 3, 2, 9]);
  });

  test("the newest has all", async () => {
    expect(await shown(await carry(device(now), device(now)))).toEqual([10, 30, 20, 40]);
  });

  test.each([
    [
      "too new",
      "savevm: unsupported version 4 for 'kept' v2",
      now,
      { ...old, migration: "{ version: 2, minimum: 1 }" },
    ],
    [
      "too old",
      "kept: incoming version_id 1 is too old for local minimum version_id  2",
      { ...old, migration: "{ version: 1 }" },
      now,
    ],
  ] as const)("a version that is %s is refused", async (_, message, from, to) => {
    const first = await start(device(from));
    const image = await makeImage(first, folder());
    await save(first, "a");
    await first.quit();
    const second = await start(device(to), withImage(image));
    await expect(load(second, "a")).rejects.toThrow("Error -22 while loading VM state");
    await second.stderr.waitFor(message, SOON_MS);
  });
});

describe("a subsection", () => {
  const parts: Parts = {
    state: `{
      a: u32, extra: subsection({ name: "more", version: 3, needed: "extraNeeded", state: { x: u8(5), y: since(2, u16(6)) } }),
      b: u32, always: subsection({ state: { z: u32(7) } }),
    }`,
    fill: "this.a = 1; this.b = 2; this.extra.x = value; this.extra.y = 8; this.always.z = 9;",
    methods: "extraNeeded() { return this.extra.x !== 5; }",
    shown: "[this.a, this.b, this.extra.x, this.extra.y, this.always.z]",
  };
  const name = (text: string) =>
    `05 ${text.length.toString(16).padStart(2, "0")} ${Buffer.from(text).toString("hex")}`;
  const hex = (text: string) => text.replace(/\s/g, "");

  test("is in the stream, behind all fields, if its method says so", async () => {
    const qemu = await start(device(parts));
    await fill(qemu, 4);
    const { bytes } = await section(qemu);
    expect(bytes.toString("hex")).toBe(
      hex(`00000001 00000002 ${name("kept/more")} 00000003 04 0008 ${name("kept/always")} 00000001 00000009`),
    );
  });

  test("is not if it says no", async () => {
    const qemu = await start(device(parts));
    await fill(qemu, 5);
    const { bytes } = await section(qemu);
    expect(bytes.toString("hex")).toBe(hex(`00000001 00000002 ${name("kept/always")} 00000001 00000009`));
  });

  test("comes back with what it had; one that was not sent is as after the reset that comes before loading", async () => {
    const path = device(parts);
    const first = await start(path);
    const image = await makeImage(first, folder());
    await fill(first, 4);
    await save(first, "with");
    await fill(first, 5);
    await save(first, "without");
    await first.quit();
    const second = await start(path, withImage(image));
    await load(second, "with");
    expect(await shown(second)).toEqual([1, 2, 4, 8, 9]);
    await fill(second, 6);
    await load(second, "without");
    expect(await shown(second)).toEqual([1, 2, 5, 6, 9]);
  });

  test("has a version of its own", async () => {
    const old = {
      ...parts,
      state: parts.state.replace("version: 3", "version: 1").replace(", y: since(2, u16(6))", ""),
    };
    const from = { ...old, fill: "this.extra.x = 4;", shown: "[]" };
    const to = { ...parts, state: parts.state.replace("version: 3", "version: 3, minimum: 1") };
    expect(await shown(await carry(device(from), device(to)))).toEqual([0, 0, 4, 6, 7]);
  });

  test("that is unknown is refused", async () => {
    const to: Parts = { state: "{ a: u32, b: u32 }", shown: "[this.a, this.b]" };
    await expect(carry(device(parts), device(to))).rejects.toThrow("Error -2 while loading VM state");
  });
});

describe("save() and load()", () => {
  const methods = `
    save() { return this.list && new TextEncoder().encode(JSON.stringify(this.list)); }
    load(bytes, version) { this.list = JSON.parse(new TextDecoder().decode(bytes)); this.from = version; }
  `;
  const parts: Parts = {
    migration: "{ version: 6 }",
    state: "{ a: u32 }",
    fill: 'this.a = value; this.list = value ? ["one", { two: 2 }] : undefined;',
    methods,
    shown: "[this.a, this.list ?? null, this.from ?? null]",
  };

  test("carry what fields cannot, with the section's version", async () => {
    const path = device(parts);
    const qemu = await carry(path, path);
    expect(await shown(qemu)).toEqual([1, ["one", { two: 2 }], 6]);
  });

  test("leave the stream alone if there is nothing", async () => {
    const qemu = await start(device(parts));
    await fill(qemu, 0);
    expect((await section(qemu)).bytes.toString("hex")).toBe("00000000");
  });

  test("are a subsection in the stream", async () => {
    const qemu = await start(
      device({ ...parts, methods: "save() { return new Uint8Array([1, 2, 3]); } load() {}" }),
    );
    const { bytes } = await section(qemu);
    const name = `0509${Buffer.from("kept/blob").toString("hex")}`;
    expect(bytes.toString("hex")).toBe(`00000000${name}0000000600000003010203`);
  });

  test("take no bytes, and many", async () => {
    const sized = (size: number) => ({
      ...parts,
      methods: `
        save() { return new Uint8Array(${size}).fill(0xa5); }
        load(bytes) { this.got = [bytes.length, bytes.every((byte) => byte === 0xa5)]; }
      `,
      shown: "this.got ?? null",
    });
    for (const size of [0, 5_000_000]) {
      const path = device(sized(size));
      expect(await shown(await carry(path, path))).toEqual([size, true]);
      await endAll();
    }
  });

  test("of a stream without them: load() is not called", async () => {
    const from = { ...parts, methods: "" };
    expect(await shown(await carry(device(from), device(parts)))).toEqual([1, null, null]);
  });

  test.each([
    ["'x'", "save() returned neither a Uint8Array nor undefined"],
    ["new Uint8Array(16_777_217)", "save() returned 16777217 bytes: 16777216 at most"],
    ["Promise.resolve()", "save() cannot be asynchronous"],
  ])("that return %s make saving fail", async (value, message) => {
    const qemu = await start(device({ ...parts, methods: `save() { return ${value}; } load() {}` }));
    await makeImage(qemu, folder());
    await expect(save(qemu, "a")).rejects.toThrow("Error while writing VM state");
    await qemu.stderr.waitFor(message, SOON_MS);
  });
});

test("resets give structs and arrays their values", async () => {
  const path = device({
    state: `{
      list: u16.array(3, { reset: [1, 2, 3] }), all: i32.array(2, { reset: -1 }), kept: u8.array(2),
      chans: struct({ n: u32(5), kept: u32, on: bool.array(2, { reset: true }) }).array(2),
    }`,
    fill: `
      this.list.fill(9); this.all.fill(9); this.kept.fill(9);
      for (const chan of this.chans) { chan.n = 9; chan.kept = 9; chan.on.fill(0); }`,
    shown: "[this.list, this.all, this.kept, this.chans.map(({ n, kept, on }) => [n, kept, on])]",
  });
  const qemu = await start(path);
  expect(await shown(qemu)).toEqual([[1, 2, 3], [-1, -1], [0, 0], new Array(2).fill([5, 0, [1, 1]])]);
  await fill(qemu);
  expect(await shown(qemu)).toEqual([[9, 9, 9], [9, 9], [9, 9], new Array(2).fill([9, 9, [0, 0]])]);
  await qemu.qmp.execute("system_reset");
  await qemu.qmp.waitForEvent("RESET");
  expect(await shown(qemu)).toEqual([[1, 2, 3], [-1, -1], [9, 9], new Array(2).fill([5, 9, [1, 1]])]);
});

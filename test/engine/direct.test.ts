/** Registers that C serves by itself: the same as if the script did, but the script is not asked. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { Poker } from "../lib/poker.ts";
import { endAll, script } from "../lib/qemu.ts";
import { random as below } from "../lib/random.ts";
import { reload } from "../lib/reload.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

/** Registers of every kind that can be direct, from 0; those of the other region are the same and never are. */
const REGISTERS = `
  WORD: { at: 0x00, field: "word" },
  BYTE: { at: 0x04, field: "byte" },
  HALF: { at: 0x08, field: "half" },
  SIGNED: { at: 0x0c, field: "signed" },
  MASKED: { at: 0x10, field: "word", mask: 0x00ff00f0 },
  RO: { at: 0x14, field: "word", mode: "ro" },
  WO: { at: 0x18, field: "word", mode: "wo" },
  W1C: { at: 0x1c, field: "word", mode: "w1c" },
  W1S: { at: 0x20, field: "word", mode: "w1s" },
  W0C: { at: 0x24, field: "word", mode: "w0c" },
  WC: { at: 0x28, field: "word", mode: "wc" },
  MIXED: { at: 0x2c, field: "word", bits: {
    A: [3, 0], B: { at: [7, 4], mode: "ro" }, C: { at: [11, 8], mode: "w1c" }, D: { at: [15, 12], mode: "w1s" },
    E: { at: [19, 16], mode: "w0c" }, F: { at: [23, 20], mode: "wo" }, G: { at: [27, 24], mode: "wc" },
    H: { at: [29, 28], mode: "reserved" }, I: { at: [31, 30], mode: "unhandled" },
  } },
  IGNORED: { at: 0x30, field: "half", ignoresWrites: true },
  HIDDEN: { at: 0x34, field: "word", writeOnly: true },
  LIST: { at: 0x40, count: 4, field: "list" },
  COUNTS: { at: 0x50, count: 3, stride: 8, field: "channels.count" },
  ID: { at: 0x70, values: [0x11, 0xffffffff, 0x33] },
`;
/** Some of each: registers, holes, and constants. */
const WORDS = 0x80 / 4;

const HEAD = `
  import { chardev, registers, struct, SysBusDevice, u8, u16, u32, i32 } from "qemu-script";
  const STATE = {
    word: u32(0x12345678), byte: u8(0xab), half: u16(0xcdef), signed: i32(-2),
    list: u16.array(4, { reset: [1, 2, 3, 4] }), channels: struct({ flag: u8, count: u32 }).array(3),
  };
`;

/** Two devices with the same registers; what one does by itself, the other's script does. */
const PAIR = `${HEAD}
  const table = { ${REGISTERS} };
  export default class Direct extends SysBusDevice.with({
    type: "direct", state: STATE, regions: { regs: { size: 0x100 }, asked: { size: 0x1000 } },
  }) {
    static {
      registers(Direct, "regs", table);
      registers(Direct, "asked", { GO: { at: 0, write: "go" }, });
    }
    go() {}
  }
  export class Asked extends SysBusDevice.with({
    type: "asked", state: STATE, regions: { regs: { size: 0x100 } },
  }) {
    static {
      const asked = ([key, register]) => [key, register.values ? register : {
        ...register,
        ...(register.ignoresWrites || register.mode === "ro" ? {} : { written: "nothing" }),
        ...(register.mode === "wo" || register.writeOnly ? {} : { wasRead: "nothing" }),
      }];
      registers(Asked, "regs", Object.fromEntries(Object.entries(table).map(asked)));
    }
    nothing() {}
  }
`;

describe.each(["tcg,thread=multi", "tcg,thread=single"])("%s", (accel) => {
  test("a direct register does what the script would do", async () => {
    const path = script(PAIR);
    const poker = await Poker.start(path, { accel, args: ["-device", "asked"] });
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = below(seed);
    const places = await devices(poker);
    const interesting = [0, 1, 0xffffffff, 0x80000000, 0x0f0f0f0f, 0xf0f0f0f0];
    for (let i = 0; i < 400; i++) {
      const offset = 4 * random(WORDS);
      const value = random(3) === 0 ? interesting[random(interesting.length)]! : random(2 ** 32);
      if (random(2) === 0) {
        for (const place of places) {
          await poker.write(place + offset, value);
        }
      }
      const [a, b] = [await poker.read(places[0] + offset), await poker.read(places[1] + offset)];
      expect([seed, i, offset.toString(16), a]).toEqual([seed, i, offset.toString(16), b]);
    }
  });
});

/** Where the two devices are: the one whose WC is served without the script is told apart by its second region. */
async function devices(poker: Poker): Promise<readonly [number, number]> {
  const tree = await poker.qemu.qmp.human("info mtree -f");
  const at = [...tree.matchAll(/^ +([0-9a-f]{16})-[0-9a-f]{16} .*: (regs|asked)/gm)];
  const place = (index: number) => Number(`0x${at[index]![1]}`) - 0x0c00_0000;
  const regs = at.flatMap(([, , name], index) => (name === "regs" ? [place(index)] : []));
  const own = at.findIndex(([, , name]) => name === "asked");
  // A device's regions follow each other.
  const mine = regs.find((offset) => Math.abs(offset - place(own)) <= 0x1000)!;
  return [mine, regs.find((offset) => offset !== mine)!];
}

/** A device that would answer otherwise, were it asked. */
const liar = (more = "", members = "", spec = "") => `${HEAD}
  export default class Liar extends SysBusDevice.with({
    type: "liar", state: STATE, regions: { regs: { size: 0x1000 } }, ${spec}
  }) {
    static { registers(Liar, "regs", { ${REGISTERS} ${more} }); }
    realize() {
      Object.defineProperty(this, "word", { get: () => 0xbad, set() { console.error("asked to write"); } });
    }
    ${members}
  }
`;

describe("the script", () => {
  test("is not asked", async () => {
    const poker = await Poker.start(script(liar()));
    expect(await poker.read(0)).toBe(0x12345678);
    await poker.write(0, 5);
    await poker.write(0x1c, 1);
    expect(await poker.read(0x14)).toBe(4);
    expect(poker.stderr.all).toBe("");
  });

  test("is asked where reserved bits are written, and logs that", async () => {
    const poker = await Poker.start(script(liar()), { args: ["-d", "guest_errors,unimp"] });
    await poker.write(0x2c, 0x0fffffff);
    expect(poker.stderr.all).not.toMatch(/regs_write|asked/);
    await poker.write(0x2c, 0x10000000);
    await poker.stderr.waitFor("regs_write: MIXED: reserved bits H", SOON_MS);
    expect(poker.stderr.all).toContain("asked to write");
  });

  test("is asked while somebody traces", async () => {
    const poker = await Poker.start(script(liar()));
    const { qmp } = poker.qemu;
    const trace = (enable: boolean) => qmp.execute("trace-event-set-state", { name: "liar_regs_*", enable });
    await trace(true);
    expect(await poker.read(0)).toBe(0xbad);
    await poker.stderr.waitFor("liar_regs_read WORD -> 0xbad", SOON_MS);
    await trace(false);
    expect(await poker.read(0)).toBe(0x12345678);
  });

  test("is asked for bytes: what they mean is up to the region", async () => {
    const poker = await Poker.start(
      script(liar("", "", "").replace("size: 0x1000", "size: 0x1000, handled: { min: 1 }")),
    );
    expect(await poker.readByte(0)).toBe(0xad);
    expect(await poker.read(0)).toBe(0x12345678);
  });

  test("is asked again after other code took over, and the other way round", async () => {
    const path = script(liar());
    const poker = await Poker.start(path);
    expect(await poker.read(0)).toBe(0x12345678);
    const asked = (text: string) =>
      text.replace('WORD: { at: 0x00, field: "word" }', 'WORD: { at: 0x00, read: "readWord" }');
    writeFileSync(path, asked(liar("", "readWord() { return 77; }")));
    await reload(poker.qemu, path);
    expect(await poker.read(0)).toBe(77);
    writeFileSync(path, liar());
    await reload(poker.qemu, path);
    expect(await poker.read(0)).toBe(0x12345678);
  });

  test("is asked again also if its region has no registers any more", async () => {
    const whole = (region: string, body: string) => `${HEAD}
      export default class Whole extends SysBusDevice.with({
        type: "whole", state: STATE, regions: { regs: { size: 0x1000, ${region} } },
      }) { ${body} }`;
    const path = script(
      whole("", 'static { registers(Whole, "regs", { WORD: { at: 0, field: "word" } }); }'),
    );
    const poker = await Poker.start(path);
    expect(await poker.read(0)).toBe(0x12345678);
    writeFileSync(path, whole('read: "readWord"', "readWord() { return 77; }"));
    await reload(poker.qemu, path);
    expect(await poker.read(0)).toBe(77);
  });

  test("has what it writes seen at once, and sees what was written", async () => {
    const poker = await Poker.start(
      script(`${HEAD}
      export default class Both extends SysBusDevice.with({
        type: "both", state: STATE, regions: { regs: { size: 0x1000 } },
      }) {
        static { registers(Both, "regs", { WORD: { at: 0, field: "word" }, NEXT: { at: 4, read: "next" } }); }
        next() { return this.word++; }
      }`),
    );
    await poker.write(0, 41);
    expect([await poker.read(4), await poker.read(0)]).toEqual([41, 42]);
  });
});

test("an access to a direct register waits behind an asynchronous one", async () => {
  const poker = await Poker.start(
    script(liar('SLOW: { at: 0x80, read: "slow" },', "async slow() { await Bun.sleep(100); return 1; }")),
    {
      busy: "device",
    },
  );
  await poker.askRead(0x80);
  expect((await poker.answer()).value).toBe(1);
  expect(await poker.read(0)).toBe(0x12345678);
});

test("room that follows from a direct register is looked at when that was written", async () => {
  const path = script(`${HEAD}
    export default class Gate extends SysBusDevice.with({
      type: "gate", properties: { chardev: chardev() }, state: { open: u32(0), got: u32(0) },
      regions: { regs: { size: 0x1000 } },
    }) {
      static { registers(Gate, "regs", { OPEN: { at: 0, field: "open" }, GOT: { at: 4, field: "got" } }); }
      get room() { return this.open; }
      receive(bytes) { this.got += bytes.length; this.open -= bytes.length; }
    }`);
  const poker = await Poker.start(path, { properties: ",chardev=line", lines: ["line"] });
  await poker.qemu.line("line").write("abcdef");
  expect(await poker.read(4)).toBe(0);
  for (const [open, got] of [
    [1, 1],
    [3, 4],
    [9, 6],
  ] as const) {
    await poker.write(0, open);
    while ((await poker.read(4)) !== got) {
      // It comes by itself.
    }
  }
  expect(await poker.read(0)).toBe(7);
});

test("room that a direct register makes is looked at though nothing else happens", async () => {
  const path = script(`${HEAD}
    export default class Gate extends SysBusDevice.with({
      type: "gate", properties: { chardev: chardev() }, state: { open: u32(0), got: u32(0) },
      regions: { regs: { size: 0x1000 } },
    }) {
      static { registers(Gate, "regs", { OPEN: { at: 0, field: "open" }, GOT: { at: 4, field: "got" } }); }
      get room() { return this.open ? 8 : 0; }
      receive(bytes) { this.got += bytes.length; console.error("got", this.got); }
    }`);
  const poker = await Poker.start(path, { properties: ",chardev=line", lines: ["line"] });
  await poker.qemu.line("line").write("hello");
  expect(await poker.read(4)).toBe(0);
  await poker.write(0, 1);
  // The guest does nothing any more: it waits for a command.
  await poker.stderr.waitFor("got 5", SOON_MS);
});

test("constants whose reading does something are not direct", async () => {
  const poker = await Poker.start(
    script(
      liar('NOTED: { at: 0x84, values: [5, 6], wasRead: "note" },', 'note() { console.error("noted"); }'),
    ),
  );
  expect(await poker.read(0x88)).toBe(6);
  await poker.stderr.waitFor("noted", SOON_MS);
});

test("`info scripts` says which registers are direct", async () => {
  const poker = await Poker.start(script(liar('NEXT: { at: 0x84, read: "next" },', "next() { return 1; }")));
  const reads =
    "WORD BYTE HALF SIGNED MASKED RO W1C W1S W0C WC MIXED IGNORED LIST[0..3] COUNTS[0..2] ID[0..2]";
  const writes =
    "WORD BYTE HALF SIGNED MASKED WO W1C W1S W0C WC MIXED IGNORED HIDDEN LIST[0..3] COUNTS[0..2]";
  expect(await poker.qemu.qmp.human("info scripts")).toContain(
    `  liar regs: without the script: reads of ${reads}; writes of ${writes}\r\n`,
  );
});

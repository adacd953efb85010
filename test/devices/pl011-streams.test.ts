/** Streams that no PL011 sent, made of a real one: the script takes them as QEMU's model does, and mends what that mends. */

import { afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { TEST_MS } from "../lib/limit.ts";
import { endAll } from "../lib/qemu.ts";
import { random } from "../lib/random.ts";
import { arrival, migrateToFile, saveDevices, sectionOf, streamAt } from "../lib/stream.ts";
import { type Change, FIELD, Original, PERIOD, SIZE, start, withBoth } from "./pl011-stream.ts";
import { MODELS, type Model } from "./uart.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

let real: Original;
beforeAll(async () => {
  real = await Original.take();
});

test("the real ones have the same section", async () => {
  const sections = await withBoth(async (model) => streamAt(await migrateToFile(await start(model))));
  const [c, typescript] = sections.map((stream) => sectionOf(stream, "pl011").whole.toString("hex"));
  expect(typescript).toBe(c!);
});

/** The section that a machine has after it loaded a stream. */
async function reloaded(model: Model, uri: string): Promise<string> {
  const qemu = await start(model, ["-incoming", uri]);
  await arrival(qemu);
  const { whole } = sectionOf(await saveDevices(qemu), "pl011");
  await qemu.quit();
  return whole.toString("hex");
}

describe("what is loaded", () => {
  /** Random bytes, but in the places of what must be small. */
  function noise(seed: number): Change {
    return (stream, at) => {
      const below = random(seed);
      for (let i = at; i < at + SIZE; i++) {
        stream[i] = below(256);
      }
      stream.writeInt32BE(below(16), at + FIELD.readPos);
      stream.writeInt32BE(below(17), at + FIELD.readCount);
      return stream;
    };
  }

  const SEEDS = Array.from({ length: 8 }, () => Math.floor(Math.random() * 2 ** 32));

  test.each(SEEDS)("is mended in the same way, seed %i", async (seed) => {
    const uri = real.changed(noise(seed));
    const [c, typescript] = await withBoth((model) => reloaded(model, uri));
    expect(typescript).toBe(c!);
  });

  test("of an older QEMU: the only character is in the first place; what registers cannot hold goes", async () => {
    const uri = real.changed((stream, at) => {
      const fields = { lcr: 0x60, readPos: 5, readCount: 1, ibrd: -1, fbrd: -1 };
      for (const [field, value] of Object.entries(fields)) {
        stream.writeInt32BE(value, at + FIELD[field as keyof typeof fields]);
      }
      stream.writeInt32BE(0x441, at + FIELD.readFifo + 4 * 5);
      return stream;
    });
    const [c, typescript] = await withBoth((model) => reloaded(model, uri));
    expect(typescript).toBe(c!);
    const bytes = Buffer.from(c!, "hex").subarray(-real.section.bytes.length);
    const fields = [FIELD.readFifo, FIELD.readPos, FIELD.ibrd, FIELD.fbrd].map((at) =>
      bytes.readUInt32BE(at),
    );
    expect(fields).toEqual([0x441, 0, 0xffff, 0x3f]);
  });
});

describe("the clock", () => {
  const NS = 2n ** 32n;

  const ticking: Change = (stream, at) => {
    stream.writeBigUInt64BE(20n * NS, at + PERIOD);
    return stream;
  };
  const absent: Change = (stream, at) =>
    Buffer.concat([stream.subarray(0, at + SIZE), stream.subarray(at + real.section.bytes.length)]);

  /** Its period after loading, in 2^-32 ns; and whether it is sent on. */
  async function clockAfter(model: Model, uri: string, migrateClk: string): Promise<[number, boolean]> {
    const qemu = await start(model, ["-global", `pl011.migrate-clk=${migrateClk}`, "-incoming", uri]);
    await arrival(qemu);
    const parent = "/machine/unattached";
    const children = await qemu.qmp.execute<{ name: string; type: string }[]>("qom-list", { path: parent });
    const { name } = children.find(({ type }) => type === `child<${MODELS[model].type}>`)!;
    const path = `${parent}/${name}/clk`;
    const period = await qemu.qmp.execute<number>("qom-get", { path, property: "qtest-clock-period" });
    const { bytes } = sectionOf(await saveDevices(qemu), "pl011");
    return [period, bytes.length > SIZE];
  }

  test.each([
    { clock: "in the stream", change: ticking, migrateClk: "on", after: [Number(20n * NS), true] },
    { clock: "in the stream", change: ticking, migrateClk: "off", after: [Number(20n * NS), false] },
    { clock: "not in the stream", change: absent, migrateClk: "on", after: [0, true] },
    { clock: "not in the stream", change: absent, migrateClk: "off", after: [0, false] },
  ] as const)(
    "that is $clock, to a device with migrate-clk=$migrateClk",
    async ({ change, migrateClk, after }) => {
      const uri = real.changed(change);
      for (const found of await withBoth((model) => clockAfter(model, uri, migrateClk))) {
        expect(found).toEqual([...after]);
      }
    },
  );
});

/** The scripted PL061 against its manual (ARM DDI 0190B), in the place of a board's and on the platform bus. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { VIRT } from "../lib/guest-code.ts";
import { TEST_MS } from "../lib/limit.ts";
import { NAME } from "../lib/program.ts";
import { endAll, folder, HEADLESS, Qemu } from "../lib/qemu.ts";
import { type Board, Gpio, type Model, PL061 } from "./pl061.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

/** 3.3: offsets of the registers. */
const DIR = 0x400;
const IS = 0x404;
const IBE = 0x408;
const IEV = 0x40c;
const IE = 0x410;
const RIS = 0x414;
const MIS = 0x418;
const IC = 0x41c;
const AFSEL = 0x420;
/** GPIODATA, where an access is about the pins of a mask. */
const data = (mask: number) => mask << 2;
const DATA = data(0xff);

const start = (follows: "interrupt" | "pins" = "interrupt") => Gpio.start("virt", "TypeScript", follows);

describe("registers", () => {
  test("have the values of table 3-1 after a reset", async () => {
    const gpio = await start();
    for (const register of [DATA, DIR, IS, IBE, IEV, IE, RIS, MIS, AFSEL]) {
      expect([register, await gpio.read(register)]).toEqual([register, 0]);
    }
  });

  test("identify the PrimeCell", async () => {
    const gpio = await start();
    const id = [];
    for (let offset = 0xfe0; offset < 0x1000; offset += 4) {
      id.push(await gpio.read(offset));
    }
    expect(id).toEqual([0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
  });

  test("have 8 bits", async () => {
    const gpio = await start();
    for (const register of [DIR, IS, IBE, IEV, IE, AFSEL]) {
      await gpio.write(register, 0xffff_ffff);
      expect([register, await gpio.read(register)]).toEqual([register, 0xff]);
    }
  });

  test("that are not there, or only the other way, are logged", async () => {
    const gpio = await start();
    await gpio.read(0x500);
    await gpio.write(0x500, 1);
    await gpio.read(IC);
    await gpio.write(RIS, 1);
    expect(gpio.log()).toEqual([
      "pl061_read: Bad offset 500",
      "pl061_write: Bad offset 500",
      "pl061_read: Bad offset 41c",
      "pl061_write: Bad offset 414",
    ]);
  });
});

describe("data", () => {
  test("is written through the mask in the address, to outputs alone", async () => {
    const gpio = await start("pins");
    await gpio.write(DIR, 0xf0);
    await gpio.write(DATA, 0xff);
    expect([await gpio.read(DATA), gpio.lines]).toEqual([0xf0, 0xf0]);
    // Figure 3-1 of the manual: 0x098 selects bits 5, 2 and 1.
    await gpio.write(0x098, 0x00);
    expect([await gpio.read(DATA), gpio.lines]).toEqual([0xd0, 0xd0]);
    await gpio.write(data(0x20), 0xff);
    expect(await gpio.read(DATA)).toBe(0xf0);
  });

  test("is read through the mask in the address, of inputs and outputs", async () => {
    const gpio = await start();
    await gpio.write(DIR, 0x80);
    await gpio.write(DATA, 0x80);
    await gpio.pin(0, 1);
    await gpio.pin(5, 1);
    expect(await gpio.read(DATA)).toBe(0xa1);
    // Figure 3-2: 0x0c4 selects bits 5, 4 and 0.
    expect(await gpio.read(0x0c4)).toBe(0x21);
    expect(await gpio.read(data(0))).toBe(0);
  });

  test("of an output does not follow its pin", async () => {
    const gpio = await start();
    await gpio.write(DIR, 0x01);
    await gpio.pin(0, 1);
    expect(await gpio.read(DATA)).toBe(0);
  });
});

describe("an interrupt", () => {
  /** Masked in, and whether the line is up. */
  const active = async (gpio: Gpio) => [await gpio.read(MIS), gpio.lines];

  test("by a falling edge, the default", async () => {
    const gpio = await start();
    await gpio.write(IE, 0xff);
    await gpio.pin(3, 1);
    expect(await active(gpio)).toEqual([0, 0]);
    await gpio.pin(3, 0);
    expect(await active(gpio)).toEqual([8, 1]);
    await gpio.write(IC, 8);
    expect(await active(gpio)).toEqual([0, 0]);
  });

  test("by a rising edge, kept until it is cleared", async () => {
    const gpio = await start();
    await gpio.write(IEV, 0x02);
    await gpio.write(IE, 0x02);
    await gpio.pin(1, 1);
    await gpio.pin(1, 0);
    expect(await active(gpio)).toEqual([2, 1]);
    await gpio.write(IC, 0xfd);
    expect(await active(gpio)).toEqual([2, 1]);
    await gpio.write(IC, 0x02);
    expect(await active(gpio)).toEqual([0, 0]);
  });

  test("by both edges", async () => {
    const gpio = await start();
    await gpio.write(IBE, 0x10);
    await gpio.write(IE, 0x10);
    for (const level of [1, 0]) {
      await gpio.pin(4, level);
      expect(await active(gpio)).toEqual([0x10, 1]);
      await gpio.write(IC, 0x10);
    }
    expect(await active(gpio)).toEqual([0, 0]);
  });

  test("by a level, for as long as it lasts", async () => {
    const gpio = await start();
    await gpio.write(IEV, 0xff);
    await gpio.write(IS, 0x80);
    await gpio.write(IE, 0x80);
    await gpio.pin(7, 1);
    expect(await active(gpio)).toEqual([0x80, 1]);
    await gpio.write(IC, 0x80);
    expect(await active(gpio)).toEqual([0x80, 1]);
    await gpio.pin(7, 0);
    await gpio.write(IC, 0x80);
    expect(await active(gpio)).toEqual([0, 0]);
  });

  test("that is masked is raw alone", async () => {
    const gpio = await start();
    await gpio.write(IEV, 0x01);
    await gpio.pin(0, 1);
    expect([await gpio.read(RIS), ...(await active(gpio))]).toEqual([1, 0, 0]);
    await gpio.write(IE, 0x01);
    expect(await active(gpio)).toEqual([1, 1]);
  });
});

test("virt's power key is a key on pin 3, let go after a tenth of a second", async () => {
  const gpio = await start();
  await gpio.write(IBE, 0x08);
  await gpio.write(IE, 0x08);
  await gpio.qemu.qmp.execute("system_powerdown");
  await gpio.qemu.qmp.waitForEvent("POWERDOWN");
  expect([await gpio.read(DATA), gpio.lines]).toEqual([8, 1]);
  await gpio.write(IC, 0x08);
  expect(gpio.lines).toBe(0);
  await gpio.bus.clockStep(100_000_000);
  expect([await gpio.read(DATA), gpio.lines]).toEqual([0, 1]);
});

describe("on the platform bus", () => {
  const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];
  const argument = (properties: string) => `script,path=${PL061}${properties}`;

  test("resistors give pins their level after a reset; without one they stay", async () => {
    const args = [...MACHINE, "-device", `${argument(",pullups=0x0f,pulldowns=0x30")},id=g`];
    const { qtest } = await Qemu.start({ args, qtest: true });
    await qtest.interceptOut("/machine/peripheral/g", "");
    const levels = () => [0, 1, 2, 3, 4, 5, 6, 7].map((pin) => Number(qtest.irq(pin))).join("");
    const at = (offset: number) => VIRT.platformBus + offset;
    await qtest.writel(at(DIR), 0xff);
    await qtest.writel(at(DATA), 0xf0);
    expect(levels()).toBe("00001111");
    await qtest.writel(at(DIR), 0x00);
    expect(levels()).toBe("11110011");
  });

  test.each([",pullups=0x100", ",pulldowns=256", ",pullups=3,pulldowns=6"])(
    "resistors that make no sense, %s, are refused",
    async (properties) => {
      const { status, stderr } = await Qemu.run([...MACHINE, "-device", argument(properties)]);
      expect(status).toBe(1);
      expect(stderr).toStartWith(`${NAME}: -device ${argument(properties)}: `);
      expect(stderr).toEndWith("pullups and pulldowns are masks of 8 pins, and have none in common\n");
    },
  );
});

describe("migration", () => {
  const other = { TypeScript: "C", C: "TypeScript" } as const;

  test.each([
    ["virt", "TypeScript"],
    ["virt", "C"],
    ["stellaris", "TypeScript"],
    ["stellaris", "C"],
  ] as const)("of %s, from %s to the other model", async (board: Board, model: Model) => {
    const file = join(folder(), "stream");
    const before = await Gpio.start(board, model, "interrupt");
    const registers = [DATA, DIR, IS, IBE, IEV, IE, RIS, MIS, AFSEL];
    if (board === "stellaris") {
      for (let offset = 0x500; offset <= 0x528; offset += 4) {
        registers.push(offset);
        await before.write(offset, offset === 0x520 ? 0x0acc_e551 : (offset * 7) >> 2);
      }
    }
    await before.write(DIR, 0xc3);
    await before.write(DATA, 0x81);
    await before.pin(2, 1);
    await before.pin(4, 1);
    await before.write(IS, 0x14);
    await before.write(IBE, 0x20);
    await before.write(IEV, 0x04);
    await before.write(IE, 0x3c);
    await before.write(AFSEL, 0x55);
    const state = (gpio: Gpio) => Promise.all(registers.map((register) => gpio.read(register)));
    const expected = await state(before);
    expect(expected.slice(0, 9)).toEqual([0x95, 0xc3, 0x14, 0x20, 0x04, 0x3c, 0x04, 0x04, 0x55]);
    await before.migrate("migrate", file);

    const after = await Gpio.start(board, other[model], "interrupt", ["-incoming", "defer"]);
    await after.migrate("migrate-incoming", file);
    expect(await state(after)).toEqual(expected);
    // What edges are found from came along: the pin that was high falls, one that was low rises.
    await after.pin(4, 0);
    await after.pin(5, 1);
    expect([await after.read(DATA), await after.read(RIS)]).toEqual([0xa5, 0x34]);
  });
});

test("trace events are those of QEMU's own model, in its words", async () => {
  const events = ["reset", "update", "set_output", "input_change", "update_istate", "read", "write"];
  const traced = async (model: Model) => {
    const gpio = await Gpio.start("virt", model, "pins", ["-trace", "pl061_*"]);
    gpio.log();
    await gpio.write(DIR, 0x0f);
    await gpio.write(DATA, 0x05);
    await gpio.write(IE, 0xf0);
    await gpio.pin(6, 1);
    await gpio.pin(6, 0);
    await gpio.read(DATA);
    await gpio.reset();
    await gpio.read(DATA);
    await gpio.write(0x4fc, 3);
    await gpio.read(0x4fc);
    return gpio.log();
  };
  const [ours, theirs] = await Promise.all([traced("TypeScript"), traced("C")]);
  for (const event of events) {
    expect(theirs.filter((line) => line.startsWith(`pl061_${event} `))).not.toEqual([]);
  }
  expect(ours).toEqual(theirs);
});

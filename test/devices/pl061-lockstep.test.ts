/** Random guests and pins, driven in step on both models, on boards of each kind: they must see the same. */

import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { TEST_MS } from "../lib/limit.ts";
import { endAll } from "../lib/qemu.ts";
import { random } from "../lib/random.ts";
import { type Board, Gpio } from "./pl061.ts";

setDefaultTimeout(TEST_MS);
afterAll(endAll);

type Below = (limit: number) => number;

/** From the manuals: those of the PL061, those of the Stellaris, and some that nobody has. */
const CONTROL = [0x400, 0x404, 0x408, 0x40c, 0x410, 0x414, 0x418, 0x41c, 0x420];
const PADS = [0x500, 0x504, 0x508, 0x50c, 0x510, 0x514, 0x518, 0x51c, 0x520, 0x524, 0x528];
const NOTHING = [0x424, 0x4fc, 0x52c, 0xfcc];
const IDS = Array.from({ length: 12 }, (_, i) => 0xfd0 + 4 * i);
const LOCK = 0x520;
const UNLOCK = 0x0acc_e551;

const hex = (value: number) => `0x${value.toString(16)}`;

/** Of one guest. */
const STEPS = 400;

interface Step {
  readonly name: string;
  run(gpio: Gpio): Promise<unknown>;
}

const value = (below: Below) => (below(4) === 0 ? below(2 ** 32) : below(0x100));

function address(below: Below): number {
  switch (below(8)) {
    case 0:
    case 1:
      return 4 * below(0x100);
    case 2:
      return PADS[below(PADS.length)]!;
    case 3:
      return [...NOTHING, ...IDS][below(NOTHING.length + IDS.length)]!;
    default:
      return CONTROL[below(CONTROL.length)]!;
  }
}

function access(below: Below): Step {
  const offset = address(below);
  const written = offset === LOCK && below(2) === 0 ? UNLOCK : value(below);
  const size = (["b", "w", "l", "l", "l"] as const)[below(5)]!;
  // Bytes and halves at the start of a register alone: see the model.
  if (below(3) === 0) {
    return {
      name: `read${size} ${hex(offset)}`,
      run: (gpio) => gpio.bus[`read${size}`](gpio.at(offset)),
    };
  }
  const limit = { b: 0xff, w: 0xffff, l: 0xffffffff }[size];
  const cut = (written & limit) >>> 0;
  return {
    name: `write${size} ${hex(offset)} ${hex(cut)}`,
    run: (gpio) => gpio.bus[`write${size}`](gpio.at(offset), cut),
  };
}

function step(below: Below): Step {
  switch (below(16)) {
    case 0:
      return below(4) === 0 ? { name: "reset", run: (gpio) => gpio.reset() } : access(below);
    case 1:
    case 2:
    case 3:
    case 4:
    case 5: {
      const [pin, level] = [below(8), below(2)];
      return { name: `pin ${pin} ${level}`, run: (gpio) => gpio.pin(pin, level) };
    }
    case 6: {
      const offset = 4 * below(0x100);
      return { name: `both halves of ${hex(offset)}`, run: (gpio) => gpio.bus.readq(gpio.at(offset & ~7)) };
    }
    default:
      return access(below);
  }
}

/** All that a guest and the other ends of the lines can see. */
async function look(gpio: Gpio): Promise<string[]> {
  const seen = [];
  for (const offset of [0x3fc, 0x154, ...CONTROL, ...PADS]) {
    seen.push(`${hex(offset)} is ${hex(await gpio.read(offset))}`);
  }
  return [...seen, `lines ${hex(gpio.lines)}`, ...gpio.log()];
}

test.each([
  ["virt", "pins", 1],
  ["virt", "interrupt", 2],
  ["realview", "pins", 3],
  ["realview", "interrupt", 4],
  ["stellaris", "pins", 5],
  ["stellaris", "interrupt", 6],
] as const)("%s: %s, guest %p", async (board: Board, follows, seed) => {
  const gpios = await Promise.all([
    Gpio.start(board, "TypeScript", follows),
    Gpio.start(board, "C", follows),
  ]);
  const below = random(seed);
  const story: string[] = [];
  for (let i = 0; i < STEPS; i++) {
    const { name, run } = step(below);
    story.push(name);
    const [ours, theirs] = await Promise.all(gpios.map(async (gpio) => [await run(gpio), await look(gpio)]));
    if (!Bun.deepEquals(ours, theirs)) {
      expect([...story.slice(-12), ours]).toEqual([...story.slice(-12), theirs]);
    }
  }
});

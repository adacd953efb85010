/** Random guests of the educational device, driven in step on both models: whatever they do, they must see the same. */

import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { TEST_MS } from "../lib/limit.ts";
import { COMMAND } from "../lib/pci.ts";
import { endAll } from "../lib/qemu.ts";
import { random } from "../lib/random.ts";
import { BUFFER, Edu, RAM, REGISTER } from "./edu.ts";

setDefaultTimeout(TEST_MS);
afterAll(endAll);

/** Of one guest. */
const STEPS = 250;

const REGISTERS = [...Object.values(REGISTER), 0x0c, 0x28, 0x7c, 0x84, 0x9c, 0xa0, 0x40000, 0xffff8];
/** Bytes of memory that transfers can reach. */
const REACH = 0x2000;
const NOWHERE = 0x0f00_0000n;

type Below = (limit: number) => number;

interface Step {
  readonly name: string;
  run(edu: Edu): Promise<unknown>;
}

function value(below: Below): number {
  switch (below(3)) {
    case 0:
      return 2 ** below(32);
    case 1:
      return below(0x200);
    default:
      return below(2 ** 32);
  }
}

function access(below: Below): Step {
  const offset = REGISTERS[below(REGISTERS.length)]!;
  const wide = offset % 8 === 0 && below(2) === 0;
  // QEMU's own model counts down from the number.
  const limit = offset === REGISTER.FACTORIAL ? 10_000 : 2 ** 32;
  const low = value(below) % limit;
  const both = (BigInt(below(4) === 0 ? value(below) : 0) << 32n) | BigInt(low);
  const name = `0x${offset.toString(16)}, ${wide ? 8 : 4} bytes`;
  if (below(3) === 0) {
    return { name: `read ${name}`, run: (edu) => (wide ? edu.readWide(offset) : edu.read(offset)) };
  }
  return {
    name: `write ${name}: 0x${(wide ? both : low).toString(16)}`,
    run: (edu) => (wide ? edu.writeWide(offset, both) : edu.write(offset, low)),
  };
}

function address(below: Below): bigint {
  const start = below(16) === 0 ? NOWHERE : BigInt(RAM + below(REACH));
  return below(8) === 0 ? start + 2n ** BigInt(32 + below(32)) : start;
}

function transfer(below: Below): Step {
  const outside = below(6) === 0 ? BigInt(below(3)) - 1n : 0n;
  const count = below(10) === 0 ? 4096 : below(300);
  const place = BUFFER + BigInt(below(4097 - count)) + outside * 4096n;
  const memory = address(below);
  const command = 1 | (below(4) << 1);
  const [source, destination] = command & 2 ? [place, memory] : [memory, place];
  return {
    name: `transfer ${count} from 0x${source.toString(16)} to 0x${destination.toString(16)}, ${command}`,
    run: (edu) => edu.transfer(source, destination, BigInt(count), command),
  };
}

function step(below: Below): Step {
  const ms = 1 + below(160);
  const n = below(40);
  const at = RAM + below(REACH);
  const byte = below(256);
  const command =
    COMMAND.MEMORY | (below(4) === 0 ? 0 : COMMAND.MASTER) | (below(8) === 0 ? COMMAND.NO_INTX : 0);
  const on = below(2) === 0;
  switch (below(20)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      return { name: `${ms} ms`, run: (edu) => edu.pass(ms) };
    case 5:
    case 6:
    case 7:
      return transfer(below);
    case 8:
      return { name: `${n}!`, run: (edu) => edu.write(REGISTER.FACTORIAL, n) };
    case 9:
      return { name: "all acknowledged", run: (edu) => edu.write(REGISTER.ACKNOWLEDGE, 0xffff_ffff) };
    case 10:
      return { name: `memory at 0x${at.toString(16)} is ${byte}`, run: (edu) => edu.bus.writeb(at, byte) };
    case 11:
      return { name: `command register ${command}`, run: (edu) => edu.card.command(command) };
    case 12:
      return { name: `MSI ${on ? "on" : "off"}`, run: (edu) => edu.enableMsi(on) };
    default:
      return access(below);
  }
}

async function look(edu: Edu): Promise<unknown[]> {
  await edu.computed();
  const seen: unknown[] = [edu.pin, await edu.seenMessage(), edu.seenLog()];
  for (const offset of REGISTERS) {
    seen.push(`0x${offset.toString(16)} is 0x${(await edu.readWide(offset & ~7)).toString(16)}`);
    seen.push(`0x${offset.toString(16)} is 0x${(await edu.read(offset)).toString(16)}`);
  }
  return seen;
}

/** All of memory that a transfer can reach. */
async function memory(edu: Edu): Promise<bigint[]> {
  const words: bigint[] = [];
  for (let at = 0; at < REACH + 4096; at += 8) {
    words.push(await edu.bus.readq(RAM + at));
  }
  return words;
}

const TRIES = 100;

test.each([1, 2, 3, 4])("guest %p", async (seed) => {
  const options = "dma_mask=0xffffffff";
  const edus = await Promise.all([Edu.start("TypeScript", options), Edu.start("C", options)]);
  const below = random(seed);
  const steps: Step[] = [];
  for (let i = 0; i < STEPS; i++) {
    const next = step(below);
    steps.push(next);
    const results = await Promise.all(edus.map((edu) => next.run(edu)));
    let [ours, theirs] = await Promise.all(edus.map(look));
    // C's model computes on a thread, which raises the interrupt some time after the status says that it is done.
    for (let tries = 0; tries < TRIES && !Bun.deepEquals(ours, theirs); tries++) {
      await Bun.sleep(1);
      [ours, theirs] = await Promise.all(edus.map(look));
    }
    expect(results[0]).toEqual(results[1]);
    if (!Bun.deepEquals(ours, theirs)) {
      const story = steps.slice(-12).map(({ name }) => name);
      expect([...story, ours]).toEqual([...story, theirs]);
    }
    await Promise.all(edus.map((edu) => edu.message()));
    for (const edu of edus) {
      edu.log();
    }
  }
  const [ours, theirs] = await Promise.all(edus.map(memory));
  expect(ours).toEqual(theirs!);
});

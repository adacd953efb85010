/** Random guests, driven in step on both models: whatever they do, they must see the same. */

import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { VIRT } from "../lib/guest-code.ts";
import { TEST_MS } from "../lib/limit.ts";
import { endAll } from "../lib/qemu.ts";
import { random } from "../lib/random.ts";
import { CR, DR, FR, FR_RXFE, LBE, LCR_H } from "./manual.ts";
import { type Model, Uart } from "./uart.ts";

setDefaultTimeout(TEST_MS);
afterAll(endAll);

const REGISTERS = [
  ...[DR, 0x004, FR, 0x020, 0x024, 0x028, LCR_H, CR, 0x034, 0x038, 0x03c, 0x040, 0x044, 0x048],
  ...[0x008, 0x01c, 0x04c, 0xfdc, 0xfe0, 0xffc],
];
/** Those that reading does not change. */
const QUIET = REGISTERS.filter((offset) => offset !== DR);

/** Of one guest. */
const STEPS = 250;

interface Step {
  readonly name: string;
  /** Characters that it sends to the UART. */
  readonly sends?: number;
  run(uart: Uart): Promise<unknown>;
}

const hex = (value: number) => `0x${value.toString(16)}`;

/** A guest that does much with few bits gets further than one that writes noise. */
function value(below: (limit: number) => number): number {
  switch (below(4)) {
    case 0:
      return 2 ** below(32);
    case 1:
      return below(0x800);
    case 2:
      return below(2 ** 32);
    default:
      return (0xffffffff - 2 ** below(32)) >>> 0;
  }
}

function access(below: (limit: number) => number): Step {
  const register = REGISTERS[below(REGISTERS.length)]!;
  const size = below(8);
  const written = value(below);
  const isWrite = below(2) === 0;
  const offset = register + (size === 1 ? below(4) : size === 2 ? below(3) : 0);
  const at = VIRT.uart + offset;
  const name = `${isWrite ? "write" : "read"} ${hex(offset)}`;
  if (size === 1) {
    return isWrite
      ? { name: `${name}, byte ${hex(written & 0xff)}`, run: ({ bus }) => bus.writeb(at, written & 0xff) }
      : { name: `${name}, byte`, run: ({ bus }) => bus.readb(at) };
  }
  if (size === 2) {
    return isWrite
      ? { name: `${name}, half ${hex(written & 0xffff)}`, run: ({ bus }) => bus.writew(at, written & 0xffff) }
      : { name: `${name}, half`, run: ({ bus }) => bus.readw(at) };
  }
  return isWrite
    ? { name: `${name}, ${hex(written)}`, run: ({ bus }) => bus.writel(at, written) }
    : { name, run: ({ bus }) => bus.readl(at) };
}

function step(below: (limit: number) => number): Step {
  const kind = below(32);
  const character = String.fromCharCode(below(256));
  switch (kind) {
    case 0:
      return { name: "a reset", run: (uart) => uart.systemReset() };
    case 1:
      return { name: "a break on the line", run: (uart) => uart.sendBreak() };
    case 2:
    case 3: {
      const text = character.repeat(1 + below(20));
      return {
        name: `${text.length} characters on the line`,
        sends: text.length,
        run: (uart) => uart.send(text),
      };
    }
    case 4:
      return { name: "the FIFO on", run: (uart) => uart.write(LCR_H, 0x10) };
    case 5:
      return { name: "loopback", run: (uart) => uart.write(CR, 0x381) };
    case 6:
      return { name: "no loopback", run: (uart) => uart.write(CR, 0x301) };
    case 7:
    case 8:
    case 9:
      return { name: "a character sent", run: (uart) => uart.write(DR, character.charCodeAt(0)) };
    case 10:
    case 11:
    case 12:
      // What the line held back comes in after the read.
      return {
        name: "a character read",
        async run(uart) {
          const found = await uart.read(DR);
          await uart.settle();
          return found;
        },
      };
    default:
      return access(below);
  }
}

async function look(uart: Uart): Promise<string[]> {
  const seen = [`lines ${hex(uart.lines)}`];
  for (const offset of QUIET) {
    seen.push(`${hex(offset)} is ${hex(await uart.read(offset))}`);
  }
  return [...seen, ...uart.log(), `sent ${JSON.stringify(uart.unread)}`];
}

/** One model, and what the test knows of it. */
class Run {
  private readonly uart: Uart;
  /** Characters that may lie in QEMU's socket; loopback throws them away, but not all at once. */
  private waiting = 0;

  private constructor(uart: Uart) {
    this.uart = uart;
  }

  static async start(model: Model): Promise<Run> {
    return new Run(await Uart.start(model));
  }

  async do({ run, sends = 0 }: Step): Promise<unknown[]> {
    const result = await run(this.uart);
    this.waiting += sends;
    const loopback = (await this.uart.read(CR)) & LBE;
    await this.uart.settle(loopback ? this.waiting : 1);
    if ((await this.uart.read(FR)) & FR_RXFE) {
      this.waiting = 0;
    }
    return [result, await look(this.uart)];
  }
}

test.each([1, 2, 3, 4])("guest %p", async (seed) => {
  const runs = await Promise.all([Run.start("TypeScript"), Run.start("C")]);
  const below = random(seed);
  const steps: Step[] = [];
  for (let i = 0; i < STEPS; i++) {
    steps.push(step(below));
    const [ours, theirs] = await Promise.all(runs.map((run) => run.do(steps.at(-1)!)));
    if (!Bun.deepEquals(ours, theirs)) {
      const story = steps.slice(-12).map(({ name }) => name);
      expect([...story, ours]).toEqual([...story, theirs]);
    }
  }
});

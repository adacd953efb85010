/**
 * A device that copies between guest memory and a buffer of its own, many times, and prints how long that took: in
 * TypeScript, or in C that does the same in the same process (scripts/bench/native/copy.c). For the bench `dma`.
 */
import { dlopen, FFIType, ptr } from "bun:ffi";
import { type ResetExit, SysBusDevice, string, type TimerListener, timer, u32 } from "qemu-script";

/** Of guest memory; there is nothing else. */
const ADDRESS = 0x4200_0000;
const BIG = 2 ** 20;
const SMALL = 4096;
/** Of copies: some ms of them, which no watchdog minds. */
const TURNS = new Map([
  [SMALL, 20_000],
  [BIG, 40],
]);
/** Between two of them, others may run. */
const PAUSE_NS = 1_000_000;

type Copy = (bytes: Uint8Array, times: number) => number;

export default class Copier
  extends SysBusDevice.with({
    type: "bench-copier",
    properties: {
      native: string({ description: "copy.so, if C is to copy" }),
      turns: u32({ default: 1, description: "how often each is measured" }),
      warmup: u32({ default: 0, description: "how often before" }),
    },
    state: { next: timer() },
  })
  implements ResetExit, TimerListener
{
  private readonly times: Record<string, number[]> = {};
  private turn = 0;
  private copies: Readonly<Record<string, [Copy, number]>> = {};

  realize() {
    this.copies = this.config.native === "" ? this.ours() : this.theirs(this.config.native);
  }

  resetExit() {
    this.next.after(PAUSE_NS);
  }

  /** QEMU holds its lock here, as in a handler of a register. */
  timerExpired() {
    const { turns, warmup } = this.config;
    for (const [name, [copy, length]] of Object.entries(this.copies)) {
      const times = TURNS.get(length)!;
      const took = copy(new Uint8Array(length), times) / times;
      if (this.turn >= warmup) {
        this.times[name] = [...(this.times[name] ?? []), took];
      }
    }
    if (++this.turn < turns + warmup) {
      this.next.after(PAUSE_NS);
    } else {
      console.error(`copied ${JSON.stringify(this.times)}`);
    }
  }

  private ours(): Record<string, [Copy, number]> {
    const timed =
      (copy: (bytes: Uint8Array) => unknown): Copy =>
      (bytes, times) => {
        const start = Bun.nanoseconds();
        for (let i = 0; i < times; i++) {
          copy(bytes);
        }
        return Bun.nanoseconds() - start;
      };
    const { dma } = this;
    const read = timed((bytes) => dma.read(ADDRESS, bytes));
    const write = timed((bytes) => dma.write(ADDRESS, bytes));
    return { read4k: [read, SMALL], write4k: [write, SMALL], read1m: [read, BIG], write1m: [write, BIG] };
  }

  private theirs(library: string): Record<string, [Copy, number]> {
    const { symbols } = dlopen(library, {
      // double dma_time(uint64_t address, void *bytes, uint64_t length, bool is_write, uint32_t times)
      dma_time: { args: [FFIType.u64_fast, "ptr", FFIType.u64_fast, "bool", "u32"], returns: "f64" },
      // double memcpy_time(void *to, const void *from, uint64_t length, uint32_t times)
      memcpy_time: { args: ["ptr", "ptr", FFIType.u64_fast, "u32"], returns: "f64" },
    });
    const dma =
      (write: boolean): Copy =>
      (bytes, times) =>
        symbols.dma_time(ADDRESS, ptr(bytes), bytes.length, write, times);
    const memcpy =
      (write: boolean): Copy =>
      (bytes, times) => {
        using window = this.dma.map(ADDRESS, bytes.length, { write })!;
        const [guest, own] = [ptr(window.bytes), ptr(bytes)];
        return symbols.memcpy_time(write ? guest : own, write ? own : guest, bytes.length, times);
      };
    return {
      read4k: [dma(false), SMALL],
      write4k: [dma(true), SMALL],
      read1m: [memcpy(false), BIG],
      write1m: [memcpy(true), BIG],
    };
  }
}

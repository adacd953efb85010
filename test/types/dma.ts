/** What access to guest memory must mean to the type checker. Checked by tsc, never run. */

import { expectTypeOf } from "bun:test";
import { Dma, type DmaResult, type DmaWindow, SysBusDevice, u32, u64 } from "qemu-script";

class Mover extends SysBusDevice.with({
  type: "mover",
  state: { near: u32, far: u64, buffer: u32.array(4) },
}) {
  bytes() {
    const bytes = new Uint8Array(16);
    expectTypeOf(this.dma.read(this.near, bytes)).toEqualTypeOf<DmaResult>();
    expectTypeOf(this.dma.write(this.far, bytes)).toEqualTypeOf<DmaResult>();
    expectTypeOf(this.dma.fill(this.near, 16)).toEqualTypeOf<DmaResult>();
    expectTypeOf(this.dma.result).toEqualTypeOf<"ok" | "error" | "decode" | "access">();
    // @ts-expect-error bytes, not words
    this.dma.read(this.near, this.buffer);
    // @ts-expect-error not text
    this.dma.write(this.near, "hello");
    // @ts-expect-error an address is a number
    this.dma.load32("0x1000");
    // @ts-expect-error told, not set
    this.dma.result = "ok";
    // @ts-expect-error no such result
    this.dma.result === "fine";
    // @ts-expect-error the host's
    this.dma = this.dma;
  }

  values() {
    expectTypeOf(this.dma.load8(0)).toEqualTypeOf<number>();
    expectTypeOf(this.dma.load16be(0)).toEqualTypeOf<number>();
    expectTypeOf(this.dma.load32(0n)).toEqualTypeOf<number>();
    expectTypeOf(this.dma.load64(0)).toEqualTypeOf<bigint>();
    expectTypeOf(this.dma.load64be(0)).toEqualTypeOf<bigint>();
    this.dma.store64(0, 1n);
    // @ts-expect-error 64 bits are a bigint
    this.dma.store64(0, 1);
    // @ts-expect-error 32 bits are a number
    this.dma.store32be(0, 1n);
  }

  window() {
    using window = this.dma.map(this.far, 4096, { write: true });
    expectTypeOf(window).toEqualTypeOf<DmaWindow | undefined>();
    // @ts-expect-error there may be none
    window.bytes;
    if (window) {
      expectTypeOf(window.bytes).toEqualTypeOf<Uint8Array<ArrayBuffer>>();
      // @ts-expect-error it stays where it is
      window.length = 1;
    }
    // @ts-expect-error an option it does not have
    this.dma.map(0, 1, { read: true });
    // @ts-expect-error bytes
    this.dma.map(0, 1n);
  }
}

// @ts-expect-error a field of that name would hide it
SysBusDevice.with({ type: "x", state: { dma: u32 } });
// @ts-expect-error made by the host
new Dma();

export { Mover };

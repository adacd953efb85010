/**
 * One read of a register, by a guest in Unicorn, of a device in TypeScript: the obvious way, a JSCallback of bun:ffi for
 * each access. Arguments and output are those of unicorn-device.py.
 */
import { dlopen, FFIType, JSCallback, type Pointer, ptr } from "bun:ffi";

const CODE = 0x4008_0000;
const DEVICE = 0x0900_0000;
const MIS = 0x40;
const WARMUP = 10;

/** unicorn.h, arm64.h */
const UC_ARCH_ARM64 = 2;
const UC_MODE_ARM = 0;
const UC_PROT_ALL = 7;
const UC_ARM64_REG_X0 = 199;
const UC_ARM64_REG_X1 = 200;

const { symbols: uc } = dlopen("libunicorn.so.2", {
  uc_open: { args: ["i32", "i32", "ptr"], returns: "i32" },
  uc_mem_map: { args: ["ptr", "u64", "usize", "u32"], returns: "i32" },
  uc_mem_write: { args: ["ptr", "u64", "ptr", "usize"], returns: "i32" },
  uc_mmio_map: { args: ["ptr", "u64", "usize", "ptr", "ptr", "ptr", "ptr"], returns: "i32" },
  uc_reg_write: { args: ["ptr", "i32", "ptr"], returns: "i32" },
  uc_emu_start: { args: ["ptr", "u64", "u64", "u64", "usize"], returns: "i32" },
});

class Device {
  level = 0x20;
  enabled = 0;

  read(offset: number): number {
    return offset === MIS ? (this.level & this.enabled) >>> 0 : 0;
  }
}

const device = new Device();
const read = new JSCallback((_uc: Pointer, offset: number, _size: number) => device.read(offset), {
  args: ["ptr", FFIType.u64_fast, "u32", "ptr"],
  returns: FFIType.u64_fast,
});

function must(error: number): void {
  if (error !== 0) throw new Error(`Unicorn says ${error}`);
}

function make(code: Uint8Array): Pointer {
  const place = new BigUint64Array(1);
  must(uc.uc_open(UC_ARCH_ARM64, UC_MODE_ARM, ptr(place)));
  const engine = Number(place[0]) as Pointer;
  must(uc.uc_mem_map(engine, BigInt(CODE), 0x1000n, UC_PROT_ALL));
  must(uc.uc_mem_write(engine, BigInt(CODE), ptr(code), BigInt(code.length)));
  must(uc.uc_mmio_map(engine, BigInt(DEVICE), 0x1000n, read.ptr, null, null, null));
  return engine;
}

/** @returns ns */
function call(engine: Pointer, begin: number, end: number, reads: number): number {
  const registers = [
    [UC_ARM64_REG_X0, reads],
    [UC_ARM64_REG_X1, DEVICE + MIS],
  ] as const;
  for (const [register, value] of registers)
    must(uc.uc_reg_write(engine, register, ptr(new BigUint64Array([BigInt(value)]))));
  const start = Bun.nanoseconds();
  must(uc.uc_emu_start(engine, BigInt(begin), BigInt(end), 0n, 0n));
  return Bun.nanoseconds() - start;
}

function main([emptyHex = "", readHex = "", readsText, callsText]: readonly string[]): void {
  const [reads, calls] = [Number(readsText), Number(callsText)];
  const loops = { empty: Uint8Array.fromHex(emptyHex), read: Uint8Array.fromHex(readHex) } as const;
  const engine = make(Buffer.concat(Object.values(loops)));
  const times = { empty: [] as number[], read: [] as number[] };
  for (let i = 0; i < WARMUP + calls; i++) {
    let begin = CODE;
    for (const name of ["empty", "read"] as const) {
      const end = begin + loops[name].length;
      const took = call(engine, begin, end, reads);
      if (i >= WARMUP) times[name].push(took / reads);
      begin = end;
    }
  }
  console.log(JSON.stringify(times));
}

main(Bun.argv.slice(2));

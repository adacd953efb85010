/**
 * A JSCallback of bun:ffi, called by a loop in C: the least that a device in TypeScript can cost if C calls it, without
 * an emulator. Arguments: the library of native/callback.c, calls in a loop, loops. Prints what unicorn-device.py does.
 */
import { dlopen, JSCallback } from "bun:ffi";

const MIS = 0x40;
const WARMUP = 10;

const [library = "", callsText, loopsText] = Bun.argv.slice(2);
const [calls, loops] = [Number(callsText), Number(loopsText)];

const { symbols } = dlopen(library, {
  // double callback_time(uint32_t (*read)(uint32_t offset, uint32_t size), uint32_t offset, uint32_t times)
  callback_time: { args: ["ptr", "u32", "u32"], returns: "f64" },
});

const device = { level: 0x20, enabled: 0 };
const read = new JSCallback(
  (offset: number, _size: number) => (offset === MIS ? (device.level & device.enabled) >>> 0 : 0),
  { args: ["u32", "u32"], returns: "u32" },
);

const times: number[] = [];
for (let i = 0; i < WARMUP + loops; i++) {
  const took = symbols.callback_time(read.ptr, MIS, calls);
  if (i >= WARMUP) times.push(took / calls);
}
console.log(JSON.stringify({ empty: times.map(() => 0), read: times }));

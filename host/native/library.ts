import { dlopen, type Library, type Pointer, toArrayBuffer } from "bun:ffi";
import { ABI, BYTES_OFFSET, MAX_BYTES, MAX_ROOMS, ROOMS_OFFSET, SHARED_SIZE, STARVED_OFFSET } from "./abi.ts";
import { SYMBOLS } from "./symbols.ts";

export type Symbols = Library<typeof SYMBOLS>["symbols"];

/** The C functions. Set by {@link openLibrary}; nothing before that may call one. */
export let qemu: Symbols;

/** ScriptShared as 32-bit words; layout in abi.ts. */
export let words: Uint32Array;
/** ScriptShared as doubles, for the pointers in frames. */
export let doubles: Float64Array;
/** Room that each receiving chardev has left, in bytes. */
export let rooms: Int32Array;
/** Not 0 where the backend of a receiving chardev may hold input back until it hears of room. */
export let starved: Uint8Array;
/** How many trace events are enabled in all of QEMU: one word. */
export let tracing: Uint32Array;
/** Bytes that come with a posted call. */
export let bytes: Uint8Array;

/**
 * Opens libqemu-system-*.so and maps the memory shared with it.
 *
 * @throws Error that says what to do, if the library is missing, cannot be linked, or is of another build.
 */
export function openLibrary(path: string): void {
  try {
    qemu = dlopen(path, SYMBOLS).symbols;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`cannot open ${path}: ${reason}; run \`npm run build\` to build it`, { cause });
  }
  const abi = qemu.script_abi();
  if (abi !== ABI) {
    throw new Error(`${path} is of another build (ABI ${abi}, not ${ABI}); run \`npm run build\``);
  }
  const shared = toArrayBuffer(qemu.script_shared() as Pointer, 0, SHARED_SIZE);
  words = new Uint32Array(shared);
  doubles = new Float64Array(shared, 0, Math.floor(SHARED_SIZE / 8));
  rooms = new Int32Array(shared, ROOMS_OFFSET, MAX_ROOMS);
  starved = new Uint8Array(shared, STARVED_OFFSET, MAX_ROOMS);
  tracing = new Uint32Array(toArrayBuffer(qemu.script_trace_count() as Pointer, 0, 4));
  bytes = new Uint8Array(shared, BYTES_OFFSET, MAX_BYTES);
}

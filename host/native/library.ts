import { dlopen, type Library, type Pointer, toArrayBuffer } from "bun:ffi";
import { dirname, join } from "node:path";
import { ABI, BYTES_OFFSET, MAX_BYTES, MAX_ROOMS, ROOMS_OFFSET, SHARED_SIZE, STARVED_OFFSET } from "./abi.ts";
import { SYMBOLS } from "./symbols.ts";

export type Symbols = Library<typeof SYMBOLS>["symbols"];

const LIBRARY = "libqemu-system-aarch64.so";

/** Compiled into one executable, as build/qemu-system-aarch64 is: only that is QEMU. */
const compiled = import.meta.path.startsWith("/$bunfs/");

/** @throws Error that says what to do, if the library is missing, cannot be linked, or is of another build */
function open(path: string): Symbols {
  let symbols: Symbols;
  try {
    symbols = dlopen(path, SYMBOLS).symbols;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`cannot open ${path}: ${reason}; run \`npm run build\` to build it`, { cause });
  }
  const abi = symbols.script_abi();
  if (abi !== ABI) {
    throw new Error(`${path} is of another build (ABI ${abi}, not ${ABI}); run \`npm run build\``);
  }
  return symbols;
}

function map(symbols: Symbols) {
  const shared = toArrayBuffer(symbols.script_shared() as Pointer, 0, SHARED_SIZE);
  return {
    qemu: symbols,
    words: new Uint32Array(shared),
    doubles: new Float64Array(shared, 0, Math.floor(SHARED_SIZE / 8)),
    rooms: new Int32Array(shared, ROOMS_OFFSET, MAX_ROOMS),
    starved: new Uint8Array(shared, STARVED_OFFSET, MAX_ROOMS),
    tracing: new Uint32Array(toArrayBuffer(symbols.script_trace_count() as Pointer, 0, 4)),
    bytes: new Uint8Array(shared, BYTES_OFFSET, MAX_BYTES),
  };
}

function openAndMap(): ReturnType<typeof map> | Error {
  try {
    return map(open(process.env["QEMU_SCRIPT_LIBRARY"] ?? join(dirname(process.execPath), LIBRARY)));
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Tests import modules that would call C, and do without. */
const opened = compiled ? openAndMap() : new Error("host/ is a part of build/qemu-system-aarch64: run that");

/** Why there is no library, if there is none: nothing below can be used then. */
export const failure = opened instanceof Error ? opened : undefined;

// Written once, and here: that makes them constants for the JIT compiler, with the addresses of the memory.
const mapped = opened as ReturnType<typeof map>;

/** The C functions. */
export const qemu = mapped.qemu;
/** ScriptShared as 32-bit words; layout in abi.ts. */
export const words = mapped.words;
/** ScriptShared as doubles, for the pointers in frames. */
export const doubles = mapped.doubles;
/** Room that each receiving chardev has left, in bytes. */
export const rooms = mapped.rooms;
/** Not 0 where the backend of a receiving chardev may hold input back until it hears of room. */
export const starved = mapped.starved;
/** How many trace events are enabled in all of QEMU: one word. */
export const tracing = mapped.tracing;
/** Bytes that come with a posted call. */
export const bytes = mapped.bytes;

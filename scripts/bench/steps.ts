/** The instructions that a running QEMU executes for one guest access, one by one. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { ToolFailed } from "../lib/errors.ts";
import type { Guest } from "../lib/guest.ts";
import { paths, TARGET } from "../lib/paths.ts";
import { output, run, startLog } from "../lib/process.ts";
import { functionsOf, type Mapping, MemoryMap } from "./memory-map.ts";
import { compileProgram } from "./native.ts";
import { threadsOf } from "./process-figures.ts";

/** Accesses that are looked at; what comes most often counts. */
const VISITS = 200;
const TRIES = 3;
/** Of translated code: smaller than what the JavaScript engine reserves for its own. */
export const TRANSLATED_MB = 32;
const MB = 2 ** 20;

/** Where an instruction belongs to. */
export const PARTS = {
  translated: "translated guest code",
  qemu: "QEMU",
  script: "the patch (script/)",
  javascript: "JavaScript, compiled",
  bun: "Bun's runtime",
  other: "the C library",
} as const;
export type Part = keyof typeof PARTS;

/** Instructions of one function, in one access. */
export interface Share {
  readonly part: Part;
  readonly name: string;
  readonly count: number;
}

/**
 * @param place a function of QEMU's that every access enters once
 * @throws ToolFailed when the process may not be traced: where kernel.yama.ptrace_scope is not 0, only root may
 */
export async function sharesOf(guest: Guest, place: string, visits = VISITS): Promise<Share[]> {
  const { pid = NaN } = guest;
  const map = new MemoryMap(pid);
  const qemu = map.fileNamed(`lib${TARGET}.so`) ?? map.fileNamed(TARGET) ?? "";
  const base = map.baseOf(qemu);
  const entry = (await functionsOf(qemu)).get(place) ?? NaN;
  const access = typical(await recorded(pid, base + entry, visits), base + entry);
  return await named(access, map, qemu, base);
}

/** Where the vCPU's thread was after each instruction. The others, and so the ticks of one, stand still. */
async function recorded(pid: number, place: number, visits: number): Promise<Float64Array> {
  const steps = await compileProgram("steps");
  const [busiest] = threadsOf(pid).toSorted((a, b) => b.cpuSeconds - a.cpuSeconds);
  const folder = mkdtempSync(join(tmpdir(), "qemu-script-bench-"));
  const log = join(paths.build, "logs", "bench-steps.log");
  try {
    startLog(log);
    const file = join(folder, "steps");
    const args = [pid, busiest?.id ?? 0, place.toString(16), visits, file].map(String);
    await patiently(() => run(steps, args, { what: "running QEMU instruction by instruction", log }));
    return Float64Array.from(new BigUint64Array(await Bun.file(file).arrayBuffer()), Number);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Now and then another thread stands still with something that this one waits for, a lock of a compiler's say. */
async function patiently(attempt: () => Promise<void>): Promise<void> {
  for (let left = TRIES - 1; ; left--) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (left === 0 || !(error instanceof ToolFailed)) throw error;
    }
  }
}

/** Of accesses, which all begin at `place`, the first of those that have the most frequent length. */
export function typical(addresses: Float64Array, place: number): Float64Array {
  const starts = [...addresses.keys()].filter((at) => addresses[at] === place);
  const accesses = starts.slice(1).map((end, i) => addresses.subarray(starts[i], end));
  const frequency = new Map<number, number>();
  for (const { length } of accesses) frequency.set(length, (frequency.get(length) ?? 0) + 1);
  const [best] = [...frequency].toSorted(([, a], [, b]) => b - a)[0] ?? [0];
  return accesses.find(({ length }) => length === best) ?? new Float64Array();
}

async function named(access: Float64Array, map: MemoryMap, qemu: string, base: number): Promise<Share[]> {
  const counts = new Map<number, number>();
  for (const address of access) counts.set(address, (counts.get(address) ?? 0) + 1);
  const inQemu = [...counts.keys()].filter((address) => map.at(address)?.path === qemu);
  const lines = await linesOf(
    qemu,
    inQemu.map((address) => address - base),
  );
  const places = new Map(inQemu.map((address, i) => [address, lines[i]]));
  const shares = new Map<string, Share>();
  for (const [address, count] of counts) {
    const { part, name } = placeOf(map.at(address), places.get(address));
    const before = shares.get(`${part} ${name}`)?.count ?? 0;
    shares.set(`${part} ${name}`, { part, name, count: before + count });
  }
  return [...shares.values()].toSorted((a, b) => b.count - a.count);
}

interface Line {
  readonly name: string;
  readonly file: string;
}

/** Which function, also if it is inlined, and file the code at addresses of a file is from. */
async function linesOf(path: string, addresses: readonly number[]): Promise<Line[]> {
  const hex = addresses.map((address) => address.toString(16));
  const told = ((await output("addr2line", ["-f", "-e", path, ...hex])) ?? "").split("\n");
  return addresses.map((_, i) => ({ name: told[2 * i] ?? "?", file: told[2 * i + 1] ?? "" }));
}

function placeOf(mapping: Mapping | undefined, line: Line | undefined): { part: Part; name: string } {
  if (line) return { part: /\bscript\//.test(line.file) ? "script" : "qemu", name: line.name };
  if (!mapping) return { part: "other", name: "?" };
  const { path, start, end } = mapping;
  if (path === "") {
    const part = end - start <= TRANSLATED_MB * MB ? "translated" : "javascript";
    return { part, name: PARTS[part] };
  }
  return { part: basename(path) === TARGET ? "bun" : "other", name: basename(path) };
}

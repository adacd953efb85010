/** What is where in a process's memory, as far as it is code. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { output } from "../lib/process.ts";

/** An executable part of the memory. */
export interface Mapping {
  readonly start: number;
  readonly end: number;
  /** Empty if no file is mapped there. */
  readonly path: string;
}

/** `7fb6ae512000-7fb6aed58000 r-xp 00512000 fe:00 7473782   /path`, see proc(5). */
export function mappingsIn(maps: string): (Mapping & { readonly executable: boolean })[] {
  return maps
    .split("\n")
    .map((line) => /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, start, end, flags = "", path = ""]) => ({
      start: Number(`0x${start}`),
      end: Number(`0x${end}`),
      path,
      executable: flags.includes("x"),
    }));
}

export class MemoryMap {
  private readonly mappings: readonly Mapping[];
  /** Where each file begins. */
  private readonly bases = new Map<string, number>();

  constructor(pid: number) {
    const all = mappingsIn(readFileSync(`/proc/${pid}/maps`, "utf8"));
    for (const { path, start } of all) if (!this.bases.has(path)) this.bases.set(path, start);
    this.mappings = all.filter(({ executable }) => executable);
  }

  /** The mapping that an address is in. */
  at(address: number): Mapping | undefined {
    return this.mappings.find(({ start, end }) => start <= address && address < end);
  }

  /** What is added to the addresses in a file that is loaded anywhere: 0 if it is a program that has its own place. */
  baseOf(path: string): number {
    const header = readFileSync(path).subarray(0, 18);
    const ET_DYN = 3;
    return header.readUInt16LE(16) === ET_DYN ? (this.bases.get(path) ?? NaN) : 0;
  }

  /** The file that is mapped and has this name. */
  fileNamed(name: string): string | undefined {
    return [...this.bases.keys()].find((path) => basename(path) === name);
  }
}

/** Addresses of a file's functions, as the file has them. */
export async function functionsOf(path: string): Promise<ReadonlyMap<string, number>> {
  const listed = (await output("nm", ["--defined-only", path])) ?? "";
  const functions = [...listed.matchAll(/^([0-9a-f]+) [tT] (\S+)$/gm)];
  return new Map(functions.map(([, address, name = ""]) => [name, Number(`0x${address}`)]));
}

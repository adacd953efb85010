/**
 * Makes one file tree equal to another without touching what is equal already: ninja goes by modification times,
 * so a file whose bytes stay must keep its own, and one whose bytes change must get a new one.
 */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  type Stats,
  symlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { writeWhole } from "./stamps.ts";

export type Entry =
  | { readonly kind: "file"; readonly bytes: Uint8Array; readonly executable: boolean }
  | { readonly kind: "link"; readonly target: string };

/** What a tree has instead of the other tree's files, by relative path; null where it has none. */
export type Overrides = ReadonlyMap<string, Entry | null>;

/** The entry at `path`, or null when nothing (or a directory) is there. */
export function readEntry(path: string): Entry | null {
  const stat = statOf(path);
  if (stat?.isSymbolicLink()) return { kind: "link", target: readlinkSync(path) };
  if (!stat?.isFile()) return null;
  return { kind: "file", bytes: readFileSync(path), executable: (stat.mode & 0o100) !== 0 };
}

/** Puts `entry` at `path`. True when that changed anything. */
export function writeEntry(path: string, entry: Entry | null): boolean {
  const old = readEntry(path);
  if (sameEntry(old, entry)) return false;
  if (entry !== null) makeDirectory(dirname(path));
  // A file is replaced by renaming; anything else, a directory too, has to go first.
  if (old?.kind !== "file" || entry?.kind !== "file") rmSync(path, { force: true, recursive: true });
  if (entry === null) return true;
  if (entry.kind === "link") symlinkSync(entry.target, path);
  else {
    writeWhole(path, entry.bytes);
    chmodSync(path, entry.executable ? 0o755 : 0o644);
  }
  return true;
}

/** Brings the named files of `to` in line with `from` and the overrides. Answers those that changed. */
export function syncFiles(from: string, to: string, files: Iterable<string>, overrides: Overrides): string[] {
  const changed: string[] = [];
  for (const file of files) {
    const override = overrides.get(file);
    const entry = override === undefined ? readEntry(join(from, file)) : override;
    if (writeEntry(join(to, file), entry)) changed.push(file);
  }
  return changed;
}

/**
 * The same for all files: what `from` and the overrides do not have is removed from `to`, except what builds leave
 * in a source tree. Slow: it reads every file of both.
 */
export async function syncTree(
  from: string,
  to: string,
  overrides: Overrides,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<string[]> {
  const wanted = new Set([...walk(from), ...overrides.keys()]);
  const files = [...new Set([...wanted, ...walk(to)])];
  const changed: string[] = [];
  const BATCH = 500;
  for (let at = 0; at < files.length; at += BATCH) {
    changed.push(...syncFiles(from, to, files.slice(at, at + BATCH), overrides));
    onProgress(Math.min(at + BATCH, files.length), files.length);
    await new Promise((resume) => setImmediate(resume));
  }
  return changed;
}

/** Top-level entries of a tree that are no part of the source: a checkout's history and its in-tree build. */
export const NOT_SOURCE: ReadonlySet<string> = new Set([".git", "build"]);

/** Files and links of a source tree, relative. Caches of Python are nobody's source. */
export function* walk(root: string, prefix = ""): Generator<string> {
  for (const entry of readdirSync(join(root, prefix), { withFileTypes: true })) {
    if (entry.name === "__pycache__" || (prefix === "" && NOT_SOURCE.has(entry.name))) continue;
    const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) yield* walk(root, path);
    else yield path;
  }
}

function sameEntry(a: Entry | null, b: Entry | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.kind === "link") return b.kind === "link" && a.target === b.target;
  return b.kind === "file" && a.executable === b.executable && Buffer.compare(a.bytes, b.bytes) === 0;
}

/** lstat(2), or undefined when the path does not exist, be it because a directory on its way is a file. */
function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Like mkdir -p, also where a file stood before. */
function makeDirectory(path: string): void {
  if (statOf(path)?.isDirectory()) return;
  makeDirectory(dirname(path));
  rmSync(path, { force: true });
  mkdirSync(path, { recursive: true });
}

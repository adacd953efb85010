/** build/tree: the pristine tree, with qemu-patch/patches applied in the order of their names and qemu-patch/overlay on top. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { $ } from "zx";
import { UserError } from "./errors.ts";
import { copyTree } from "./qemu-source.ts";
import { listFiles, type Stamps, statFingerprint } from "./stamps.ts";
import { type Entry, type Overrides, readEntry, syncFiles, syncTree } from "./sync.ts";

export interface PatchInputs {
  /** The pristine tree. */
  readonly source: string;
  /** Changes when the pristine tree does. */
  readonly sourceKey: string;
  /** The folder with patches/ and overlay/. */
  readonly patches: string;
}

const STAMP = "tree";

/** The stamp's content. While a sync is under way its key is "" and `touched` covers what may be half done. */
interface TreeStamp {
  readonly key: string;
  readonly sourceKey: string;
  /** Every file that differs, or may differ, from the pristine tree. */
  readonly touched: readonly string[];
}

/** Says whether `tree` is made from just these inputs, by looking at file times and sizes only. */
export function treeIsCurrent(inputs: PatchInputs, tree: string, stamps: Stamps): boolean {
  return existsSync(tree) && readStamp(stamps)?.key === treeKey(inputs);
}

/** Changes when anything does that build/tree is made from. */
export function treeKey(inputs: PatchInputs): string {
  return `${inputs.sourceKey} ${statFingerprint(join(inputs.patches, "patches"), join(inputs.patches, "overlay"))}`;
}

/**
 * Makes `tree` what the inputs say and answers which of its files changed; all others keep their times.
 *
 * @throws UserError naming the patch that does not apply, with git's reason. The tree is as before then.
 */
export async function patchTree(
  inputs: PatchInputs,
  tree: string,
  stamps: Stamps,
  log: string,
  onProgress?: (done: number, total: number) => void,
): Promise<string[]> {
  const key = treeKey(inputs);
  const overrides = await computeOverrides(inputs, `${tree}.patching`);
  const before = existsSync(tree) ? readStamp(stamps) : undefined;
  const touched = [...overrides.keys()];
  const union = [...new Set([...(before?.touched ?? []), ...touched])];
  const write = (stamp: TreeStamp): void => stamps.write(STAMP, JSON.stringify(stamp));
  let changed: string[];
  if (before?.sourceKey === inputs.sourceKey) {
    write({ key: "", sourceKey: inputs.sourceKey, touched: union });
    changed = syncFiles(inputs.source, tree, union, overrides);
  } else {
    stamps.remove(STAMP);
    if (existsSync(tree)) changed = await syncTree(inputs.source, tree, overrides, onProgress);
    else {
      await copyWhole(inputs.source, tree, log);
      changed = syncFiles(inputs.source, tree, touched, overrides);
    }
  }
  write({ key, sourceKey: inputs.sourceKey, touched });
  return changed;
}

async function copyWhole(from: string, to: string, log: string): Promise<void> {
  const temporary = `${to}.tmp`;
  rmSync(temporary, { recursive: true, force: true });
  await copyTree(from, temporary, log);
  renameSync(temporary, to);
}

/** What patches and overlay make of the pristine tree's files. Works in `scratch`, on copies. */
export async function computeOverrides(
  inputs: Pick<PatchInputs, "source" | "patches">,
  scratch: string,
): Promise<Overrides> {
  const directory = join(inputs.patches, "patches");
  const patches = namesOf(directory).filter((name) => name.endsWith(".patch"));
  const files = new Set(patches.flatMap((name) => patchedFiles(readFileSync(join(directory, name), "utf8"))));
  const overrides = new Map<string, Entry | null>();
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  try {
    for (const file of files) copyFile(join(inputs.source, file), join(scratch, file));
    for (const name of patches) await applyPatch(join(directory, name), scratch);
    for (const file of files) overrides.set(file, readEntry(join(scratch, file)));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  const overlay = join(inputs.patches, "overlay");
  for (const file of listFiles(overlay)) overrides.set(file, readEntry(join(overlay, file)));
  return overrides;
}

/** Every path a patch names. A line of content that looks like a header adds a harmless one. */
export function patchedFiles(patch: string): string[] {
  const files = new Set<string>();
  for (const match of patch.matchAll(
    /^(?:(?:---|\+\+\+) [ab]\/|(?:rename|copy) (?:from|to) )([^\t\r\n]+)/gm,
  )) {
    const file = match[1];
    if (file !== undefined && !file.split("/").includes("..")) files.add(file);
  }
  return [...files];
}

/** git apply, kept from taking the repository around build/ and the user's settings into account. */
async function applyPatch(patch: string, directory: string): Promise<void> {
  const { GIT_DIR: _dir, GIT_WORK_TREE: _tree, GIT_INDEX_FILE: _index, ...environment } = process.env;
  const { exitCode, stderr } = await $({
    cwd: directory,
    quiet: true,
    nothrow: true,
    env: {
      ...environment,
      LC_ALL: "C.UTF-8",
      GIT_CEILING_DIRECTORIES: dirname(directory),
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_CONFIG_NOSYSTEM: "1",
    },
  })`exec git apply --whitespace=nowarn ${patch}`;
  if (exitCode === 0) return;
  const name = patch.slice(patch.lastIndexOf("/") + 1);
  throw new UserError(`qemu-patch/patches/${name} does not apply:\n${stderr.trimEnd().replace(/^/gm, "  ")}`);
}

function copyFile(from: string, to: string): void {
  if (!existsSync(from)) return;
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { verbatimSymlinks: true });
}

function namesOf(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : [];
}

function readStamp(stamps: Stamps): TreeStamp | undefined {
  try {
    const value: unknown = JSON.parse(stamps.read(STAMP) ?? "");
    return isTreeStamp(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isTreeStamp(value: unknown): value is TreeStamp {
  if (typeof value !== "object" || value === null) return false;
  if (!("key" in value && "sourceKey" in value && "touched" in value)) return false;
  return typeof value.key === "string" && typeof value.sourceKey === "string" && Array.isArray(value.touched);
}

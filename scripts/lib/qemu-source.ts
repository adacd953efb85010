/** The pristine QEMU 10.0.x tree under build/source: Debian 13's source package, or a copy of QEMU_SRC. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Fetching, PrivateApt } from "./apt.ts";
import { UserError } from "./errors.ts";
import { output, run } from "./process.ts";
import { digest } from "./stamps.ts";
import { NOT_SOURCE, syncTree } from "./sync.ts";

/** Names an unpacked tree to use in place of Debian's source package. */
const SOURCE_VARIABLE = "QEMU_SRC";

/** Where a tree comes from. `key` changes when its content may have. */
export interface SourceOrigin {
  readonly kind: "debian" | "directory";
  readonly key: string;
  /** For "directory": the user's tree, which is only read. */
  readonly directory?: string;
}

/**
 * Accepts the text of a tree's VERSION file when it is a release of the 10.0 line.
 *
 * @throws UserError naming the version otherwise. 10.0.50 and up are QEMU's name for 10.1 under development.
 */
export function checkVersion(text: string, where: string): string {
  const version = text.trim();
  const match = /^10\.0\.(\d+)$/.exec(version);
  if (match && Number(match[1]) < 50) return version;
  throw new UserError(
    `${where} is QEMU ${version || "of an unknown version"}; the patches are for QEMU 10.0.x`,
  );
}

/** What this run's environment asks for. @throws UserError when QEMU_SRC is not a QEMU 10.0.x tree. */
export async function sourceOrigin(environment: NodeJS.ProcessEnv = process.env): Promise<SourceOrigin> {
  const named = environment[SOURCE_VARIABLE];
  if (!named) return { kind: "debian", key: "debian" };
  const directory = resolve(named);
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UserError(`QEMU_SRC=${named}: there is no such directory`);
  }
  let version: string;
  try {
    version = readFileSync(join(directory, "VERSION"), "utf8");
  } catch {
    throw new UserError(`QEMU_SRC=${named} is not an unpacked QEMU tree: it has no VERSION file`);
  }
  checkVersion(version, `QEMU_SRC=${named}`);
  return { kind: "directory", directory, key: `${directory} ${await directoryKey(directory)}` };
}

/** Brings `to` in line with the origin. A tree that is there may be half-made or of another origin. */
export async function fetchSource(
  origin: SourceOrigin,
  to: string,
  apt: PrivateApt,
  fetching: Fetching,
): Promise<void> {
  if (origin.kind === "directory" && origin.directory && existsSync(to)) {
    await syncTree(origin.directory, to, new Map(), (done, total) => fetching.progress.update(done, total));
    return;
  }
  const temporary = `${to}.tmp`;
  rmSync(temporary, { recursive: true, force: true });
  if (origin.directory) await copyTree(origin.directory, temporary, fetching.log);
  else await unpack(await apt.source("qemu", fetching), temporary, fetching);
  checkVersion(readFileSync(join(temporary, "VERSION"), "utf8"), "Debian's source package qemu");
  rmSync(to, { recursive: true, force: true });
  renameSync(temporary, to);
}

/** Copies a source tree, sharing blocks where the file system can, with its modification times. */
export async function copyTree(from: string, to: string, log: string): Promise<void> {
  mkdirSync(to, { recursive: true });
  const entries = readdirSync(from)
    .filter((name) => !NOT_SOURCE.has(name))
    .map((name) => join(from, name));
  await run("cp", ["-a", "--reflink=auto", "-t", to, "--", ...entries], {
    what: "copying QEMU's source",
    log,
  });
}

async function unpack(directory: string, to: string, { log }: Fetching): Promise<void> {
  const description = readdirSync(directory).find((name) => name.endsWith(".dsc"));
  if (!description) throw new UserError(`${directory} holds no source package; remove it and try again`);
  await run("dpkg-source", ["--no-copy", "--extract", join(directory, description), to], {
    what: "unpacking QEMU's source",
    cwd: dirname(to),
    log,
  });
}

/** Sums up names, sizes, modes and times of a tree. QEMU's has 40,000 files; find(1) takes a tenth of a second. */
async function directoryKey(directory: string): Promise<string> {
  const skipped = [...NOT_SOURCE].flatMap((name) => ["-path", join(directory, name), "-prune", "-o"]);
  const listed = [
    "-name",
    "__pycache__",
    "-prune",
    "-o",
    "-not",
    "-type",
    "d",
    "-printf",
    "%P %m %s %T@ %l\\n",
  ];
  const files = await output("find", [directory, ...skipped, ...listed]);
  if (files === undefined) throw new UserError(`QEMU_SRC=${directory} cannot be read as a whole`);
  return digest(files.split("\n").sort().join("\n"));
}

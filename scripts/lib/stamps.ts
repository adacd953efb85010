/** What was finished, and from what: small files under build/stamps, written last and whole. */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export class Stamps {
  private readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  read(name: string): string | undefined {
    try {
      return readFileSync(this.path(name), "utf8");
    } catch {
      return undefined;
    }
  }

  /** Says that `name` is done, made from what `key` describes. */
  write(name: string, key: string): void {
    writeWhole(this.path(name), key);
  }

  remove(name: string): void {
    rmSync(this.path(name), { force: true });
  }
}

/** Writes a file so that a reader sees the old content or the new, never a part. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

export function digest(...parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex");
}

/** Regular files and links below `directory`, relative, in a fixed order; none when it does not exist. */
export function listFiles(directory: string, prefix = ""): string[] {
  let entries: ReturnType<typeof readEntries>;
  try {
    entries = readEntries(join(directory, prefix));
  } catch {
    return [];
  }
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
      return entry.isDirectory() ? listFiles(directory, path) : [path];
    });
}

/** Changes when a file below a directory, or a file named itself, is added, removed, resized, touched or made executable. */
export function statFingerprint(...places: readonly string[]): string {
  return digest(
    ...places.flatMap((place) => [
      place,
      ...listFiles(place).map((file) => oneStat(place, file)),
      oneStat(place),
    ]),
  );
}

function oneStat(directory: string, file = ""): string {
  const stat = lstatSync(join(directory, file), { bigint: true, throwIfNoEntry: false });
  if (!stat) return `${file} missing`;
  return stat.isDirectory() ? file : `${file} ${stat.mode} ${stat.size} ${stat.mtimeNs}`;
}

function readEntries(directory: string) {
  return readdirSync(directory, { withFileTypes: true });
}

/**
 * build/types: the declarations of what scripts import as "qemu-script". Users' compilers read these instead of the
 * sources: whatever options they set, and without Bun's types, nothing of the host is an error in their editor.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "./paths.ts";
import { run } from "./process.ts";
import { digest, type Stamps, statFingerprint } from "./stamps.ts";

const STAMP = "types";
const CONFIG = "tsconfig.types.json";

function key(paths: Paths): string {
  const inputs = ["host", "tsconfig.json", CONFIG, "package.json"].map((name) => join(paths.root, name));
  return digest(statFingerprint(...inputs));
}

export function typesAreCurrent(paths: Paths, stamps: Stamps): boolean {
  return existsSync(join(paths.types, "index.d.ts")) && stamps.read(STAMP) === key(paths);
}

/** The compiler's command that writes the declarations of the project at `root` into `folder`. */
export function declarationsCommand(root: string, folder: string): readonly [string, ...string[]] {
  return [join(root, "node_modules/.bin/tsc"), "-p", join(root, CONFIG), "--outDir", folder];
}

export async function writeTypes(paths: Paths, stamps: Stamps, log: string): Promise<void> {
  const wanted = key(paths);
  stamps.remove(STAMP);
  const temporary = join(paths.build, "types.tmp");
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  const [command, ...args] = declarationsCommand(paths.root, temporary);
  await run(command, args, { what: "declaring what host/ exports", cwd: paths.root, log });
  rmSync(paths.types, { recursive: true, force: true });
  renameSync(temporary, paths.types);
  stamps.write(STAMP, wanted);
}

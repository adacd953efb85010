/** build/qemu-system-aarch64: host/ compiled together with Bun into one program, the library and QEMU's data beside it. */
import { existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { UserError } from "./errors.ts";
import { type Paths, TARGET } from "./paths.ts";
import { run } from "./process.ts";
import { digest, type Stamps, statFingerprint } from "./stamps.ts";

/** The program must act by its own arguments only, not by a .env or bunfig.toml where it is started. */
const FLAGS = ["--compile", "--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig", "--sourcemap"];

const STAMP = "executable";

/** What an interrupted bun build leaves in its working directory. */
const BUN_TEMPORARY = /^\.[0-9a-f]+-[0-9a-f]+\.bun-build$/;

function key(paths: Paths): string {
  const inputs = ["host", "tsconfig.json", "package.json"].map((name) => join(paths.root, name));
  return digest(Bun.version, Bun.revision, ...FLAGS, statFingerprint(...inputs));
}

/** What the program finds beside itself: the library, and QEMU's data files below qemu-bundle. */
function links(paths: Paths): ReadonlyMap<string, string> {
  const bundle = join(dirname(paths.library), "qemu-bundle");
  const targets = [paths.library, bundle];
  return new Map(
    targets.map((target) => [join(paths.build, basename(target)), relative(paths.build, target)]),
  );
}

export function executableIsCurrent(paths: Paths, stamps: Stamps): boolean {
  const linked = [...links(paths)].every(([link, target]) => linkTarget(link) === target);
  return linked && existsSync(paths.qemu) && stamps.read(STAMP) === key(paths);
}

export async function compileExecutable(paths: Paths, stamps: Stamps, log: string): Promise<void> {
  const entry = join(paths.root, "host", "main.ts");
  if (!existsSync(entry)) throw new UserError("host/main.ts is missing");
  const wanted = key(paths);
  stamps.remove(STAMP);
  const temporary = join(paths.build, "executable.tmp");
  mkdirSync(temporary, { recursive: true });
  try {
    // Stack traces name files as seen from the working directory: host/main.ts.
    await run(process.execPath, ["build", ...FLAGS, entry, `--outfile=${join(temporary, TARGET)}`], {
      what: "compiling host/main.ts",
      cwd: paths.root,
      log,
    });
    renameSync(join(temporary, TARGET), paths.qemu);
  } finally {
    rmSync(temporary, { recursive: true });
    for (const name of readdirSync(paths.root)) {
      if (BUN_TEMPORARY.test(name)) rmSync(join(paths.root, name));
    }
  }
  for (const [link, target] of links(paths)) {
    if (linkTarget(link) === target) continue;
    rmSync(link, { recursive: true, force: true });
    symlinkSync(target, link);
  }
  stamps.write(STAMP, wanted);
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

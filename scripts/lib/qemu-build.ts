/**
 * Configures and builds QEMU: the patched library, the unpatched executable that it is compared with, and the programs of
 * QEMU's own tests.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { pythonOf } from "./meson.ts";
import { type Paths, QTESTS, TARGET } from "./paths.ts";
import { hasCommand, output, run } from "./process.ts";
import type { StepProgress } from "./progress.ts";
import { digest, type Stamps, statFingerprint } from "./stamps.ts";

export interface QemuBuild {
  /** How it is configured. */
  readonly name: "qemu" | "stock";
  /** The tree it is built from. */
  readonly tree: string;
  readonly directory: string;
  readonly flags: readonly string[];
  readonly goal: Goal;
}

/** What ninja is asked for, of all that a configuration could build. */
export interface Goal {
  readonly name: "qemu" | "stock" | "qtests";
  readonly title: string;
  readonly targets: readonly string[];
}

const COMMON_FLAGS = [
  "--target-list=aarch64-softmmu",
  "--without-default-features",
  "--enable-fdt=system",
  "--enable-tcg",
  "--disable-docs",
  "--disable-tools",
  "--disable-guest-agent",
  "--disable-install-blobs",
  "--disable-werror",
] as const;

/**
 * Code for a shared library: -fPIE after -fPIC would win and break thread-local storage, hence no PIE and PIC in the
 * static libraries. The compiler flags make the library as fast as an executable (measured: 119 ns per access
 * against 132 without them): its thread-local variables and its own functions are reached directly.
 */
const LIBRARY_FLAGS = [
  "--disable-pie",
  "-Db_staticpic=true",
  "--extra-cflags=-ftls-model=initial-exec -fno-semantic-interposition -fno-plt",
] as const;

export function patchedBuild(paths: Paths): QemuBuild {
  return {
    name: "qemu",
    tree: paths.tree,
    directory: join(paths.build, "qemu"),
    flags: [...COMMON_FLAGS, ...LIBRARY_FLAGS],
    goal: { name: "qemu", title: "libqemu", targets: [`lib${TARGET}.so`] },
  };
}

/** As a distribution builds it: a position-independent executable. */
export function stockBuild(paths: Paths): QemuBuild {
  return {
    name: "stock",
    tree: paths.source,
    directory: join(paths.build, "stock"),
    flags: COMMON_FLAGS,
    goal: { name: "stock", title: "stock QEMU", targets: [TARGET] },
  };
}

/**
 * The programs of tests/qtest, which drive any QEMU. Made of the unpatched tree, and where it is built: what is configured
 * as a library makes no executables.
 */
export function qtestsBuild(paths: Paths): QemuBuild {
  const targets = QTESTS.map((name) => relative(stockBuild(paths).directory, join(paths.qtests, name)));
  return { ...stockBuild(paths), goal: { name: "qtests", title: "QEMU's own tests", targets } };
}

/** What configure itself reads; everything else of the tree is ninja's to notice. */
const CONFIGURE_READS = ["configure", "VERSION", "pythondeps.toml", "scripts/meson-buildoptions.sh"];

function configureKey(build: QemuBuild, originKey: string, python: string): string {
  const read = CONFIGURE_READS.map((file) => readFileSync(join(build.tree, file), "utf8"));
  return digest(...build.flags, compiler(), originKey, python, ...read);
}

export function isConfigured(build: QemuBuild, originKey: string, python: string, stamps: Stamps): boolean {
  return (
    existsSync(join(build.directory, "build.ninja")) &&
    stamps.read(`configure-${build.name}`) === configureKey(build, originKey, python)
  );
}

/** Configures from scratch: what a broken-off or different configuration left is of no use. */
export async function configure(
  build: QemuBuild,
  originKey: string,
  python: string,
  context: { paths: Paths; stamps: Stamps; log: string },
): Promise<void> {
  const stamp = `configure-${build.name}`;
  const key = configureKey(build, originKey, python);
  context.stamps.remove(stamp);
  rmSync(build.directory, { recursive: true, force: true });
  mkdirSync(build.directory, { recursive: true });
  const flags = [`--python=${pythonOf(context.paths)}`, `--cc=${compiler()}`, ...build.flags];
  await run(join(build.tree, "configure"), flags, {
    what: `configuring ${build.goal.title}`,
    cwd: build.directory,
    log: context.log,
    env: buildEnvironment(context.paths),
  });
  context.stamps.write(stamp, key);
}

/**
 * Is what ninja made still the newest? Asking ninja takes 0.3 s, so this asks the file system: nothing that the
 * build is made from changed since ninja succeeded, not even by hand in the tree.
 */
export async function isBuilt(build: QemuBuild, inputs: string, stamps: Stamps): Promise<boolean> {
  return stamps.read(stampOf(build)) === builtKey(build, inputs) && !(await editedSince(build, stamps));
}

const stampOf = ({ goal }: QemuBuild): string => `ninja-${goal.name}`;

function builtKey({ directory, goal }: QemuBuild, inputs: string): string {
  return digest(
    inputs,
    statFingerprint(...[...goal.targets, "build.ninja"].map((file) => join(directory, file))),
  );
}

/** Has somebody edited the tree in place since the stamp? roms are never compiled, tests for one goal only. */
async function editedSince(build: QemuBuild, stamps: Stamps): Promise<boolean> {
  const unused = build.goal.name === "qtests" ? ["roms"] : ["roms", "tests"];
  const pruned = [
    "(",
    ...unused.flatMap((name) => ["-path", join(build.tree, name), "-o"]),
    "-name",
    "__pycache__",
    ")",
    "-prune",
  ];
  const newer = ["-type", "f", "-newer", stamps.path(stampOf(build)), "-print", "-quit"];
  return (await output("find", [build.tree, ...pruned, "-o", ...newer])) !== "";
}

/** Runs ninja, whose status lines drive the progress. `inputs` is what isBuilt is asked with later. */
export async function build(
  build: QemuBuild,
  inputs: string,
  context: { paths: Paths; stamps: Stamps; log: string; progress: StepProgress },
): Promise<void> {
  const { paths, stamps, log, progress } = context;
  stamps.remove(stampOf(build));
  await run("ninja", ["-C", build.directory, ...build.goal.targets], {
    what: `building ${build.goal.title}`,
    log,
    env: { ...buildEnvironment(paths), NINJA_STATUS: "[%f/%t] " },
    onLine: (line) => {
      const status = ninjaStatus(line);
      // One or two steps are no news: ninja always regenerates QEMU's version header.
      if (status && status.total > 2) progress.update(status.done, status.total);
    },
  });
  appendFileSync(log, "done\n");
  stamps.write(stampOf(build), builtKey(build, inputs));
}

/** `[812/1870] Compiling C object ...` as set by NINJA_STATUS. */
export function ninjaStatus(line: string): { done: number; total: number } | undefined {
  const match = /^\[(\d+)\/(\d+)\] /.exec(line);
  return match ? { done: Number(match[1]), total: Number(match[2]) } : undefined;
}

function compiler(): string {
  return hasCommand("ccache") ? "ccache gcc" : "gcc";
}

/** Lets ccache recognise a file that another checkout of this project compiled, unless the user set it up otherwise. */
function buildEnvironment(paths: Paths): Record<string, string | undefined> {
  return {
    ...unlessSet("CCACHE_BASEDIR", paths.root),
    ...unlessSet("CCACHE_NOHASHDIR", "1"),
    // decodetree writes out sets in the order of their hashes: the same order every time makes the same files.
    PYTHONHASHSEED: "0",
    // Flags come from here alone: Debian's build tools set these in some environments.
    CFLAGS: undefined,
    LDFLAGS: undefined,
    DESTDIR: undefined,
  };
}

function unlessSet(name: string, value: string): Record<string, string> {
  return process.env[name] === undefined ? { [name]: value } : {};
}

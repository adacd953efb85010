import { isAbsolute, join, resolve } from "node:path";

/** Everything the scripts make or read, as absolute paths. Nothing here says that a path exists yet. */
export interface Paths {
  readonly root: string;
  readonly build: string;
  /** The pristine QEMU tree. */
  readonly source: string;
  /** The same with qemu-patch applied. */
  readonly tree: string;
  /** The patched library, where ninja leaves it. */
  readonly library: string;
  /** The command users run: Bun, host/ and, beside it, the library. */
  readonly qemu: string;
  /** Declarations of what scripts import, for users' editors. */
  readonly types: string;
  /** The unpatched QEMU to compare with: ours, or the one STOCK_QEMU names. */
  readonly stockQemu: string;
  /** The programs of QEMU's own tests. */
  readonly qtests: string;
  /** Option ROMs that Debian's source package of QEMU lacks. */
  readonly roms: string;
  readonly guests: GuestFiles;
}

export interface GuestFiles {
  readonly linux: { readonly kernel: string; readonly initrd: string };
  readonly "u-boot": { readonly firmware: string };
  readonly edk2: { readonly firmware: string };
}

export type GuestName = keyof GuestFiles;

export const GUESTS = ["linux", "u-boot", "edk2"] as const satisfies readonly GuestName[];

/** Those of QEMU's own tests that are run: programs, made of files of the same name in tests/qtest. */
export const QTESTS = [
  "boot-serial-test",
  "migration-test",
  "device-introspect-test",
  "qom-test",
  "test-hmp",
  "qmp-cmd-test",
] as const;

export const TARGET = "qemu-system-aarch64";

/** Names a QEMU to compare with, which saves building ours. */
export const STOCK_VARIABLE = "STOCK_QEMU";

/** Where things are for a project at `root`; `environment` is read for STOCK_QEMU only. */
export function pathsUnder(root: string, environment: NodeJS.ProcessEnv = process.env): Paths {
  const build = join(root, "build");
  const guests = join(build, "guests");
  const stock = environment[STOCK_VARIABLE];
  return {
    root,
    build,
    source: join(build, "source"),
    tree: join(build, "tree"),
    library: join(build, "qemu", `lib${TARGET}.so`),
    qemu: join(build, TARGET),
    types: join(build, "types"),
    stockQemu: stock ? resolve(stock) : join(build, "stock", TARGET),
    qtests: join(build, "stock", "tests", "qtest"),
    roms: join(build, "roms"),
    guests: {
      linux: { kernel: join(guests, "linux", "linux"), initrd: join(guests, "linux", "initrd.gz") },
      "u-boot": { firmware: join(guests, "u-boot", "u-boot.bin") },
      edk2: { firmware: join(guests, "edk2", "QEMU_EFI.fd") },
    },
  };
}

/** This checkout's paths. */
export const paths = pathsUnder(resolve(import.meta.dir, "..", ".."));

/** `path` as a message shows it: relative to the project where it lies inside. */
export function shown(path: string, root: string = paths.root): string {
  return isAbsolute(path) && path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}

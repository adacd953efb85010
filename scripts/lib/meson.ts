/**
 * The Python that QEMU's configure gets: a virtual environment with Debian 13's meson in it. QEMU 10.0 wants meson
 * 1.5, Debian 12 has 1.0; the package is plain Python, so one package serves both releases and the machine's own
 * meson stays out of it.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Fetching, PrivateApt } from "./apt.ts";
import { UserError } from "./errors.ts";
import type { Paths } from "./paths.ts";
import { output, run } from "./process.ts";

/** Debian's own: a python3 found on PATH may be anybody's. */
const PYTHON = "/usr/bin/python3";

export function pythonOf(paths: Paths): string {
  return join(paths.build, "python", "bin", "python3");
}

/** The interpreter the environment was made from; after an upgrade to another Python it has to be made anew. */
export async function mesonKey(): Promise<string> {
  return (await output(PYTHON, ["--version"])) ?? "no python";
}

/** Makes the environment in a directory of its own, then puts it in place. */
export async function makePython(paths: Paths, apt: PrivateApt, fetching: Fetching): Promise<void> {
  const home = join(paths.build, "python");
  const { log } = fetching;
  const unpacked = join(paths.build, "meson.tmp");
  for (const path of [home, unpacked]) rmSync(path, { recursive: true, force: true });
  const deb = await apt.package("meson", fetching);
  await run("dpkg-deb", ["--extract", deb, unpacked], { what: "unpacking meson", log });
  // Made in place, because its scripts name their directory; nothing counts it as done before the stamp.
  await run(PYTHON, ["-m", "venv", "--without-pip", home], { what: "making a Python environment", log });
  const packages = join(unpacked, "usr/lib/python3/dist-packages");
  for (const name of readdirSync(packages)) renameSync(join(packages, name), join(sitePackages(home), name));
  rmSync(unpacked, { recursive: true });
}

function sitePackages(home: string): string {
  const lib = join(home, "lib");
  const version = readdirSync(lib).find((name) => name.startsWith("python3."));
  if (!version) throw new UserError(`${PYTHON} -m venv left no library in ${lib}`);
  const directory = join(lib, version, "site-packages");
  if (!existsSync(directory)) mkdirSync(directory, { recursive: true });
  return directory;
}

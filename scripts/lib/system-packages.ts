/** The Debian packages that building and testing need, and how the missing ones are installed. */
import { statSync } from "node:fs";
import { UserError } from "./errors.ts";
import { hasCommand, output, run } from "./process.ts";

interface SystemPackage {
  readonly name: string;
  readonly why: string;
}

export const SYSTEM_PACKAGES = [
  { name: "gcc", why: "compiles QEMU" },
  { name: "libc6-dev", why: "headers of the C library" },
  { name: "make", why: "QEMU's configure asks for it" },
  { name: "ninja-build", why: "runs QEMU's build" },
  { name: "pkg-config", why: "finds the libraries below" },
  { name: "libglib2.0-dev", why: "QEMU's base library" },
  { name: "libfdt-dev", why: "device trees of the virt board" },
  { name: "zlib1g-dev", why: "compression, which QEMU requires" },
  { name: "flex", why: "scanner generator that QEMU's build looks for" },
  { name: "bison", why: "parser generator that QEMU's build looks for" },
  { name: "python3", why: "QEMU's generators and meson" },
  { name: "python3-venv", why: "the virtual environment QEMU's configure makes" },
  { name: "ccache", why: "makes a second build take seconds" },
  { name: "dpkg-dev", why: "unpacks QEMU's source package with Debian's patches" },
  { name: "xz-utils", why: "unpacks source and guest packages" },
  { name: "git", why: "applies the patches in qemu-patch" },
  { name: "debian-archive-keyring", why: "verifies packages of Debian 13 on Debian 12" },
  { name: "binutils-aarch64-linux-gnu", why: "assembles the bare-metal guests of tests and benchmarks" },
] as const satisfies readonly SystemPackage[];

const DPKG_STATUS = "/var/lib/dpkg/status";

/** Changes whenever a package is installed, upgraded or removed. */
export function systemState(): string {
  try {
    const { mtimeNs, size } = statSync(DPKG_STATUS, { bigint: true });
    return `${size} ${mtimeNs}`;
  } catch {
    throw new UserError("this set-up needs Debian 12 or 13 (there is no dpkg database on this machine)");
  }
}

/** Which of `names` are not installed, from the output of dpkg-query -W -f '${Package} ${db:Status-Status}\n'. */
export function missingFrom(names: readonly string[], installed: string): string[] {
  const present = new Set(
    installed
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return names.filter((name) => !present.has(name));
}

/** Which packages are not installed: of those that building and testing need, or of others. */
export async function missingPackages(
  names: readonly string[] = SYSTEM_PACKAGES.map(({ name }) => name),
): Promise<string[]> {
  // It lists all: asked for names, its status is 1 when it does not know one of them.
  const format = `-f=\${Package} \${db:Status-Status}\\n`;
  const installed = await output("dpkg-query", ["-W", format]);
  if (installed === undefined)
    throw new UserError("dpkg-query does not work; this set-up needs Debian 12 or 13");
  return missingFrom(names, installed);
}

/**
 * Installs packages as root or with a sudo that asks no password.
 *
 * @throws UserError with the one command to run when neither is possible.
 */
export async function installPackages(names: readonly string[], log: string): Promise<void> {
  const install = ["apt-get", "install", "-y", "--no-install-recommends", ...names];
  const prefix = await rootPrefix();
  if (!prefix) {
    const command = `sudo ${install.join(" ")}`;
    throw new UserError(`some packages are missing. Install them as root and try again:\n\n    ${command}\n`);
  }
  const asRoot = (what: string, command: readonly string[]): Promise<void> => {
    const [first, ...rest] = [
      ...prefix,
      "env",
      "DEBIAN_FRONTEND=noninteractive",
      "LC_ALL=C.UTF-8",
      ...command,
    ];
    return run(first ?? "env", rest, { what, log, withoutLock: true });
  };
  try {
    await asRoot(`installing ${names.join(" ")}`, install);
  } catch {
    // Index files may be missing or outdated, or dpkg may have been interrupted.
    await asRoot("finishing an earlier installation", ["dpkg", "--configure", "-a"]);
    await asRoot("reading the package lists", ["apt-get", "update"]);
    await asRoot(`installing ${names.join(" ")}`, install);
  }
}

/** What makes a command run as root: nothing, sudo, or undefined when there is no way. */
async function rootPrefix(): Promise<readonly string[] | undefined> {
  if (process.getuid?.() === 0) return [];
  if (hasCommand("sudo") && (await output("sudo", ["-n", "true"])) !== undefined) return ["sudo", "-n"];
  return undefined;
}

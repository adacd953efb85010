/** Files out of Debian 13's packages: what guests boot from, and ROMs of PCI cards. */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Fetching, PrivateApt } from "./apt.ts";
import type { GuestName, Paths } from "./paths.ts";
import { run } from "./process.ts";

interface SourcePackage {
  readonly package: string;
  /** The folder inside the package that holds the files we take. */
  readonly folder: string;
}

const INSTALLER = "/usr/lib/debian-installer/images/13/arm64/text/debian-installer/arm64";

const PACKAGES = {
  linux: { package: "debian-installer-13-netboot-arm64", folder: INSTALLER },
  "u-boot": { package: "u-boot-qemu", folder: "/usr/lib/u-boot/qemu_arm64" },
  edk2: { package: "qemu-efi-aarch64", folder: "/usr/share/qemu-efi-aarch64" },
} as const satisfies Record<GuestName, SourcePackage>;

/** Debian's source package of QEMU has none of the ROMs of the cards that boards have by default. */
const ROMS: readonly (SourcePackage & { readonly files: readonly string[] })[] = [
  { package: "ipxe-qemu", folder: "/usr/share/qemu", files: ["efi-e1000e.rom", "efi-virtio.rom"] },
  { package: "seabios", folder: "/usr/share/seabios", files: ["vgabios-bochs-display.bin"] },
];

export const ROMS_TITLE = `fetching option ROMs (${ROMS.map((source) => source.package).join(", ")})`;

/** Where the ROMs are, for QEMU's -L. */
export function romFolders(paths: Paths): string[] {
  return ROMS.map((source) => join(paths.roms, source.package));
}

function romFiles(paths: Paths): string[][] {
  return ROMS.map((source) => source.files.map((file) => join(paths.roms, source.package, file)));
}

export function hasRoms(paths: Paths): boolean {
  return romFiles(paths)
    .flat()
    .every((file) => existsSync(file));
}

export async function fetchRoms(paths: Paths, apt: PrivateApt, fetching: Fetching): Promise<void> {
  for (const [index, files] of romFiles(paths).entries())
    await fetchFiles(files, ROMS[index]!, apt, fetching);
}

/** A guest's folder appears under build/guests complete or not at all. */
export function hasGuest(paths: Paths, name: GuestName): boolean {
  return Object.values(paths.guests[name]).every((file) => existsSync(file));
}

export async function fetchGuest(
  paths: Paths,
  name: GuestName,
  apt: PrivateApt,
  fetching: Fetching,
): Promise<void> {
  const files: string[] = Object.values(paths.guests[name]);
  await fetchFiles(files, PACKAGES[name], apt, fetching);
}

/** Takes files, all of them into one folder, out of a package. */
async function fetchFiles(
  files: readonly string[],
  source: SourcePackage,
  apt: PrivateApt,
  fetching: Fetching,
): Promise<void> {
  const directory = dirname(files[0] ?? "");
  const deb = await apt.package(source.package, fetching);
  const temporary = `${directory}.tmp`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  const members = files.map((file) => `.${source.folder}/${basename(file)}`);
  const script =
    'deb=$1 to=$2; shift 2; dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$to" --transform "s,.*/,," "$@"';
  await run("bash", ["-o", "pipefail", "-c", script, "unpack", deb, temporary, ...members], {
    what: `unpacking ${source.package}`,
    log: fetching.log,
  });
  rmSync(directory, { recursive: true, force: true });
  renameSync(temporary, directory);
}

/** The title of the step that fetches a guest. */
export function guestTitle(name: GuestName): string {
  return `fetching the ${name} guest (${PACKAGES[name].package})`;
}

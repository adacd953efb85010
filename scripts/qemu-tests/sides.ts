/** The QEMUs that the tests drive. */
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { escapeComma, givenProgram } from "../bench/subjects.ts";
import { romFolders } from "../lib/guest-files.ts";
import { paths, TARGET } from "../lib/paths.ts";

export const SIDES = ["stock", "replaced", "loaded"] as const;
export type SideName = (typeof SIDES)[number];

export const TITLES = {
  stock: "stock QEMU",
  replaced: "pl011 replaced",
  loaded: "scripts loaded",
} as const satisfies Record<SideName, string>;

/** Scripts of the tests that declare what the devices do not: among them they have every kind of device, line and region. */
const FIXTURES = [
  "alarm",
  "big",
  "card",
  "clockwork",
  "counting",
  "dma",
  "echoes",
  "family",
  "line-kinds",
  "lives",
  "plug",
  "ports",
  "regions",
  "thrower",
  "wires",
];

const LOADED = [
  ...["pl011", "pl061", "edu"].map((name) => join("devices", `${name}.ts`)),
  ...FIXTURES.map((name) => join("test/fixtures/devices", `${name}.ts`)),
];

/** The command of each side: words that options follow. */
export function commandOf(side: SideName): readonly string[] {
  const [program = paths.qemu, ...words] = side === "stock" ? [paths.stockQemu] : (givenProgram ?? []);
  // Upstream's source tree has all ROMs, Debian's those that are built from it.
  const data = [join(paths.source, "pc-bios"), ...romFolders(paths)].flatMap((folder) => ["-L", folder]);
  return [resolve(Bun.which(program) ?? program), ...words, ...data, ...SCRIPTS[side]()];
}

const script = (file: string, more = ""): string[] => [
  "-script",
  `path=${escapeComma(join(paths.root, file))}${more}`,
];

const SCRIPTS: Readonly<Record<SideName, () => string[]>> = {
  stock: () => [],
  replaced: () => [
    ...script("devices/pl011.ts", ",replaces=pl011"),
    ...script("devices/pl011.ts", ",replaces=pl011_luminary,by=pl011_luminary-ts"),
  ],
  loaded: () => LOADED.flatMap((file) => script(file)),
};

/**
 * A folder where tests are run. They want a QEMU whose name ends in that of the target, without arguments; they start it by
 * way of a shell, unquoted, hence the relative name; and a script of QEMU's tree from where they are.
 */
export class Workplace {
  readonly folder = mkdtempSync(join(tmpdir(), "qemu-tests-"));

  static async make(commands: Readonly<Record<string, readonly string[]>>): Promise<Workplace> {
    const place = new Workplace();
    symlinkSync(join(paths.source, "scripts"), join(place.folder, "scripts"));
    for (const [name, command] of Object.entries(commands)) {
      await mkdir(join(place.folder, name));
      const file = join(place.folder, name, TARGET);
      writeFileSync(file, `#!/bin/sh\nexec ${command.map(quoted).join(" ")} "$@"\n`);
      chmodSync(file, 0o755);
    }
    return place;
  }

  /** How tests there call the QEMU of this name. */
  command(name: string): string {
    return `./${name}/${TARGET}`;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A word of a shell's command line. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

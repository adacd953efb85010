/** The program under test, and what it is compared with. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../../scripts/lib/paths.ts";

/** Names the program in place of build/qemu-system-aarch64: a command line, split at blanks. */
const VARIABLE = "QEMU_SCRIPT_PROGRAM";

/** Words that start the program; options follow them. */
export const PROGRAM: readonly string[] = process.env[VARIABLE]?.split(/\s+/).filter(Boolean) ?? [paths.qemu];

if (!Bun.which(PROGRAM[0]!)) {
  throw new Error(`${PROGRAM[0]} is not there: \`npm run build\` makes it`);
}

/** A QEMU without scripts, where there is one. */
export const STOCK: string | undefined = existsSync(paths.stockQemu) ? paths.stockQemu : undefined;

/** What the program calls itself in messages. */
export const NAME = "qemu-system-aarch64";

export const PL011 = join(paths.root, "devices/pl011.ts");

/** A device script of the tests. */
export const device = (name: string): string => join(paths.root, "test/fixtures/devices", `${name}.ts`);

export { paths };

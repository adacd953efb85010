/** npm run build: everything `npm run boot` needs, and no boot. */
import { parseArgs } from "node:util";
import { runMain } from "./lib/cli.ts";
import { UserError } from "./lib/errors.ts";
import { GUESTS, paths, shown } from "./lib/paths.ts";
import { prepare } from "./lib/prepare.ts";

const HELP = `Usage: npm run build [-- OPTIONS]

Installs missing system packages, fetches QEMU 10.0.x and the guests, patches and builds QEMU and
compiles the host. Everything goes under build/. What is there and current is not made again, and
what was interrupted goes on where it stopped.

  --stock     build the unpatched QEMU as well, to compare with
  -h, --help  show this

Environment:
  QEMU_SRC=DIR     an unpacked QEMU 10.0.x tree, Debian's or upstream's, to use in place of
                   Debian's source package; it is only read
  STOCK_QEMU=FILE  an unpatched qemu-system-aarch64 to use in place of building one
`;

await runMain(async () => {
  const { stock, help } = options();
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  await prepare({ guests: GUESTS, stock: stock ?? false });
  console.log(`${shown(paths.qemu)} is up to date`);
  if (stock) console.log(`${shown(paths.stockQemu)} is up to date`);
  return 0;
});

function options() {
  try {
    return parseArgs({
      args: Bun.argv.slice(2),
      options: { stock: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    }).values;
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error}\n${HELP}`);
  }
}

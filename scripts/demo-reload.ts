/** npm run demo:reload: the code of Linux's UART changes in the middle of what Linux prints. */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { demonstrate } from "./demo/demo.ts";
import { runMain } from "./lib/cli.ts";
import { UserError } from "./lib/errors.ts";
import { Guest, GuestError } from "./lib/guest.ts";
import { awaitShell, powerOff } from "./lib/linux-shell.ts";
import { commandLine } from "./lib/machine.ts";
import { paths } from "./lib/paths.ts";
import { prepare } from "./lib/prepare.ts";
import { throwIfInterrupted } from "./lib/process.ts";
import { StepProgress } from "./lib/progress.ts";

const BOOT_MS = 180_000;
const END_MS = 30_000;

const HELP = `Usage: npm run demo:reload

Boots Linux with a copy of devices/pl011.ts as its serial port, has it print a stream of lines, edits
the copy while a line is being printed, so that the port sends capitals, and takes the edit back. All
of it is shown as it happens; nothing is to be typed. What is needed is installed, fetched and built
first.

Exit status: 0 if the capitals came and went and no character of the stream was lost, came twice or
came in place of another; 1 if not, or if something went wrong.

  -h, --help    show this

To do it yourself: npm run boot, and edit devices/pl011.ts in another window.
`;

await runMain(async () => {
  if (parse(Bun.argv.slice(2)).help) {
    process.stdout.write(HELP);
    return 0;
  }
  await prepare({ guests: ["linux"] });
  const folder = mkdtempSync(join(tmpdir(), "qemu-script-demo-"));
  try {
    const script = join(folder, "pl011.ts");
    copyFileSync(join(paths.root, "devices/pl011.ts"), script);
    await show(script);
    return 0;
  } catch (error) {
    throwIfInterrupted();
    if (!(error instanceof GuestError)) throw error;
    throw new UserError(error.message, { cause: error });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Boots, demonstrates, powers off. @throws GuestError */
async function show(script: string): Promise<void> {
  const { program, args } = commandLine({ guest: "linux", uart: script, watch: true }, paths);
  await using guest = Guest.spawn(program, args);
  await boot(guest);
  const { times, characters } = await demonstrate(guest, script, (text) => process.stdout.write(text));
  await powerOff(guest, END_MS);
  const [there, back] = times;
  console.log(`
All ${characters} characters of the stream came, in order and once each.
The new code was there ${there} ms after it was saved, the old code again ${back} ms after that was.`);
}

async function boot(guest: Guest): Promise<void> {
  const title = "booting Linux, with a copy of devices/pl011.ts as its serial port";
  const progress = new StepProgress(1, 1, title, process.stderr);
  progress.start();
  try {
    await awaitShell(guest, BOOT_MS);
  } catch (error) {
    progress.fail();
    throw error;
  }
  progress.finish();
}

function parse(args: string[]): { readonly help?: boolean } {
  try {
    return parseArgs({ args, options: { help: { type: "boolean", short: "h" } } }).values;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new UserError(`${problem}\nnpm run demo:reload -- --help tells how it is used`);
  }
}

/** npm run boot: sets up what is missing, then boots a guest whose only serial port is devices/pl011.ts. */
import { parseArgs } from "node:util";
import { runMain, say } from "./lib/cli.ts";
import { UserError } from "./lib/errors.ts";
import { Guest, GuestError } from "./lib/guest.ts";
import { awaitShell, powerOff, runCommand } from "./lib/linux-shell.ts";
import { type CommandLine, commandLine } from "./lib/machine.ts";
import { GUESTS, type GuestName } from "./lib/paths.ts";
import { prepare } from "./lib/prepare.ts";
import { throwIfInterrupted } from "./lib/process.ts";
import { runOnTerminal } from "./lib/terminal.ts";

const EXEC_SECONDS = 180;

const HELP = `Usage: npm run boot -- [GUEST] [OPTIONS] [-- QEMU-OPTIONS]

Boots a guest on QEMU's arm64 board "virt" with devices/pl011.ts, the UART written in TypeScript, as
its only serial port, on this terminal. Ctrl-A x leaves, Ctrl-A c is QEMU's monitor, Ctrl-A h lists
the other keys. What is needed is installed, fetched and built first.

GUEST
  linux   Debian's arm64 kernel with a busybox shell (the default)
  u-boot  U-Boot, to its prompt
  edk2    EDK2's UEFI firmware, to its shell

OPTIONS
  --exec CMD    (linux) type CMD at the shell, print exactly what the guest printed for it, power the
                guest off. Status: 0 when CMD's was 0; 1 when it was not, and standard error names it;
                1 with the guest's whole console on standard error when the prompt does not come,
                QEMU ends early or the time is up
  --timeout S   end after S seconds (${EXEC_SECONDS} with --exec, else no limit)
  --memory M    the guest's memory in MiB, or as QEMU's -m takes it (512)
  --smp N       number of CPUs (1)
  --stock       unpatched QEMU with its own PL011, to compare with
  -h, --help    show this

QEMU-OPTIONS are added to QEMU's command line.

Environment:
  QEMU_SRC=DIR     an unpacked QEMU 10.0.x tree to build in place of Debian's source package
  STOCK_QEMU=FILE  what --stock runs, in place of building it
`;

interface Options {
  readonly guest: GuestName;
  readonly exec: string | undefined;
  readonly seconds: number | undefined;
  readonly memory: string;
  readonly smp: number;
  readonly stock: boolean;
  readonly extra: readonly string[];
}

await runMain(async () => {
  const options = parse(Bun.argv.slice(2));
  if (options === "help") {
    process.stdout.write(HELP);
    return 0;
  }
  const { guest, stock, exec, seconds } = options;
  const command = commandLine(options, await prepare({ guests: [guest], stock, patched: !stock }));
  if (exec !== undefined) return await execute(command, exec, (seconds ?? EXEC_SECONDS) * 1000);
  say(`Booting ${guest}. Ctrl-A x leaves.`);
  return await runOnTerminal(command, seconds);
});

/** Boots, runs one command, powers off. The time is for all of it. */
async function execute({ program, args }: CommandLine, command: string, timeout: number): Promise<number> {
  const end = Date.now() + timeout;
  const left = (): number => Math.max(0, end - Date.now());
  await using guest = Guest.spawn(program, args);
  try {
    await awaitShell(guest, left());
    const { output, status } = await runCommand(guest, command, left());
    await Bun.write(Bun.stdout, output);
    await powerOff(guest, left());
    if (status !== 0) say(`the command ended with status ${status}`);
    return status === 0 ? 0 : 1;
  } catch (error) {
    throwIfInterrupted();
    if (!(error instanceof GuestError)) throw error;
    throw new UserError(error.message, { cause: error });
  }
}

function parse(argv: readonly string[]): Options | "help" {
  const split = argv.indexOf("--");
  const own = split < 0 ? argv : argv.slice(0, split);
  const { values, positionals } = parsed(own);
  if (values.help) return "help";
  const [guest = "linux", ...more] = positionals;
  if (!isGuest(guest)) throw usage(`there is no guest "${guest}"; there are ${GUESTS.join(", ")}`);
  if (more.length > 0) throw usage(`one guest at a time: ${positionals.join(" ")}`);
  if (values.exec !== undefined && guest !== "linux") throw usage("--exec needs the linux guest");
  return {
    guest,
    exec: values.exec,
    seconds: positive("--timeout", values.timeout),
    memory: values.memory ?? "512",
    smp: positive("--smp", values.smp) ?? 1,
    stock: values.stock ?? false,
    extra: split < 0 ? [] : argv.slice(split + 1),
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        exec: { type: "string" },
        timeout: { type: "string" },
        memory: { type: "string" },
        smp: { type: "string" },
        stock: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function isGuest(name: string): name is GuestName {
  return GUESTS.some((guest) => guest === name);
}

function positive(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw usage(`${option} takes a positive number, not "${text}"`);
}

function usage(problem: string): UserError {
  return new UserError(`${problem}\nnpm run boot -- --help tells how it is used`);
}

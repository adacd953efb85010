/** The same register behind other ways out of C, or out of QEMU. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { say } from "../lib/cli.ts";
import { ToolFailed, UserError } from "../lib/errors.ts";
import { GuestError } from "../lib/guest.ts";
import { paths } from "../lib/paths.ts";
import { startLog, throwIfInterrupted } from "../lib/process.ts";
import { installPackages, missingPackages } from "../lib/system-packages.ts";
import { CHUNK, perAccess } from "./access.ts";
import { type Bench, PEERS, type Peer, type Sample } from "./bench.ts";
import { assemble } from "./guest-program.ts";
import { timings, withGuest } from "./measured-guest.ts";
import { compileLibrary, compileProgram } from "./native.ts";
import { undisturbed } from "./statistics.ts";

/** Brings Unicorn's library as well. */
const UNICORN = "python3-unicorn";
/** Debian's: packages of Debian are for no other. */
const PYTHON = "/usr/bin/python3";
const LIMIT_MS = 120_000;

/** As in the bench `access`, with fewer calls. */
const GUEST = { CHUNK, CALLS: 200, WARMUP: 1_000_000 };
const LOOPS = 100;
/** An access through a socket takes a hundred times as long. */
const SOCKET_READS = 200;

/** `subs x0, x0, #1; b.ne` to the instruction before: the loops of test/guests/access.S, x1 where the register is. */
const REPEAT = [0xf100_0400, 0x54ff_ffc1];
const CODE = { empty: [0xd503_201f, ...REPEAT], read: [0xb940_0023, ...REPEAT] } as const;
const UNICORN_ARGUMENTS = [hex(CODE.empty), hex(CODE.read), `${CHUNK}`, `${LOOPS}`];

/** The bytes of instructions. */
function hex(words: readonly number[]): string {
  return Buffer.from(Uint32Array.from(words).buffer).toString("hex");
}

const programs = { access: "", callback: "", socket: "" };

export const peers: Bench = {
  name: "peers",
  about: "one read of a register, of other kinds of devices",
  details:
    "One read of a register that code computes, as MIS of the PL011: in QEMU and in Unicorn as the guest sees it, of the " +
    "others without what an emulator adds to each access.",
  baseline: "library",
  figures: { read: { title: "one read", unit: "ns", digits: 0 } },
  targets: [],

  async prepare() {
    programs.access = await assemble("access", GUEST);
    programs.callback = await compileLibrary("callback");
    programs.socket = await compileProgram("socket");
  },

  async run(subject) {
    const { read_mis } = perAccess(await timings(subject, programs.access));
    return { read: read_mis ?? NaN };
  },

  async peers() {
    if (await hasUnicorn()) return PEERS;
    return PEERS.filter((peer) => !peer.startsWith("unicorn"));
  },

  async runPeer(peer) {
    return await RUNS[peer]();
  },
};

async function hasUnicorn(): Promise<boolean> {
  if ((await missingPackages([UNICORN])).length === 0) return true;
  const log = join(paths.build, "logs", "bench-peers.log");
  startLog(log);
  say(`installing ${UNICORN} ...`);
  try {
    await installPackages([UNICORN], log);
    return true;
  } catch (error) {
    if (!(error instanceof UserError || error instanceof ToolFailed)) throw error;
    say(
      `Unicorn is left out: Debian's ${UNICORN} is not installed and cannot be. ${error.message.trimEnd()}`,
    );
    return false;
  }
}

const script = (name: string): string => join(paths.root, "scripts", "bench", "peers", name);

const RUNS: Readonly<Record<Peer, () => Promise<Sample>>> = {
  unicornPython: () => timed([PYTHON, script("unicorn-device.py"), ...UNICORN_ARGUMENTS]),
  unicornBun: () => timed([process.execPath, script("unicorn-device.ts"), ...UNICORN_ARGUMENTS]),
  callback: () => timed([process.execPath, script("callback.ts"), programs.callback, `${CHUNK}`, `${LOOPS}`]),
  socketC: () => throughSocket((path) => [programs.socket, "server", path]),
  socketBun: () => throughSocket((path) => [process.execPath, script("socket-device.ts"), path]),
};

/** A program that prints two lists of times, as unicorn-device.py does. */
async function timed([program = "", ...args]: readonly string[]): Promise<Sample> {
  return await withGuest({ program }, args, async (peer) => {
    const { status } = await peer.waitForExit(LIMIT_MS);
    throwIfInterrupted();
    if (status !== 0) throw new GuestError(`${[program, ...args].join(" ")} failed`, peer.everything());
    return { read: perRead(peer.transcript) };
  });
}

/** @returns ns for one read, the loop around it subtracted, of lists that a program printed as JSON */
export function perRead(printed: string): number {
  const { empty, read } = JSON.parse(printed) as { readonly empty: number[]; readonly read: number[] };
  return undisturbed(read).time - undisturbed(empty).time;
}

async function throughSocket(server: (path: string) => readonly string[]): Promise<Sample> {
  const folder = mkdtempSync(join(tmpdir(), "qemu-script-bench-"));
  try {
    const path = join(folder, "device");
    const [program = "", ...args] = server(path);
    return await withGuest({ program }, args, async (device) => {
      await device.waitFor("listening", LIMIT_MS, "the device behind a socket");
      return await timed([programs.socket, "client", path, `${SOCKET_READS}`, `${LOOPS}`]);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

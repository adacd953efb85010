/** How fast bytes get through the UART, both ways. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Line } from "../../test/lib/line.ts";
import type { Bench, Figure, Sample, Subject } from "./bench.ts";
import { assemble } from "./guest-program.ts";
import { timings } from "./measured-guest.ts";
import { escapeComma } from "./subjects.ts";

const CALLS = 64;
/** 1 MiB of each kind. */
const CHUNK = 16_384;
const WARMUP = 2 * CHUNK;
/** Where other programs keep the CPUs busy, a byte for a guest that polls has taken 45 µs instead of 3. */
const LIMIT_MS = 300_000;
/** Out or in, of a whole run. */
const SIZE = 2 * (WARMUP + CALLS * CHUNK);

/** At least 0.9 times the bytes a second. */
const AT_MOST = 1.11;

const LOOPS = {
  send_polling: "byte out, the guest polls",
  receive_polling: "byte in, the guest polls",
  send_by_interrupt: "byte out, by interrupt",
  receive_by_interrupt: "byte in, by interrupt",
} as const;

let program = "";

export const chardev: Bench = {
  name: "chardev",
  about: "bytes through the UART, to and from a socket that never lets it wait (bare metal, MMU off)",
  baseline: "library",
  figures: Object.fromEntries(
    Object.entries(LOOPS).map(([name, title]): [string, Figure] => [name, { title, unit: "µs", digits: 2 }]),
  ),
  targets: Object.keys(LOOPS).map((figure) => ({
    figure,
    side: "script",
    against: "library",
    compare: "ratio",
    atMost: AT_MOST,
  })),

  async prepare() {
    program = await assemble("chardev", { CHUNK, CALLS, WARMUP });
  },

  async run(subject) {
    return transferTimes(await transfer(subject, program, SIZE));
  },
};

/**
 * Runs the guest, gives it bytes and takes those that it sends.
 *
 * @param size bytes out, and bytes in
 * @throws Error when a byte is lost, or another than that which was sent
 */
export async function transfer(
  subject: Subject,
  program: string,
  size: number,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const directory = mkdtempSync(join(tmpdir(), "qemu-script-bench-"));
  const path = join(directory, "line");
  const line = await Line.listen(path, "the UART's line");
  try {
    let taken = 0;
    let wrong = 0;
    const begun = Promise.withResolvers<void>();
    line.receiveWith((bytes) => {
      for (const byte of bytes) if (byte !== (taken++ & 0xff)) wrong++;
      begun.resolve();
    });
    // What came before the guest turned the FIFO on would be lost.
    const given = begun.promise.then(() => line.write(Uint8Array.from({ length: size }, (_, i) => i)));
    const second = ["-chardev", `socket,id=line,path=${escapeComma(path)}`, "-serial", "chardev:line"];
    const times = await timings(subject, program, second, LIMIT_MS);
    await given;
    await line.finish();
    if (taken !== size || wrong > 0)
      throw new Error(`the guest sent ${size} bytes: ${taken} came, ${wrong} of them wrong`);
    return times;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** µs for a byte of each kind. @throws Error when the guest got other bytes than it was sent */
export function transferTimes(times: ReadonlyMap<string, readonly number[]>): Sample {
  if (times.get("wrong")?.[0] !== 0) throw new Error("the guest received other bytes than it was sent");
  const mean = (calls: readonly number[]): number =>
    calls.reduce((sum, ns) => sum + ns, 0) / calls.length / 1000;
  return Object.fromEntries(Object.keys(LOOPS).map((name) => [name, mean(times.get(name) ?? [])]));
}

/** The other end of a serial line, without an event loop in between: named pipes, poll(2) and blocking calls. */
import { dlopen } from "bun:ffi";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { $ } from "zx";

const POLLIN = 1;
const REPLY_LIMIT_MS = 5_000;

/** A pair of pipes as QEMU's `-chardev pipe` takes them: PATH.in, which QEMU reads, and PATH.out. */
export class PipeLine implements Disposable {
  readonly path: string;
  private readonly directory: string;
  private readonly input: number;
  private readonly output: number;
  private readonly libc = dlopen("libc.so.6", {
    // int poll(struct pollfd *fds, nfds_t nfds, int timeout)
    poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
  });

  private constructor(directory: string) {
    this.directory = directory;
    this.path = join(directory, "line");
    // Open in both directions, so that opening waits for nobody.
    this.input = openSync(`${this.path}.in`, "r+");
    this.output = openSync(`${this.path}.out`, "r+");
  }

  static async make(): Promise<PipeLine> {
    const directory = mkdtempSync(join(tmpdir(), "qemu-script-bench-"));
    await $({ quiet: true })`mkfifo ${directory}/line.in ${directory}/line.out`;
    return new PipeLine(directory);
  }

  /** Sends a byte and waits for the answer. @returns µs in between; undefined when it does not come. */
  ping(byte: number): number | undefined {
    const start = Bun.nanoseconds();
    writeSync(this.input, Uint8Array.of(byte));
    return this.take() === byte ? (Bun.nanoseconds() - start) / 1000 : undefined;
  }

  /** The next byte; undefined when none comes. */
  take(limit = REPLY_LIMIT_MS): number | undefined {
    const pollfd = new Int32Array([this.output, POLLIN]);
    if (this.libc.symbols.poll(pollfd, 1n, limit) <= 0) return undefined;
    const byte = new Uint8Array(1);
    readSync(this.output, byte);
    return byte[0];
  }

  [Symbol.dispose](): void {
    closeSync(this.input);
    closeSync(this.output);
    rmSync(this.directory, { recursive: true });
  }
}

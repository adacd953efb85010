/**
 * A QEMU under control of a script, in the manner of expect(1): what the guest prints is waited for, what it should
 * read is typed. Boots of `npm run boot -- --exec` and of the tests use it.
 *
 *     await using guest = Guest.spawn(program, arguments);
 *     await guest.waitFor("=> ", 30_000);
 *     guest.type("version\r");
 */
import { $, type ProcessPromise } from "zx";
import { tracked } from "./process.ts";

export interface GuestExit {
  readonly status: number | null;
  readonly signal: string | null;
}

/** What was waited for did not come. The message ends with all that the guest and QEMU printed. */
export class GuestError extends Error {
  override name = "GuestError";
  readonly transcript: string;

  constructor(message: string, transcript: string) {
    super(`${message}\n${transcript}`);
    this.transcript = transcript;
  }
}

/** One call of waitFor that has not been answered. */
interface Waiter {
  look(): boolean;
  fail(reason: string): void;
}

/** How long QEMU may take to end after SIGTERM. */
const GRACE_MS = 5_000;

export class Guest implements AsyncDisposable {
  /** Resolves when QEMU has ended, however it did, and all it printed is in the transcript. */
  readonly exited: Promise<GuestExit>;
  private readonly child: ProcessPromise;
  /** The serial line so far, one character per byte, so that nothing is lost when it is no UTF-8. */
  private received = "";
  private errors = "";
  /** Everything before this has been matched by waitFor. */
  private cursor = 0;
  private waiters: Waiter[] = [];
  private ended = false;

  private constructor(program: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.child = $({
      env: { ...process.env, ...env },
      quiet: true,
      nothrow: true,
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    })`exec ${program} ${args}`;
    this.child.stdout.on("data", (bytes: Buffer) => this.take(bytes));
    this.child.stderr.on("data", (bytes: Buffer) => {
      this.errors += bytes.toString("utf8");
    });
    // A guest that ended cannot read; how it ended is what `exited` says.
    this.child.stdin.on("error", () => {});
    this.exited = this.watch();
  }

  /** Starts a program whose standard input and output are the guest's serial line. */
  static spawn(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Guest {
    return new Guest(program, args, env);
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** All the guest printed so far. */
  get transcript(): string {
    return decode(this.received);
  }

  /** All QEMU itself printed on its standard error so far. */
  get stderr(): string {
    return this.errors;
  }

  /**
   * Waits until the guest prints something that matches, and answers the bytes from the end of the previous match
   * to the end of this one. A pattern sees one character per byte: write what is not ASCII as a string. `name` is
   * what an error calls it.
   *
   * @throws GuestError when `timeout` milliseconds pass or the guest ends before.
   */
  waitFor(pattern: string | RegExp, timeout: number, name = describe(pattern)): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.waiters = this.waiters.filter((other) => other !== waiter);
      };
      let from = 0;
      const waiter: Waiter = {
        look: () => {
          const end = this.find(pattern, Math.max(from, this.cursor));
          // A match of a string that begins in what was searched already ends in what comes next.
          if (typeof pattern === "string") from = Math.max(0, this.received.length - 4 * pattern.length);
          if (end === undefined) return false;
          const matched = this.received.slice(this.cursor, end);
          this.cursor = end;
          settle();
          resolve(Buffer.from(matched, "latin1"));
          return true;
        },
        fail: (reason) => {
          settle();
          reject(new GuestError(`${name} did not come ${reason}`, this.everything()));
        },
      };
      const timer = setTimeout(() => waiter.fail(`within ${seconds(timeout)}`), timeout);
      if (waiter.look()) return;
      if (this.ended) waiter.fail("before QEMU ended");
      else this.waiters.push(waiter);
    });
  }

  /** Types at the guest. Ctrl-A, which -nographic keeps for itself, reaches the guest like any other key. */
  type(text: string): void {
    this.send(text.replaceAll("\x01", "\x01\x01"));
  }

  /** Writes to QEMU's standard input as is: `send("\x01x")` ends a QEMU started with -nographic. */
  send(text: string): void {
    this.child.stdin.write(text);
  }

  /** Sends a signal to QEMU. Nothing happens when it has ended. */
  kill(signal: NodeJS.Signals = "SIGTERM"): void {
    if (this.ended || this.child.pid === undefined) return;
    try {
      process.kill(this.child.pid, signal);
    } catch {
      // It has ended but its exit has not been seen yet.
    }
  }

  /** Waits for QEMU to end by itself. @throws GuestError when it does not within `timeout` milliseconds. */
  async waitForExit(timeout: number): Promise<GuestExit> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const fail = (): void =>
        reject(new GuestError(`QEMU did not end within ${seconds(timeout)}`, this.everything()));
      timer = setTimeout(fail, timeout);
    });
    try {
      return await Promise.race([this.exited, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends QEMU if it still runs, at first gently. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.ended) return;
    this.kill("SIGTERM");
    const timer = setTimeout(() => this.kill("SIGKILL"), GRACE_MS);
    await this.exited;
    clearTimeout(timer);
  }

  /** The transcript and QEMU's messages, for an error: as text that does nothing to the terminal it is shown on. */
  everything(): string {
    const messages = this.errors === "" ? "" : `--- QEMU's messages ---\n${this.errors}`;
    return printable(`--- the guest's console ---\n${this.transcript}\n${messages}`);
  }

  private take(bytes: Buffer): void {
    this.received += bytes.toString("latin1");
    // Only the first: what it matches moves the cursor for the next.
    while (this.waiters[0]?.look());
  }

  /** Where the first match after `from` ends. */
  private find(pattern: string | RegExp, from: number): number | undefined {
    if (typeof pattern === "string") {
      const bytes = Buffer.from(pattern, "utf8").toString("latin1");
      const at = this.received.indexOf(bytes, from);
      return at < 0 ? undefined : at + bytes.length;
    }
    const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, "")).exec(
      this.received.slice(from),
    );
    return match ? from + match.index + match[0].length : undefined;
  }

  private async watch(): Promise<GuestExit> {
    const { exitCode, signal } = await tracked(this.child);
    this.ended = true;
    for (const waiter of [...this.waiters])
      waiter.fail(`before QEMU ended (${signal ?? `status ${exitCode}`})`);
    return { status: exitCode, signal };
  }
}

function decode(received: string): string {
  return Buffer.from(received, "latin1").toString("utf8");
}

/** Control characters other than line feeds and tabs as ^X. */
function printable(text: string): string {
  const caret = (char: string): string =>
    /[\n\t]/.test(char) ? char : `^${String.fromCharCode(char.charCodeAt(0) ^ 0x40)}`;
  return text.replaceAll("\r\n", "\n").replace(/\p{Cc}/gu, (char) => (char < "\x80" ? caret(char) : "?"));
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

function describe(pattern: string | RegExp): string {
  return typeof pattern === "string" ? JSON.stringify(pattern) : String(pattern);
}

/** A QEMU under test. Test files call `afterEach(endAll)`: no QEMU outlives its test. */

import { closeSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { SOON_MS, START_MS, within } from "./limit.ts";
import { Line } from "./line.ts";
import { PROGRAM } from "./program.ts";
import { Qmp } from "./qmp.ts";
import { Qtest } from "./qtest.ts";
import { Tail } from "./tail.ts";
import { Text } from "./text.ts";

export interface Exit {
  /** Exit status, or null after a signal. */
  readonly status: number | null;
  readonly signal: string | null;
}

export interface Result extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

export interface Options {
  readonly args: readonly string[];
  /** Names of character devices: QEMU connects each to a {@link Line}; `-chardev` options are added. */
  readonly lines?: readonly string[];
  /** Drive the bus by the qtest protocol; combine with `-accel qtest`. */
  readonly qtest?: boolean;
  /** No QMP. */
  readonly withoutQmp?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** In place of {@link PROGRAM}. */
  readonly program?: readonly string[];
  readonly cwd?: string;
}

const alive = new Set<Qemu>();
const folders = new Set<string>();

/** Kills what a test left running. */
export async function endAll(): Promise<void> {
  await Promise.all([...alive].map((qemu) => qemu.kill()));
  removeFolders();
}

function removeFolders(): void {
  for (const folder of folders) {
    rmSync(folder, { recursive: true, force: true });
  }
  folders.clear();
}

process.on("exit", () => {
  for (const qemu of alive) {
    qemu.signal("SIGKILL");
  }
  removeFolders();
});

/** A folder of this test's own; gone after it. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "qs-"));
  folders.add(path);
  return path;
}

/** Writes a script into a folder of this test's own. @returns its path */
export function script(text: string, name = "device.ts"): string {
  const path = join(folder(), name);
  writeFileSync(path, text);
  return path;
}

/** Options of a machine without windows, network and default devices. */
export const HEADLESS: readonly string[] = ["-nodefaults", "-display", "none"];

export class Qemu {
  /** Ends when the process does. */
  readonly stdout = new Text("stdout");
  readonly stderr = new Text("stderr");
  readonly exited: Promise<Exit>;
  private readonly child: Subprocess<"pipe", number, number>;
  private readonly lines: ReadonlyMap<string, Line>;
  private client: Qmp | undefined;
  private bus: Qtest | undefined;
  private readonly tails: readonly Tail[];

  private constructor(options: Options, args: readonly string[], lines: ReadonlyMap<string, Line>) {
    this.lines = lines;
    const at = folder();
    this.tails = [new Tail(join(at, "stdout"), this.stdout), new Tail(join(at, "stderr"), this.stderr)];
    const [stdout, stderr] = this.tails.map(({ output }) => output) as [number, number];
    this.child = Bun.spawn([...(options.program ?? PROGRAM), ...args], {
      stdin: "pipe",
      stdout,
      stderr,
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    closeSync(stdout);
    closeSync(stderr);
    this.exited = this.watch();
    alive.add(this);
  }

  /** Starts QEMU and waits until it talks on all its lines. @throws Error with its messages if it ends before */
  static async start(options: Options): Promise<Qemu> {
    const wanted = [...(options.lines ?? [])];
    const at = folder();
    const lines = new Map<string, Line>();
    const listen = async (name: string) => lines.set(name, await Line.listen(join(at, name), name));
    const args = [...options.args];
    for (const name of wanted) {
      await listen(name);
      args.unshift("-chardev", `socket,id=${name},path=${join(at, name)}`);
    }
    if (!options.withoutQmp) {
      await listen("qmp");
      args.push("-qmp", `unix:${join(at, "qmp")}`);
    }
    if (options.qtest) {
      await listen("qtest");
      args.push("-qtest", `unix:${join(at, "qtest")}`, "-qtest-log", "none");
    }
    const qemu = new Qemu(options, args, lines);
    await qemu.connect();
    return qemu;
  }

  /** Runs QEMU, with nothing on its standard input, to its end. */
  static async run(args: readonly string[], options: Partial<Options> = {}, ms = START_MS): Promise<Result> {
    const qemu = new Qemu({ ...options, args }, args, new Map());
    qemu.child.stdin.end();
    const exit = await qemu.waitForExit(ms);
    return { ...exit, stdout: qemu.stdout.all, stderr: qemu.stderr.all };
  }

  get pid(): number {
    return this.child.pid;
  }

  get qmp(): Qmp {
    return present(this.client, "no QMP");
  }

  get qtest(): Qtest {
    return present(this.bus, "no qtest");
  }

  line(name: string): Line {
    return present(this.lines.get(name), `no line ${name}`);
  }

  /** Writes to the process's standard input. */
  async type(text: string): Promise<void> {
    this.child.stdin.write(text);
    await this.child.stdin.flush();
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits for the end. Its text is complete then. @throws Error with QEMU's messages if it does not come */
  waitForExit(ms: number): Promise<Exit> {
    return within(ms, "QEMU's end", this.exited, () => this.messages());
  }

  /** `quit` over QMP; QEMU may end before it answers. */
  async quit(ms = SOON_MS): Promise<Exit> {
    this.qmp.execute("quit").catch(() => {});
    return await this.waitForExit(ms);
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.exited;
  }

  /** CPU time the process has used so far, in ms. */
  async cpuTime(): Promise<number> {
    const stat = await Bun.file(`/proc/${this.pid}/stat`).text();
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticksPerSecond = 100;
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
  }

  messages(): string {
    return `--- stdout ---\n${this.stdout.all}\n--- stderr ---\n${this.stderr.all}`;
  }

  private async connect(): Promise<void> {
    const connected = Promise.all([...this.lines.values()].map((line) => line.connected));
    const ended = this.exited.then(({ status, signal }) => {
      throw new Error(`QEMU ended early (${signal ?? `status ${status}`})\n${this.messages()}`);
    });
    ended.catch(() => {});
    await within(START_MS, "QEMU's start", Promise.race([connected, ended]), () => this.messages());
    if (this.lines.has("qtest")) {
      this.bus = new Qtest(this.line("qtest"));
    }
    if (this.lines.has("qmp")) {
      this.client = new Qmp(this.line("qmp"));
      await Promise.race([this.client.start(), ended]);
    }
  }

  private async watch(): Promise<Exit> {
    await this.child.exited;
    for (const tail of this.tails) {
      tail.end("QEMU ended");
    }
    await Promise.all([...this.lines.values()].map((line) => line.finish()));
    this.client?.end();
    alive.delete(this);
    return { status: this.child.exitCode, signal: this.child.signalCode?.toString() ?? null };
  }
}

function present<T>(value: T | undefined, message: string): T {
  if (value === undefined) {
    throw new Error(`${message}: ask for it in the options`);
  }
  return value;
}

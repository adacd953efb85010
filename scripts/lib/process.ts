/**
 * Child processes of the set-up: run by zx, each in its own process group, their output in a log file, and none
 * left behind when the run is interrupted.
 */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { $, type ProcessPromise } from "zx";
import { ENDING_SIGNALS, type EndingSignal, Interrupted, ToolFailed } from "./errors.ts";

const TAIL_LINES = 40;
/** How long a child may take to tidy up after SIGTERM. */
const GRACE_MS = 5_000;

const children = new Set<ProcessPromise>();
let interruptedBy: EndingSignal | undefined;
let inherited: number | undefined;

export interface RunOptions {
  /** The file that gets the tool's whole output, appended. */
  readonly log: string;
  /** What the tool is doing, for the message when it fails: "configuring QEMU". */
  readonly what: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Called with each line of stdout and stderr; a line it answers `false` to stays out of the log. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a callback may return nothing at all
  readonly onLine?: (line: string) => boolean | void;
  /** The child outlives an orderly end of the set-up (a daemon it starts may): it must not keep build/ locked. */
  readonly withoutLock?: boolean;
  /** Kills the child, and all of its process group, when it is aborted. */
  readonly abort?: AbortSignal;
}

/** Starts an empty log, so that it holds one run of one step. */
export function startLog(log: string): void {
  mkdirSync(dirname(log), { recursive: true });
  writeFileSync(log, "");
}

/**
 * Runs a command to its end.
 *
 * @throws ToolFailed when its status is not 0, Interrupted when a signal ended this run meanwhile.
 */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<void> {
  throwIfInterrupted();
  const tail: string[] = [];
  appendFileSync(options.log, `$ ${[command, ...args].join(" ")}\n`);
  const onLine = (line: string): void => {
    if (options.onLine?.(line) === false) return;
    appendFileSync(options.log, `${line}\n`);
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
  };
  const extra = inherited === undefined || options.withoutLock ? [] : [inherited];
  const child = $({
    cwd: options.cwd ?? process.cwd(),
    env: { ...process.env, ...options.env },
    quiet: true,
    nothrow: true,
    detached: true,
    stdio: ["ignore", "pipe", "pipe", ...extra],
  })`exec ${command} ${args}`;
  options.abort?.addEventListener("abort", () => kill(child, "SIGKILL"));
  const finished = Promise.all([eachLine(child.stdout, onLine), eachLine(child.stderr, onLine)]);
  const { exitCode, signal } = await tracked(child);
  await finished;
  throwIfInterrupted();
  if (exitCode !== 0) {
    throw new ToolFailed(options.what, signal ? `signal ${signal}` : `status ${exitCode}`, tail, options.log);
  }
}

/**
 * A descriptor that tools started from now on get as their number 3: the lock on build/. While any of them has it
 * open the lock is held, so a build that outlives a killed script still counts as running.
 */
export function inheritByTools(descriptor: number | undefined): void {
  inherited = descriptor;
}

/** Waits for a child that an interrupt must end. */
export async function tracked(
  child: ProcessPromise,
): Promise<{ exitCode: number | null; signal: string | null }> {
  children.add(child);
  try {
    return await child;
  } finally {
    children.delete(child);
  }
}

/** The trimmed stdout of a short command, or undefined when it fails or does not exist. */
export async function output(command: string, args: readonly string[]): Promise<string | undefined> {
  const { exitCode, stdout } = await $({ quiet: true, nothrow: true })`exec ${command} ${args}`;
  return exitCode === 0 ? stdout.trim() : undefined;
}

/** Is there such a command on PATH? */
export function hasCommand(name: string): boolean {
  return Bun.which(name) !== null;
}

export function throwIfInterrupted(): void {
  if (interruptedBy) throw new Interrupted(interruptedBy);
}

/** The status a shell gives for a process that `signal` ended. */
export function signalStatus(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/**
 * From now on a signal ends the children first and this process, by way of Interrupted, after them. A second one
 * does not wait for them.
 */
export function handleInterrupts(): void {
  for (const signal of ENDING_SIGNALS) process.on(signal, () => interrupt(signal));
}

function interrupt(signal: EndingSignal): void {
  if (children.size === 0) process.exit(signalStatus(signal));
  killChildren(interruptedBy ? "SIGKILL" : "SIGTERM");
  interruptedBy ??= signal;
  setTimeout(() => killChildren("SIGKILL"), GRACE_MS).unref();
}

function killChildren(signal: NodeJS.Signals): void {
  for (const child of children) kill(child, signal);
}

function kill({ pid }: ProcessPromise, signal: NodeJS.Signals): void {
  if (pid !== undefined && !send(-pid, signal)) send(pid, signal);
}

/** False when there is no such process, or group: a child on our terminal leads none. */
function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** Splits a stream at line feeds and at the carriage returns of progress meters. */
async function eachLine(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split(/\r?\n|\r/);
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
}

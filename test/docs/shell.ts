/** Runs what a page shows: a command of the shell, with lines typed to it and its answers compared. */

import type { Subprocess } from "bun";
import { SOON_MS, START_MS } from "../lib/limit.ts";
import { matches, type Page, type Session, type Step } from "./guide.ts";

const running = new Set<Shell>();

/** Ends what a test left running. */
export async function endShells(): Promise<void> {
  await Promise.all([...running].map((shell) => shell.end()));
}

/** Escape sequences of terminals. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ESCAPES = /\x1b\[[\d;]*[A-Za-z]|\r/g;

/** A command that runs; its two outputs are one. */
class Shell {
  #text = "";
  #wake = () => {};
  #ended = false;
  readonly #child: Subprocess<"pipe", "pipe", "inherit">;

  constructor(command: string, functions: string, cwd: string) {
    const script = `exec 2>&1\n${functions}\n${command}`;
    this.#child = Bun.spawn(["setsid", "sh", "-c", script], {
      cwd,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    running.add(this);
    this.#collect();
  }

  async #collect(): Promise<void> {
    const decoder = new TextDecoder("latin1");
    for await (const bytes of this.#child.stdout) {
      this.#text += decoder.decode(bytes).replace(ESCAPES, "");
      this.#wake();
    }
    this.#ended = true;
    this.#wake();
  }

  /** Waits until `done` says so, or until the end, or for as long as something may take. */
  async until(done: (text: string) => boolean, ms: number): Promise<void> {
    const end = Date.now() + ms;
    while (!this.#ended && !done(this.#text) && Date.now() < end) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await Promise.race([promise, Bun.sleep(end - Date.now())]);
    }
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** What came since the last time, up to the end of `upTo` if that is given. */
  take(upTo?: string): string {
    const end = upTo === undefined ? -1 : this.#text.indexOf(upTo);
    const cut = end < 0 ? this.#text.length : end + upTo!.length;
    const text = this.#text.slice(0, cut);
    this.#text = this.#text.slice(cut);
    return text;
  }

  async type(line: string): Promise<void> {
    this.#child.stdin.write(`${line}\n`);
    await this.#child.stdin.flush();
  }

  /** Ends the command and what it started: they are a session of their own. */
  async end(): Promise<void> {
    running.delete(this);
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch {}
    await this.#child.exited;
  }
}

export interface Difference {
  readonly typed: string;
  readonly shown: readonly string[];
  readonly came: readonly string[];
}

/** Without what is after the last line's end, if that is nothing. */
const linesOf = (text: string) =>
  text
    .replace(/\n$/, "")
    .split("\n")
    .slice(text === "" ? 1 : 0);

/** Types a line: here, or in another terminal. */
async function type({ typed, elsewhere }: Step, shell: Shell, cwd: string): Promise<void> {
  if (!elsewhere) {
    await shell.type(typed);
    return;
  }
  const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", typed], { cwd });
  if (exitCode !== 0) {
    throw new Error(`${typed}: status ${exitCode}: ${stderr}`);
  }
}

/** Runs a session in a folder. @returns where it went otherwise than the page shows, if it did */
export async function play(session: Session, page: Page, cwd: string): Promise<Difference | undefined> {
  const shell = new Shell(session.command, page.shell, cwd);
  try {
    if (session.prompt === undefined) {
      await shell.until(() => false, START_MS);
      return compare(session.command, session.answer, linesOf(shell.take()));
    }
    const play = session.prompt === "> " ? playLines : playPrompt;
    return await play(session, shell, cwd);
  } finally {
    await shell.end();
  }
}

function compare(typed: string, shown: readonly string[], came: readonly string[]): Difference | undefined {
  return matches(shown, came) ? undefined : { typed, shown, came };
}

/** A program without a prompt: it answers by lines, and what it should answer says when it has. */
async function playLines(session: Session, shell: Shell, cwd: string): Promise<Difference | undefined> {
  for (const step of [undefined, ...session.steps]) {
    const { typed, answer } = step ?? { typed: undefined, answer: session.answer };
    if (step !== undefined) {
      await type(step, shell, cwd);
    }
    const limit = step === undefined ? START_MS : SOON_MS;
    let came = "";
    await shell.until((text) => {
      came = text;
      return text.endsWith("\n") && answer.length > 0 ? matches(answer, linesOf(text)) : answer.length === 0;
    }, limit);
    shell.take();
    const difference = compare(typed ?? session.command, answer, linesOf(came));
    if (difference) {
      return difference;
    }
  }
  return undefined;
}

/**
 * A program with a prompt, which echoes what is typed. U-Boot first wants a key. To what is typed in another terminal it
 * says nothing.
 */
async function playPrompt(session: Session, shell: Shell, cwd: string): Promise<Difference | undefined> {
  const prompt = `\n${session.prompt}`;
  await shell.until((text) => text.includes(prompt) || text.includes("Hit any key"), 2 * START_MS);
  let start = shell.take(prompt);
  if (!start.endsWith(prompt) && !shell.ended) {
    await shell.type("");
    await shell.until((text) => text.includes(prompt), START_MS);
    start = shell.take(prompt);
  }
  // What QEMU says before its prompt is compared if the page shows any of it.
  if (shell.ended || session.answer.length > 0) {
    const came = linesOf(start.replace(prompt, "\n"));
    const difference = compare(session.command, session.answer, came);
    if (difference || shell.ended) {
      return difference ?? { typed: session.command, shown: session.answer, came };
    }
  }
  for (const step of session.steps) {
    const { typed, elsewhere, answer } = step;
    await type(step, shell, cwd);
    if (elsewhere) {
      continue;
    }
    await shell.until((text) => text.includes(prompt), START_MS);
    const [, ...came] = linesOf(shell.take(prompt).slice(0, -session.prompt!.length));
    const difference = compare(typed, answer, came);
    if (difference) {
      return difference;
    }
  }
  return undefined;
}

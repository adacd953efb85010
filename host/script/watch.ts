/** Notices when the files of a script change. */

import { type FSWatcher, statSync, watch as watchFolder } from "node:fs";
import { dirname } from "node:path";
import { filesOf } from "./generation.ts";
import { reloadChanged } from "./reload.ts";
import { report } from "./report.ts";
import type { Script } from "./scripts.ts";

/** Editors write in several steps: no change for so long, in ms, is the end of it. */
const QUIET = 12;
/** An empty or missing file is one that is being written, for so long, in ms. */
const UNFINISHED = 300;
/** How long the text of a script that does not load must stay what it is before its error is of interest, in ms. */
const SETTLED = 40;

/** Before it is tried again while the machine cannot do with new code, in ms. */
const LATER = 200;
/** A file system's times may be behind by a tick of the kernel's, in ms. */
const TIME_ERROR = 8;

/** Contents of files, in one number each; 0 for one that is empty or not there. */
async function contents(files: readonly string[]): Promise<Map<string, bigint>> {
  const hash = async (file: string) => {
    try {
      const bytes = await Bun.file(file).bytes();
      return bytes.length === 0 ? 0n : (Bun.hash.wyhash(bytes) as bigint);
    } catch {
      return 0n;
    }
  };
  return new Map(await Promise.all(files.map(async (file) => [file, await hash(file)] as const)));
}

/** Has a file changed since then? In ms since 1970. */
function changedSince(file: string, time: number): boolean {
  const { mtimeMs = 0 } = statSync(file, { throwIfNoEntry: false }) ?? {};
  return mtimeMs >= time - TIME_ERROR;
}

const differ = (a: ReadonlyMap<string, bigint>, b: ReadonlyMap<string, bigint>): boolean =>
  a.size !== b.size || [...a].some(([file, hash]) => b.get(file) !== hash);

class Watch {
  readonly #script: Script;
  #folders = new Map<string, FSWatcher>();
  /** As they were loaded, or were when that was tried last. */
  #seen = new Map<string, bigint>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #working = false;
  /** The last attempt failed: whatever changes in the folders may be what it lacked. */
  #wrong = false;
  #unfinishedSince: number | undefined;

  constructor(script: Script) {
    this.#script = script;
  }

  /**
   * Folders, not files: a file that is replaced by renaming another is a new one.
   *
   * @param loaded contents that were loaded; those of the other files were at `time` or later, in ms since 1970
   */
  async follow(loaded: ReadonlyMap<string, bigint>, time: number): Promise<void> {
    const { path } = this.#script;
    // While the script is wrong, nobody can tell what it imports.
    const files = (await filesOf(path)) ?? [...new Set([path, ...this.#seen.keys()])];
    const folders = new Set(files.map((file) => dirname(file)));
    for (const [folder, watcher] of this.#folders) {
      if (!folders.has(folder)) {
        watcher.close();
        this.#folders.delete(folder);
      }
    }
    for (const folder of folders) {
      if (!this.#folders.has(folder)) {
        const watcher = watchFolder(folder, { persistent: false }, () => this.#soon(QUIET));
        watcher.on("error", (error) => report(error, `watching ${folder}`));
        this.#folders.set(folder, watcher);
      }
    }
    const now = await contents(files);
    const before = (file: string, hash: bigint) =>
      loaded.get(file) ?? (changedSince(file, time) ? -1n : hash);
    this.#seen = new Map([...now].map(([file, hash]) => [file, before(file, hash)]));
    if (differ(now, this.#seen)) {
      this.#soon(QUIET);
    }
  }

  #soon(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), ms);
  }

  async #look(): Promise<void> {
    if (this.#working) {
      this.#soon(QUIET);
      return;
    }
    this.#working = true;
    try {
      await this.#act();
    } catch (error) {
      report(error, "watching scripts");
    } finally {
      this.#working = false;
    }
  }

  async #act(): Promise<void> {
    const before = this.#seen;
    const now = await contents([...before.keys()]);
    const changed = differ(now, before);
    if (!changed && !this.#wrong) {
      return;
    }
    if ([...now.values()].includes(0n) && this.#isUnfinished()) {
      this.#soon(QUIET);
      return;
    }
    this.#unfinishedSince = undefined;
    this.#seen = now;
    const time = Date.now();
    const outcome = await reloadChanged(this.#script, () => this.#isStale(now), this.#wrong && !changed);
    if (outcome === "later") {
      this.#seen = before;
      this.#soon(LATER);
      return;
    }
    this.#wrong = outcome === "wrong";
    await this.follow(now, time);
  }

  #isUnfinished(): boolean {
    this.#unfinishedSince ??= performance.now();
    return performance.now() - this.#unfinishedSince < UNFINISHED;
  }

  async #isStale(loaded: ReadonlyMap<string, bigint>): Promise<boolean> {
    await Bun.sleep(SETTLED);
    return differ(await contents([...loaded.keys()]), loaded);
  }
}

const watches = new Map<Script, Watch>();

/** Loads a script anew whenever one of its files changes. */
export function watch(script: Script): void {
  if (!watches.has(script)) {
    const started = new Watch(script);
    watches.set(script, started);
    started.follow(new Map(), script.readAt).catch((error: unknown) => report(error, "watching scripts"));
  }
}

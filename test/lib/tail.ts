/** What a process writes into a file, as it comes. A pipe would do, had Bun's test runner not been seen to stop reading it. */

import { closeSync, openSync, readSync } from "node:fs";
import type { Text } from "./text.ts";

const INTERVAL_MS = 2;
const CHUNK = 64 * 1024;

export class Tail {
  /** For the process to write to; ours can be closed once it has it. */
  readonly output: number;
  private readonly input: number;
  private readonly buffer = new Uint8Array(CHUNK);
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly text: Text;

  constructor(path: string, text: Text) {
    this.text = text;
    this.output = openSync(path, "a");
    this.input = openSync(path, "r");
    this.timer = setInterval(() => this.look(), INTERVAL_MS);
    text.lookBy(() => this.look());
  }

  /** The process is gone: takes what is left. */
  end(reason: string): void {
    clearInterval(this.timer);
    this.look();
    this.text.end(reason);
    closeSync(this.input);
  }

  private look(): void {
    for (let n = -1; n !== 0; ) {
      n = readSync(this.input, this.buffer);
      if (n > 0) {
        this.text.add(this.buffer.subarray(0, n));
      }
    }
  }
}

/** What a QEMU logs, as it grows. */

import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { folder } from "../qemu.ts";

const CHUNK = 2 ** 16;

export class Log {
  /** For QEMU's -D. */
  readonly path = join(folder(), "log");
  private taken = 0;

  /** What was logged since the last call; QEMU has written it when it answers. */
  take(): string {
    const file = openSync(this.path, "r");
    const chunks: Buffer[] = [];
    try {
      for (;;) {
        const chunk = Buffer.allocUnsafe(CHUNK);
        const length = readSync(file, chunk, 0, CHUNK, this.taken);
        if (length === 0) {
          return Buffer.concat(chunks).toString("latin1");
        }
        this.taken += length;
        chunks.push(chunk.subarray(0, length));
      }
    } finally {
      closeSync(file);
    }
  }
}

/** A serial line, as what types at a shell wants it. */

import type { Console } from "../../scripts/lib/linux-shell.ts";
import type { Line } from "./line.ts";

export class LineConsole implements Console {
  private readonly line: Line;

  constructor(line: Line) {
    this.line = line;
  }

  async waitFor(pattern: string | RegExp, ms: number): Promise<Uint8Array> {
    const { input, index, 0: match } = await this.line.text.waitFor(pattern, ms);
    return Buffer.from(input.slice(0, index + match.length), "latin1");
  }

  type(text: string): void {
    void this.line.write(text);
  }
}

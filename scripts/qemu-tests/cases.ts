/** What a test program says of its cases, in the Test Anything Protocol as GLib writes it. */
import { Parser, type Result } from "tap-parser";

export type Outcome = "passed" | "failed" | "skipped";

export interface Case {
  readonly name: string;
  readonly outcome: Outcome;
  /** Why it was skipped; of one that failed, what was printed meanwhile. */
  readonly words: readonly string[];
  readonly ms: number;
}

/** Comments of GLib, QEMU's test library and the parser that are nobody's words. */
const NOISE = /^# (Start of|End of|random seed|starting QEMU|Running|Using machine type|test count)/;

/** Enough of what was printed to tell what went wrong; the log has it all. */
export const WORDS = 12;

/** Takes a program's lines, those of stderr too, and makes cases of them. */
export class CaseReader {
  private readonly parser = new Parser();
  private words: string[] = [];
  private since = performance.now();
  /** When results were read that the parser has not told of yet. */
  private readonly ends: number[] = [];

  constructor(onCase: (found: Case) => void) {
    this.parser.on("assert", (result: Result) => {
      const end = this.ends.shift() ?? performance.now();
      onCase({ name: result.name, ...told(result, this.words), ms: Math.round(end - this.since) });
      this.since = end;
      this.words = [];
    });
    this.parser.on("bailout", (reason: string) => this.words.push(reason));
    for (const kind of ["comment", "extra"]) this.parser.on(kind, (text: string) => this.word(text));
  }

  line(text: string): void {
    if (/^(not )?ok /.test(text)) this.ends.push(performance.now());
    // The parser reads no more than that, but the program may go on to say what was wrong.
    if (this.parser.bailedOut) this.word(text);
    else this.parser.write(`${text}\n`);
  }

  /** The program has ended. @returns what it printed after its last case, and for how long it was at it */
  end(): { readonly words: readonly string[]; readonly ms: number } {
    this.parser.end();
    return { words: this.words.slice(-WORDS), ms: Math.round(performance.now() - this.since) };
  }

  private word(text: string): void {
    const line = text.trimEnd();
    if (line !== "" && !NOISE.test(line)) this.words.push(line);
  }
}

function told(result: Result, printed: readonly string[]): Pick<Case, "outcome" | "words"> {
  if (result.skip) return { outcome: "skipped", words: typeof result.skip === "string" ? [result.skip] : [] };
  if (result.ok) return { outcome: "passed", words: [] };
  return { outcome: "failed", words: printed.slice(-WORDS) };
}

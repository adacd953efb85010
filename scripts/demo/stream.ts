/** What the guest of `npm run demo:reload` prints: numbered lines, letter by letter, until somebody types a line. */

const TEXT = "the quick brown fox jumps over the lazy dog";

/** Between two characters, in seconds. */
const PAUSE = 0.005;

/** Are printed before and after the stream; what is typed, and echoed, does not hold them. */
export const BEGIN = "<begin stream>\r\n";
export const END = "<end stream>\r\n";

/** What to type at the guest's shell. */
export const COMMAND = [
  "printf '<%s stream>\\n' begin",
  "line=0 stop=",
  `until [ "$stop" ]; do line=$((line + 1)) text="line $line: ${TEXT}"`,
  `while [ "$text" ]; do rest=\${text#?}; printf %s "\${text%"$rest"}"; text=$rest`,
  `read -t ${PAUSE} typed && stop=yes; done; echo; done`,
  "printf '<%s stream>\\n' end",
].join("; ");

const textOf = (line: number): string => `line ${line}: ${TEXT}\r\n`;

/** Follows the stream, every character of which is known but for its case. */
export class Stream {
  /** Characters so far. */
  count = 0;
  /** The number of the line that is being printed. */
  line = 1;
  /** How much of it there is. */
  column = 0;
  /** Was the last letter a capital? */
  capitals = false;

  /** @returns what is wrong with the next character: undefined if it is the one that is due */
  take(char: string): string | undefined {
    const text = textOf(this.line);
    const due = text[this.column]!;
    if (char.toLowerCase() !== due) {
      const [came, wanted] = [char, due].map((c) => JSON.stringify(c));
      return `line ${this.line} of the stream, column ${this.column + 1}: ${came} came in place of ${wanted}`;
    }
    if (/[a-z]/.test(due)) this.capitals = char !== due;
    this.count++;
    this.column++;
    if (this.column === text.length) {
      this.line++;
      this.column = 0;
    }
    return undefined;
  }
}

/** What `npm run demo:reload` does with a guest that is up, and shows of it. */
import { basename } from "node:path";
import { styleText } from "node:util";
import { type Guest, GuestError } from "../lib/guest.ts";
import { capitals, difference, type Edit, reverse, save } from "./edit.ts";
import { BEGIN, COMMAND, END, Stream } from "./stream.ts";

/** How long the stream may stand still. */
const STILL_MS = 30_000;
/** How long a save may take to show. */
const RELOAD_MS = 30_000;
/** Lines that are shown before each edit and after the last one. */
const LINES = 2;
/** How much of a line there is when the file is saved. */
const COLUMN = 20;

/** What came of it. */
export interface Outcome {
  /** From saving the edit to the first capital, and from taking it back to the first letter that is none, in ms. */
  readonly times: readonly [number, number];
  /** Of the stream. */
  readonly characters: number;
}

type Write = (text: string) => unknown;

/**
 * Has the guest print a stream, edits the script of its UART meanwhile, and takes that back.
 *
 * @param write shows what happens
 * @throws GuestError if anything else happens than that capitals come and go
 */
export async function demonstrate(guest: Guest, script: string, write: Write): Promise<Outcome> {
  const edit = capitals(script);
  guest.type(`${COMMAND}\r`);
  await guest.waitFor(BEGIN, STILL_MS, "the stream");
  const screen = new Screen(guest, write);
  try {
    await screen.lines(LINES);
    const there = await screen.edit(edit, true);
    await screen.lines(LINES + 1);
    const back = await screen.edit(reverse(edit), false);
    await screen.lines(LINES + 1);
    guest.type("\r");
    await guest.waitFor(END, STILL_MS, "the end of the stream");
    return { times: [there, back], characters: screen.stream.count };
  } finally {
    screen.close();
  }
}

/** Shows the stream as it comes, and looks at every character. */
class Screen {
  readonly stream = new Stream();
  readonly #guest: Guest;
  readonly #write: Write;
  readonly #characters: AsyncGenerator<string, never>;
  /** To be shown at the end of the line. */
  #note = "";

  constructor(guest: Guest, write: Write) {
    this.#guest = guest;
    this.#write = write;
    this.#characters = charactersOf(guest);
  }

  /** Shows lines to their end, the one that is being printed being the first. */
  async lines(count: number): Promise<void> {
    const { stream } = this;
    const end = stream.line + count;
    await this.#unchanged(() => stream.line === end);
  }

  /**
   * Saves an edit in the middle of a line, and waits for what it does.
   *
   * @param upper whether it is capitals that should come
   * @returns how long that took, in ms
   */
  async edit(edit: Edit, upper: boolean): Promise<number> {
    const { stream } = this;
    const what = `${basename(edit.path)} is edited, and saved in the middle of line ${stream.line}:`;
    this.#write(`\n${what}\n${difference(edit)}\n\n`);
    await this.#unchanged(() => stream.column === COLUMN);
    const start = performance.now();
    save(edit);
    while (stream.capitals !== upper) {
      await this.#next();
      if (performance.now() - start > RELOAD_MS) throw this.#error("the code that was saved did not come");
    }
    const ms = Math.round(performance.now() - start);
    this.#note = `   <- ${ms} ms after saving`;
    return ms;
  }

  /** Ends the line that is being printed. */
  close(): void {
    if (this.stream.column > 0) this.#write("\n");
  }

  /** Shows the stream up to a place; nobody changes the code meanwhile. */
  async #unchanged(isThere: () => boolean): Promise<void> {
    const { capitals } = this.stream;
    while (!isThere()) {
      await this.#next();
      if (this.stream.capitals !== capitals) throw this.#error("a letter changed its case by itself");
    }
  }

  async #next(): Promise<void> {
    const { stream } = this;
    const { value: char } = await this.#characters.next();
    const problem = stream.take(char);
    if (problem !== undefined) throw this.#error(problem);
    if (char !== "\r") {
      this.#write(/[A-Z]/.test(char) ? styleText("bold", char) : char);
    } else if (this.#note !== "") {
      this.#write(styleText("yellow", this.#note));
      this.#note = "";
    }
  }

  #error(problem: string): GuestError {
    return new GuestError(problem, this.#guest.everything());
  }
}

async function* charactersOf(guest: Guest): AsyncGenerator<string, never> {
  for (;;) {
    const bytes = await guest.waitFor(/.+/s, STILL_MS, "more of the stream");
    yield* Buffer.from(bytes).toString("latin1");
  }
}

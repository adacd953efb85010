/** What came in so far on a stream, and waiting for what should come. One character per byte. */

interface Waiter {
  look(): boolean;
  fail(reason: string): void;
}

/** How much of a text an error shows. */
const SHOWN = 4_000;

export class Text {
  /** For errors: what this is the text of. */
  readonly name: string;
  private received = "";
  /** All before this has been matched. */
  private cursor = 0;
  private waiters: Waiter[] = [];
  private over: string | undefined;
  /** Takes what there is already, if somebody has to look for it. */
  private look: () => void = () => {};
  private readonly done = Promise.withResolvers<string>();

  constructor(name: string) {
    this.name = name;
  }

  /** All that came. */
  get all(): string {
    this.look();
    return this.received;
  }

  /** All that came after the last match. */
  get rest(): string {
    this.look();
    return this.received.slice(this.cursor);
  }

  /** All that came, once nothing more can come. */
  get complete(): Promise<string> {
    return this.done.promise;
  }

  get lines(): string[] {
    return this.all.split("\n").filter((line) => line !== "");
  }

  /** Has `look` add what there is whenever somebody reads the text: what QEMU wrote before it answered is in it. */
  lookBy(look: () => void): void {
    this.look = look;
  }

  add(bytes: Uint8Array): void {
    this.received += Buffer.from(bytes).toString("latin1");
    while (this.waiters[0]?.look()) {
      this.waiters.shift();
    }
  }

  /** Nothing more can come. */
  end(reason: string): void {
    this.over ??= reason;
    this.look = () => {};
    for (const waiter of this.waiters.splice(0)) {
      waiter.fail(this.over);
    }
    this.done.resolve(this.received);
  }

  /**
   * Waits for the first match after the last one.
   *
   * @returns the match, with its groups
   * @throws Error with what came instead
   */
  waitFor(pattern: string | RegExp, ms: number): Promise<RegExpExecArray> {
    const regexp = typeof pattern === "string" ? new RegExp(RegExp.escape(pattern)) : pattern;
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
    const fail = (reason: string) => {
      clearTimeout(timer);
      this.waiters = this.waiters.filter((other) => other !== waiter);
      reject(new Error(`${this.name}: ${pattern} did not come: ${reason}\n${this.received.slice(-SHOWN)}`));
    };
    const look = () => {
      // Not `rest`, which would have more added in the middle of this.
      const match = regexp.exec(this.received.slice(this.cursor));
      if (match === null) {
        return false;
      }
      clearTimeout(timer);
      this.cursor += match.index + match[0].length;
      resolve(match);
      return true;
    };
    const waiter = { look, fail };
    const timer = setTimeout(() => fail(`${ms} ms passed`), ms);
    this.look();
    if (this.waiters.length > 0 || !look()) {
      this.waiters.push(waiter);
      if (this.over !== undefined) {
        fail(this.over);
      }
    }
    return promise;
  }
}

/** What went wrong, in words meant for whoever typed the command: shown without a stack trace. */
export class UserError extends Error {
  override name = "UserError";
}

/** A tool failed: its last lines and the place of its whole output. */
export class ToolFailed extends Error {
  override name = "ToolFailed";

  readonly tail: readonly string[];
  readonly log: string;

  constructor(what: string, status: string, tail: readonly string[], log: string) {
    super(`${what} failed (${status})`);
    this.tail = tail;
    this.log = log;
  }
}

/** The signals that mean: stop, in good order. */
export const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type EndingSignal = (typeof ENDING_SIGNALS)[number];

/** Ctrl-C, SIGTERM or SIGHUP ended the run; what was under way is redone or resumed by the next one. */
export class Interrupted extends Error {
  override name = "Interrupted";

  readonly signal: EndingSignal;

  constructor(signal: EndingSignal) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }
}

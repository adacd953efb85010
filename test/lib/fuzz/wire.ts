/** qtest's protocol, many commands at a time. */

import { SOON_MS, within } from "../limit.ts";
import { byLines } from "../line.ts";
import type { Qemu } from "../qemu.ts";

/** Commands that are on their way to QEMU. */
interface Exchange {
  readonly count: number;
  readonly answers: string[];
  readonly done: PromiseWithResolvers<void>;
}

export class Wire {
  private readonly qemu: Qemu;
  private exchange: Exchange | undefined;
  /** What came since the last answer. */
  private answer = "";

  /** From now on {@link Qemu.qtest} hears nothing any more. */
  constructor(qemu: Qemu) {
    this.qemu = qemu;
    qemu.line("qtest").receiveWith(byLines((line) => this.take(line)));
    qemu.exited.then(({ status, signal }) => {
      const error = new Error(`QEMU ended (${signal ?? `status ${status}`})\n${qemu.messages()}`);
      this.exchange?.done.reject(error);
    });
  }

  /**
   * Sends commands, each with its line's end, and waits for their answers.
   *
   * @param answers gets what comes for each, also before an error: the lines that changed before it, and its value
   * @throws Error if QEMU ends or does not answer
   */
  async send(text: string, count: number, answers: string[] = []): Promise<string[]> {
    const done = Promise.withResolvers<void>();
    this.exchange = { count, answers, done };
    try {
      await this.qemu.line("qtest").write(text);
      await within(SOON_MS, "QEMU's answer", done.promise);
    } finally {
      this.exchange = undefined;
    }
    return answers;
  }

  private take(line: string): void {
    const { exchange } = this;
    this.answer += line.startsWith("OK") ? line.slice(2) : ` ${line}`;
    if (line.startsWith("IRQ") || exchange === undefined) {
      return;
    }
    exchange.answers.push(this.answer);
    this.answer = "";
    if (exchange.answers.length === exchange.count) {
      exchange.done.resolve();
    }
  }
}

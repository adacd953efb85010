/** QEMU's machine protocol: docs/interop/qmp-spec.rst. */

import { SOON_MS, within } from "./limit.ts";
import { byLines, type Line } from "./line.ts";

type Json = Record<string, unknown>;

export interface QmpEvent {
  readonly event: string;
  readonly data?: Json;
}

/** What QEMU refused. */
export class QmpError extends Error {
  override readonly name = "QmpError";
}

interface Reply extends Json {
  readonly QMP?: unknown;
  readonly event?: string;
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
  readonly id?: number;
}

interface Waiting {
  readonly event: string;
  resolve(event: QmpEvent): void;
}

export class Qmp {
  /** All lines that QEMU sent, to see that nobody else writes there. */
  readonly received: string[] = [];
  private readonly line: Line;
  private readonly greeting = Promise.withResolvers<void>();
  private readonly calls = new Map<number, PromiseWithResolvers<Reply>>();
  private events: QmpEvent[] = [];
  private waiting: Waiting[] = [];
  private lastId = 0;

  constructor(line: Line) {
    this.line = line;
    line.receiveWith(byLines((text) => this.take(text)));
  }

  /** Greets QEMU; nothing else works before. */
  async start(): Promise<void> {
    await within(SOON_MS, "QMP greeting", this.greeting.promise);
    await this.execute("qmp_capabilities");
  }

  /**
   * Runs a command and waits for its answer.
   *
   * @throws QmpError with QEMU's message
   */
  async execute<T = unknown>(command: string, args: Json = {}, ms = SOON_MS): Promise<T> {
    const id = ++this.lastId;
    const call = Promise.withResolvers<Reply>();
    this.calls.set(id, call);
    await this.line.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    const reply = await within(ms, `QMP ${command}`, call.promise);
    if (reply.error) {
      throw new QmpError(reply.error.desc);
    }
    return reply.return as T;
  }

  /** A command of the human monitor, and what it prints. */
  human(command: string, ms = SOON_MS): Promise<string> {
    return this.execute<string>("human-monitor-command", { "command-line": command }, ms);
  }

  /** The next event of this name, also one that came already. */
  waitForEvent(event: string, ms = SOON_MS): Promise<QmpEvent> {
    const index = this.events.findIndex((candidate) => candidate.event === event);
    if (index >= 0) {
      return Promise.resolve(this.events.splice(index, 1)[0]!);
    }
    const { promise, resolve } = Promise.withResolvers<QmpEvent>();
    this.waiting.push({ event, resolve });
    return within(ms, `event ${event}`, promise);
  }

  /** Waits for a job that a command started, and ends it. @throws QmpError with the job's own error */
  async finishJob(id: string, ms = SOON_MS): Promise<void> {
    for (;;) {
      const event = await this.waitForEvent("JOB_STATUS_CHANGE", ms);
      if (event.data?.["id"] === id && event.data["status"] === "concluded") {
        break;
      }
    }
    const jobs = await this.execute<{ id: string; error?: string }[]>("query-jobs");
    const error = jobs.find((job) => job.id === id)?.error;
    await this.execute("job-dismiss", { id });
    if (error !== undefined) {
      throw new QmpError(error);
    }
  }

  /** QEMU ended: no call is answered any more. */
  end(): void {
    for (const call of this.calls.values()) {
      call.reject(new QmpError("QEMU ended"));
    }
    this.calls.clear();
  }

  private take(text: string): void {
    this.received.push(text);
    const reply = JSON.parse(text) as Reply;
    if (reply.QMP !== undefined) {
      this.greeting.resolve();
    } else if (reply.event !== undefined) {
      this.takeEvent(reply as QmpEvent);
    } else if (reply.id !== undefined) {
      this.calls.get(reply.id)?.resolve(reply);
      this.calls.delete(reply.id);
    }
  }

  private takeEvent(event: QmpEvent): void {
    const index = this.waiting.findIndex((candidate) => candidate.event === event.event);
    if (index >= 0) {
      this.waiting.splice(index, 1)[0]!.resolve(event);
    } else {
      this.events.push(event);
    }
  }
}

/**
 * One of two models, in a QEMU of its own. It does many operations for each write to qtest's socket, and tells what
 * each brought.
 */

import { SOON_MS } from "../limit.ts";
import { Qemu } from "../qemu.ts";
import { arrival, migrateToFile, saveDevices } from "../stream.ts";
import { FuzzError } from "./error.ts";
import { Log } from "./log.ts";
import { access, command, pieces } from "./operation.ts";
import type { Ask, Board, Receiver, Site, Twin } from "./twin.ts";
import { Wire } from "./wire.ts";

/** Whose model it is: QEMU's own, or that of a script. */
export type Model = { readonly script: string } | "C";

const SERIAL = "uart";

export class Side {
  private readonly twin: Twin;
  private readonly qemu: Qemu;
  private readonly site: Site;
  private readonly wire: Wire;
  private readonly log: Log;
  private receiver: Receiver | undefined;
  private sent: Buffer[] = [];
  /** Bytes on the serial line for which there was no room yet. */
  private held: number[] = [];
  /** Commands to send, and for each whether it is an operation's: otherwise it belongs to the operation before it. */
  private text = "";
  private commands: boolean[] = [];
  private records: string[] = [];
  /** Why it does nothing any more. */
  private end: string | undefined;

  private constructor(twin: Twin, qemu: Qemu, site: Site, log: Log, serial: boolean) {
    this.twin = twin;
    this.qemu = qemu;
    this.site = site;
    this.wire = new Wire(qemu);
    this.log = log;
    this.receiver = twin.receiver?.();
    if (serial) {
      qemu.line(SERIAL).receiveWith((bytes) => this.sent.push(Buffer.from(bytes)));
    }
  }

  /** @param uri of a stream with which it begins */
  static async start(twin: Twin, board: Board, model: Model, uri?: string): Promise<Side> {
    const log = new Log();
    const { serial = false } = board;
    const qemu = await Qemu.start({
      args: [
        ...(model === "C" ? [] : replacement(board, model.script)),
        ...board.args,
        ...(serial ? ["-serial", `chardev:${SERIAL}`] : []),
        ...["-accel", "qtest", "-d", "guest_errors,unimp", "-D", log.path],
        ...(twin.traces ?? []).flatMap((events) => ["-trace", events]),
        ...(uri === undefined ? [] : ["-incoming", uri]),
      ],
      lines: serial ? [SERIAL] : [],
      qtest: true,
    });
    await arrival(qemu);
    return new Side(twin, qemu, await board.start(qemu), log, serial);
  }

  /** Migrates into a machine of its own, which may have the other model, and goes on there. */
  async migrate(board: Board, model: Model): Promise<Side> {
    const next = await Side.start(this.twin, board, model, await migrateToFile(this.qemu));
    next.receiver = this.receiver;
    next.held = this.held;
    await this.kill();
    return next;
  }

  /** The state of all devices, as it migrates. */
  save(): Promise<Buffer> {
    return saveDevices(this.qemu);
  }

  kill(): Promise<void> {
    return this.qemu.kill();
  }

  /** QEMU ended, or did not answer any more. */
  get ended(): boolean {
    return this.end !== undefined;
  }

  /**
   * Does operations, one after the other.
   *
   * @returns for each what was read and which lines changed; the last one says why no more could be done, if so
   * @throws FuzzError if one is wrong
   */
  async perform(operations: readonly string[]): Promise<string[]> {
    this.records = [];
    try {
      for (const operation of operations) {
        const more = this.begin(operation);
        if (more) {
          await more;
        }
      }
      await this.flush();
    } catch (error) {
      if (error instanceof FuzzError) {
        throw error;
      }
      this.end = error instanceof Error ? error.message : String(error);
      this.records.push(this.end);
    }
    return this.records;
  }

  /** Bytes that the device sent since the last call. Those of the last operations may come a moment later. */
  takeSent(): Buffer {
    const all = Buffer.concat(this.sent);
    this.sent = [];
    return all;
  }

  /** How many bytes {@link takeSent} would give. */
  get sentBytes(): number {
    return this.sent.reduce((sum, { length }) => sum + length, 0);
  }

  /** What was logged since the last call. */
  takeLog(): string {
    const text = this.log.take();
    return this.twin.logged?.(text) ?? text;
  }

  /** Adds an operation to the next write. @returns what is to be waited for, if it cannot just be one of many */
  private begin(operation: string): Promise<void> | undefined {
    const line = command(operation, this.site);
    if (line === undefined) {
      return this.doOutside(operation);
    }
    this.add(line, true);
    if (access(operation)?.offset === undefined) {
      // What is no access to the device is posted to a script.
      this.tick();
    }
    this.follow(operation);
    const wait = () => this.twin.wait?.(operation, this.question(operation));
    return this.held.length > 0 ? this.deliver().then(wait) : wait();
  }

  /** Accesses until a device is done with an operation. @throws Error if it is not in time */
  private question(operation: string): Ask {
    const until = performance.now() + SOON_MS;
    return async (question) => {
      if (performance.now() > until) {
        throw new Error(`the device does not end what "${operation}" began`);
      }
      await this.flush();
      return BigInt(/0x\w+/.exec(await this.ask(question))![0]);
    };
  }

  /** What qtest has no command for: QEMU's other ends are not in step with it, so that it must be idle. */
  private async doOutside(operation: string): Promise<void> {
    await this.flush();
    this.records.push("");
    const [name, ...words] = operation.split(" ");
    switch (name) {
      case "input":
        this.held.push(...words.map(Number));
        await this.deliver();
        break;
      case "offer":
        this.held.push(...(this.held.length === 0 ? words.slice(0, this.line.room).map(Number) : []));
        await this.deliver();
        break;
      case "break":
        this.line.receivedBreak();
        await this.qemu.qmp.execute("chardev-send-break", { id: SERIAL });
        this.tick();
        break;
      case "reset":
        await this.qemu.qmp.execute("system_reset");
        await this.qemu.qmp.waitForEvent("RESET");
        this.receiver?.reset();
        this.tick();
        await this.deliver();
        break;
      case "trace":
        for (const events of this.twin.traces ?? []) {
          const said = await this.qemu.qmp.human(`trace-event ${events} ${words[0]}`);
          if (said !== "") {
            throw new FuzzError(said);
          }
        }
        break;
      default:
        throw new FuzzError(`there is no operation "${operation}"`);
    }
  }

  /** @throws FuzzError if the device has no serial line */
  private get line(): Receiver {
    if (!this.receiver) {
      throw new FuzzError(`${this.twin.name} has no serial line`);
    }
    return this.receiver;
  }

  private follow(operation: string): void {
    const { receiver } = this;
    const found = receiver && access(operation);
    if (!found || found.offset === undefined) {
      return;
    }
    for (const { offset, size } of pieces(found.offset, found.size)) {
      if (found.write) {
        const shift = BigInt(8 * (offset - found.offset));
        receiver.write(offset, Number(BigInt.asUintN(8 * size, found.value >> shift)));
      } else {
        receiver.read(offset);
      }
    }
  }

  /** Lets in what there is room for. Neither model sees more on its line than it takes at once. */
  private async deliver(): Promise<void> {
    while (this.held.length > 0 && this.line.room > 0) {
      await this.flush();
      const bytes = this.held.splice(0, this.line.room);
      await this.qemu.line(SERIAL).write(Uint8Array.from(bytes));
      this.line.received(bytes.length);
      // The main loop has seen the bytes when it looks for what comes after the answer to this.
      await this.ask(this.twin.tick);
      this.tick();
    }
  }

  private add(line: string, operation: boolean): void {
    this.text += `${line}\n`;
    this.commands.push(operation);
  }

  /** An access before the next operation, in which a script has what was posted to it. */
  private tick(): void {
    this.add(command(this.twin.tick, this.site)!, false);
  }

  /** An access that belongs to the operation before it, and of which only the lines that change are told. */
  private async ask(operation: string): Promise<string> {
    const [answer] = await this.wire.send(`${command(operation, this.site)}\n`, 1);
    this.records.push(`${this.records.pop() ?? ""}${answer!.replace(/ 0x\w+/, "")}`);
    return answer!;
  }

  private async flush(): Promise<void> {
    const { text, commands } = this;
    this.text = "";
    this.commands = [];
    const answers: string[] = [];
    try {
      if (commands.length > 0) {
        await this.wire.send(text, commands.length, answers);
      }
    } finally {
      for (const [index, answer] of answers.entries()) {
        this.records.push(commands[index] ? answer : `${this.records.pop() ?? ""}${answer}`);
      }
    }
  }
}

/** Options that put a script in the place of a model of QEMU's. */
export function replacement({ replaces, by }: Board, path: string): string[] {
  const type = by === undefined ? "" : `,by=${by}`;
  return ["-script", `path=${path.replaceAll(",", ",,")},replaces=${replaces}${type}`];
}

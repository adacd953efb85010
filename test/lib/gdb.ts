/** A debugger, as far as the tests need one: gdb's remote protocol. */

import { SOON_MS, within } from "./limit.ts";
import type { Line } from "./line.ts";

/** Number of the program counter in QEMU's description of AArch64: after x0-x30 and sp. */
const PC = 32;

export class Gdb {
  private readonly line: Line;
  private buffer = "";
  private readonly packets: string[] = [];
  private waiting: ((packet: string) => void) | undefined;

  constructor(line: Line) {
    this.line = line;
    line.receiveWith((bytes) => this.take(Buffer.from(bytes).toString("latin1")));
  }

  /** Sends a command and waits for its answer. */
  async ask(command: string, ms = SOON_MS): Promise<string> {
    await this.send(command);
    return await this.next(command, ms);
  }

  async send(command: string): Promise<void> {
    const sum = [...command].reduce((total, letter) => total + letter.charCodeAt(0), 0) & 0xff;
    await this.line.write(`$${command}#${sum.toString(16).padStart(2, "0")}`);
  }

  /** The next packet, such as the stop that follows `c`. */
  next(what: string, ms = SOON_MS): Promise<string> {
    const packet = this.packets.shift();
    if (packet !== undefined) {
      return Promise.resolve(packet);
    }
    const { promise, resolve } = Promise.withResolvers<string>();
    this.waiting = resolve;
    return within(ms, `gdb: answer to ${what}`, promise);
  }

  /** Stops a running guest, as Ctrl-C does. */
  async interrupt(): Promise<string> {
    await this.line.write("\x03");
    return await this.next("Ctrl-C");
  }

  async pc(): Promise<number> {
    return littleEndian(await this.ask(`p${PC.toString(16)}`));
  }

  async readWord(address: number): Promise<number> {
    return littleEndian(await this.ask(`m${address.toString(16)},4`));
  }

  private take(text: string): void {
    this.buffer += text;
    for (;;) {
      const match = /^[+-]*\$([^#]*)#[0-9a-f]{2}/.exec(this.buffer);
      if (match === null) {
        return;
      }
      this.buffer = this.buffer.slice(match[0].length);
      void this.line.write("+");
      if (this.waiting) {
        this.waiting(match[1]!);
        this.waiting = undefined;
      } else {
        this.packets.push(match[1]!);
      }
    }
  }
}

const littleEndian = (hex: string) => Number(`0x${hex.match(/../g)!.toReversed().join("")}`);

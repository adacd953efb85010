/** Unix sockets on which the tests listen and QEMU calls, so that nobody has to try until the other is there. */

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { within } from "./limit.ts";
import { Text } from "./text.ts";

/** One end of a character device of QEMU's. */
export class Line {
  readonly path: string;
  /** What came from QEMU. */
  readonly text: Text;
  /** QEMU is connected. */
  readonly connected: Promise<void>;
  private readonly server: Server;
  private socket: Socket | undefined;
  private listener: ((bytes: Uint8Array) => void) | undefined;

  private constructor(path: string, name: string) {
    this.path = path;
    this.text = new Text(name);
    this.server = createServer();
    this.connected = this.accept();
  }

  static async listen(path: string, name: string): Promise<Line> {
    const line = new Line(path, name);
    line.server.listen(path);
    await once(line.server, "listening");
    return line;
  }

  /** Bytes go to `listener` instead of into the text. */
  receiveWith(listener: (bytes: Uint8Array) => void): void {
    this.listener = listener;
  }

  /**
   * The first `count` bytes that come from now on; none of them goes into the text.
   *
   * @throws Error that says how many came
   */
  async take(count: number, ms: number): Promise<Uint8Array> {
    const taken = new Uint8Array(count);
    let length = 0;
    const all = Promise.withResolvers<void>();
    const before = this.listener;
    this.listener = (bytes) => {
      taken.set(bytes.subarray(0, count - length), length);
      length += Math.min(bytes.length, count - length);
      if (length === count) {
        this.listener = before;
        all.resolve();
      }
    };
    await within(ms, `${count} bytes on ${this.text.name}`, all.promise, () => `${length} came`);
    return taken;
  }

  /** Sends; resolves when the kernel has it all. */
  async write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : data;
    if (!this.peer.write(bytes)) {
      await once(this.peer, "drain");
    }
  }

  /** Stops reading, as a peer that is busy does. */
  pause(): void {
    this.peer.pause();
  }

  resume(): void {
    this.peer.resume();
  }

  /** After QEMU's end: waits for what is still on the way. */
  async finish(): Promise<void> {
    this.server.close();
    this.socket?.resume();
    if (this.socket?.closed === false) {
      await once(this.socket, "close");
    }
  }

  private get peer(): Socket {
    if (this.socket === undefined) {
      throw new Error(`${this.text.name}: QEMU is not connected`);
    }
    if (this.socket.destroyed) {
      throw new Error(`${this.text.name}: QEMU closed the connection`);
    }
    return this.socket;
  }

  private async accept(): Promise<void> {
    const [socket] = (await once(this.server, "connection")) as [Socket];
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => (this.listener ? this.listener(bytes) : this.text.add(bytes)));
    // That QEMU ended is seen by its exit; what was on the way to it then is of no interest.
    socket.on("error", () => {});
    socket.on("close", () => this.text.end("the connection was closed"));
  }
}

/** Calls `onLine` for each line of a stream of text. */
export function byLines(onLine: (line: string) => void): (bytes: Uint8Array) => void {
  let rest = "";
  return (bytes) => {
    const lines = (rest + Buffer.from(bytes).toString("utf8")).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      onLine(line.replace(/\r$/, ""));
    }
  };
}

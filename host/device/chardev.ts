import { cstring, qemu, rooms } from "../native/library.ts";
import type { Property, PropertyOptions } from "./fields.ts";
import type { Handle } from "./handle.ts";

/** The device's end of a character device: a serial line to a terminal, a socket, a file, ... */
export class Chardev {
  readonly #handle: Handle;
  readonly #room: number;

  /** Made by the host. */
  constructor(handle: Handle) {
    this.#handle = handle;
    this.#room = qemu.script_chardev_room(handle.pointer);
  }

  /** Is there a backend? Without one, what is written is dropped. */
  get connected(): boolean {
    return qemu.script_chardev_connected(this.#handle.pointer) !== 0;
  }

  /** Sends one byte. The vCPU whose access sends it waits until the backend took it. */
  put(byte: number): void {
    qemu.script_chardev_put(this.#handle.pointer, byte & 0xff);
  }

  /** Sends bytes, or text as UTF-8. */
  write(data: Uint8Array | string): void {
    const view = typeof data === "string" ? Buffer.from(data) : data;
    qemu.script_chardev_write(this.#handle.pointer, view, view);
  }

  /** Starts or ends a break condition on the line, if the backend has such a thing. */
  setBreak(on: boolean): void {
    qemu.script_chardev_break(this.#handle.pointer, on ? 1 : 0);
  }

  /** @internal How many bytes the device can take now. The backend hears of room that it may wait for. */
  offer(room: number, taken = false): void {
    const before = rooms[this.#room]!;
    rooms[this.#room] = room;
    if (room > before || (taken && room > 0)) {
      qemu.script_chardev_accept(this.#handle.pointer);
    }
  }
}

/** A character device, by its ID on the command line. */
export const chardev = (options: Omit<PropertyOptions<string>, "default"> = {}): Property<Chardev> => ({
  is: "property",
  kind: "chardev",
  name: options.name && cstring(options.name),
  default: undefined,
  description: options.description,
});

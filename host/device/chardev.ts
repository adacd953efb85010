import type { Pointer } from "bun:ffi";
import { CHR_EVENT, CHR_WRITABLE, TIOCM } from "../native/abi.ts";
import { cstring, text } from "../native/convert.ts";
import { qemu, rooms, starved } from "../native/library.ts";
import { QemuError } from "../qom/error.ts";
import type { Property, PropertyOptions } from "./fields.ts";
import type { Handle } from "./handle.ts";

/**
 * What becomes of the other end: somebody is there, nobody is any more; a multiplexer gives this device its input, or
 * gives it to another; what `write()` could not send may be tried again.
 */
export type ChardevEvent = "opened" | "closed" | "mux-in" | "mux-out" | "writable";

export const EVENT_NAMES: ReadonlyMap<number, ChardevEvent> = new Map([
  [CHR_EVENT.OPENED, "opened"],
  [CHR_EVENT.CLOSED, "closed"],
  [CHR_EVENT.MUX_IN, "mux-in"],
  [CHR_EVENT.MUX_OUT, "mux-out"],
  [CHR_WRITABLE, "writable"],
]);

/** Of an asynchronous line. */
export interface LineParameters {
  /** In bits a second. */
  readonly speed: number;
  /** "none" if absent. */
  readonly parity?: "none" | "odd" | "even";
  /** 8 if absent. */
  readonly dataBits?: 5 | 6 | 7 | 8;
  /** 1 if absent. */
  readonly stopBits?: 1 | 2;
}

/** Of the chardev layer: what `stty` takes too. */
const PARITY = { none: "N", odd: "O", even: "E" } as const;

/** Lines beside data; true is asserted. */
export interface ModemLines {
  /** Data terminal ready: an output of the device. */
  readonly dtr: boolean;
  /** Request to send: an output. */
  readonly rts: boolean;
  /** Clear to send: an input. */
  readonly cts: boolean;
  /** Data carrier detect: an input. */
  readonly dcd: boolean;
  /** Ring indicator: an input. */
  readonly ri: boolean;
  /** Data set ready: an input. */
  readonly dsr: boolean;
}

/** The device's end of a character device: a serial line to a terminal, a socket, a file, ... */
export class Chardev {
  readonly #handle: Handle;
  readonly #room: number;
  #roomNow: (() => number) | undefined;

  /** Made by the host. */
  constructor(handle: Handle) {
    this.#handle = handle;
    this.#room = qemu.script_chardev_room(handle.pointer);
  }

  /** Is there a backend? Without one, what is written is dropped. */
  get connected(): boolean {
    return qemu.script_chardev_connected(this.#handle.pointer) !== 0;
  }

  /** Is somebody at the other end? A backend that cannot tell says yes. */
  get open(): boolean {
    return qemu.script_chardev_opened(this.#handle.pointer) !== 0;
  }

  /**
   * Uses another backend than the user gave, or one where the user gave none.
   *
   * @param id as in `-chardev ...,id=ID`
   * @throws QemuError if there is none of that ID, if it is in use, or if there is a backend already
   */
  attach(id: string): void {
    const message = qemu.script_chardev_open_id(this.#handle.pointer, cstring(id));
    if (message) {
      throw new QemuError(text(message as Pointer));
    }
  }

  /** Leaves the backend to others; what it has not taken yet is dropped. Without one, nothing happens. */
  detach(): void {
    qemu.script_chardev_close(this.#handle.pointer);
  }

  /** Sends one byte, as {@link writeAll} does. */
  put(byte: number): void {
    qemu.script_chardev_put(this.#handle.pointer, byte & 0xff);
  }

  /**
   * Sends bytes, or text as UTF-8. What the backend does not take at once is kept, and the vCPU whose access sends it
   * waits until the backend took it all.
   */
  writeAll(data: Uint8Array | string): void {
    const view = bytesOf(data);
    qemu.script_chardev_write_all(this.#handle.pointer, view, view);
  }

  /**
   * Sends as many bytes as the backend takes at once. When it may take more, the event "writable" comes.
   *
   * @returns how many bytes; all if there is no backend
   */
  write(data: Uint8Array | string): number {
    const view = bytesOf(data);
    return view.length === 0 ? 0 : qemu.script_chardev_write(this.#handle.pointer, view, view);
  }

  /**
   * Has the backend send what it held back. The host does so when the device's room grew, after any of its methods ran;
   * a device that makes room elsewhere, in a timer for instance, calls this.
   */
  acceptInput(): void {
    const { pointer } = this.#handle;
    if (this.#roomNow) {
      rooms[this.#room] = this.#roomNow();
    }
    qemu.script_chardev_accept(pointer);
  }

  /** Starts or ends a break condition on the line. @returns whether the backend has such a thing */
  setBreak(on: boolean): boolean {
    return qemu.script_chardev_break(this.#handle.pointer, on ? 1 : 0) === 0;
  }

  /** Sets speed and framing. @returns whether the backend has such a thing */
  setParameters({ speed, parity = "none", dataBits = 8, stopBits = 1 }: LineParameters): boolean {
    const letter = PARITY[parity].charCodeAt(0);
    const { pointer } = this.#handle;
    return qemu.script_chardev_parameters(pointer, speed, letter, dataBits, stopBits) === 0;
  }

  /** Levels of the modem lines; `undefined` if the backend has none. */
  get modem(): ModemLines | undefined {
    const lines = qemu.script_chardev_modem(this.#handle.pointer);
    if (lines < 0) {
      return undefined;
    }
    const is = (line: number) => (lines & line) !== 0;
    return {
      dtr: is(TIOCM.DTR),
      rts: is(TIOCM.RTS),
      cts: is(TIOCM.CTS),
      dcd: is(TIOCM.CAR),
      ri: is(TIOCM.RI),
      dsr: is(TIOCM.DSR),
    };
  }

  /** Sets the modem lines that are the device's outputs. @returns whether the backend has such a thing */
  setModem({ dtr, rts }: Pick<ModemLines, "dtr" | "rts">): boolean {
    const lines = (dtr ? TIOCM.DTR : 0) | (rts ? TIOCM.RTS : 0);
    return qemu.script_chardev_set_modem(this.#handle.pointer, lines) === 0;
  }

  /** @internal Asks the device how many bytes it can take. */
  roomFrom(roomNow: () => number): void {
    this.#roomNow = roomNow;
  }

  /**
   * @internal How many bytes the device can take now. The backend hears of room that it may wait for.
   *
   * @param taken whether the device has just been given what the backend had counted against its room
   * @param locked whether the BQL is held: C sets `starved` with it
   */
  offer(room: number, taken = false, locked = true): void {
    const before = rooms[this.#room]!;
    rooms[this.#room] = room;
    if ((room > before || (taken && room > 0)) && (starved[this.#room] !== 0 || !locked)) {
      qemu.script_chardev_accept(this.#handle.pointer);
    }
  }
}

const bytesOf = (data: Uint8Array | string) => (typeof data === "string" ? Buffer.from(data) : data);

/**
 * Members of the class that serve one character device instead of the traits' `receive()`, `room`, `receiveBreak()` and
 * `chardevEvent()`. The class is checked for them when the script is loaded.
 */
export interface ChardevHandlers {
  /** `(bytes: Uint8Array) => void` */
  readonly receive?: string;
  /** A getter or a field of the state: bytes that can be received now. `room` if absent. */
  readonly room?: string;
  /** `() => void` */
  readonly receiveBreak?: string;
  /** `(event: ChardevEvent) => void` */
  readonly event?: string;
}

/** A property that is a character device. */
export interface ChardevProperty extends Property<Chardev> {
  /** Who serves it. */
  readonly handlers: ChardevHandlers;
}

/** A character device, by its ID on the command line. */
export const chardev = (
  options: Omit<PropertyOptions<string>, "default"> & ChardevHandlers = {},
): ChardevProperty => {
  const { name, description, ...handlers } = options;
  return {
    is: "property",
    kind: "chardev",
    name: name && cstring(name),
    default: undefined,
    description,
    handlers,
  };
};

/**
 * What a device may do beyond having registers. Each trait is a small interface; a device implements those it needs,
 * and what it does not implement is not installed.
 */

/** Acts as soon as there is an object of its type: properties are not set yet, and `config` is not known. */
export interface Initializable {
  init(): void;
}

/** Leaves the composition tree; if it is realized, that ends afterwards. */
export interface Unparentable {
  unparent(): void;
}

/** Learns, some time after, that its object is gone. Nothing of QEMU's can be used any more. */
export interface Finalizable {
  finalize(): void;
}

/** Takes the monitor's `inject-nmi` and `nmi`; the declaration names the interface: `interfaces: ["nmi"]`. */
export interface NmiHandler {
  /** @param cpu index of the monitor's CPU */
  nmi(cpu: number): void;
}

/** Comes into being, with its configuration known. A throw refuses the device with that message. */
export interface Realizable {
  realize(): void;
}

/** Goes away: `device_del`, or a failed start. */
export interface Unrealizable {
  unrealize(): void;
}

/** Has more to do at a reset than to take on the reset values of its fields, which the host does before. */
export interface Resettable {
  reset(): void;
}

/** Takes input from its character device. */
export interface CharReceiver {
  /** Bytes that can be received now. */
  readonly room: number;
  /** Never more than {@link room} bytes; they are valid only during the call. */
  receive(bytes: Uint8Array): void;
  /** The line was held low for longer than a character. */
  receiveBreak?(): void;
}

/** Checks or mends its state after a migration. A throw makes the migration fail with that message. */
export interface PostLoad {
  /** @param version of the stream */
  postLoad(version: number): void;
}

/** Acts when one of its timers expires that names no method of its own. */
export interface TimerListener {
  /** @param name of the field */
  timerExpired(name: string): void;
}

/** Takes note when the frequency of one of its clock inputs changes. */
export interface ClockListener {
  /** @param name of the clock input */
  clockChanged(name: string): void;
}

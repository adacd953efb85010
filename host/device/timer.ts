/** Timers, and the clocks that they go by. */

import { CLOCK } from "../native/abi.ts";
import { qemu } from "../native/library.ts";
import { DeclarationError } from "./errors.ts";
import { checkCount, type Field } from "./fields.ts";
import type { Handle } from "./handle.ts";
import type { Layout, Slot } from "./state.ts";

/**
 * A clock of QEMU's (include/qemu/timer.h): the guest's time, which stands still while the machine does; the host's
 * time of day; time that never stops; and the guest's time of a machine that counts instructions, in real time.
 */
export type ClockName = "virtual" | "host" | "realtime" | "virtual_rt";

const NUMBERS = {
  virtual: CLOCK.VIRTUAL,
  host: CLOCK.HOST,
  realtime: CLOCK.REALTIME,
  virtual_rt: CLOCK.VIRTUAL_RT,
} as const satisfies Record<ClockName, number>;

/** What one of QEMU's clocks says. */
export interface ClockReading {
  /** Nanoseconds; exact below 2^53, which is 104 days. Of `host`, since 1970, to 256 ns. */
  readonly ns: number;
  /** Nanoseconds, all 64 bits of them. */
  readonly nsExact: bigint;
}

const reading = (clock: number): ClockReading => ({
  get ns() {
    return qemu.script_clock_ns(clock);
  },
  get nsExact() {
    return qemu.script_clock_ns_exact(clock);
  },
});

/** QEMU's clocks, to read: `clock.virtual.ns`. */
export const clock: { readonly [N in ClockName]: ClockReading } = Object.freeze({
  virtual: reading(NUMBERS.virtual),
  host: reading(NUMBERS.host),
  realtime: reading(NUMBERS.realtime),
  virtual_rt: reading(NUMBERS.virtual_rt),
});

/** @throws TypeError for C's -1 */
function set(result: number): void {
  if (result !== 0) {
    throw new TypeError("a timer cannot be set before realize()");
  }
}

function checked(ns: number): number {
  if (Number.isNaN(ns)) {
    throw new RangeError("NaN is no time");
  }
  return ns;
}

/**
 * A timer of a device. Times are in ns, of which fractions are dropped; one that has passed is now. What a timer is set
 * to migrates, and a reset leaves it alone: stop it in the reset method if the hardware does.
 */
export class Timer {
  readonly #instance: Handle;
  readonly #index: number;

  /** @internal Made by the host. */
  constructor(instance: Handle, index: number) {
    this.#instance = instance;
    this.#index = index;
  }

  /**
   * Expires once, when the clock says `ns`; a bigint if that is beyond 2^53.
   *
   * @throws RangeError for NaN; TypeError before realize()
   */
  at(ns: number | bigint): void {
    if (typeof ns === "number") {
      set(qemu.script_timer_at(this.#instance.pointer, this.#index, checked(ns)));
    } else {
      const whole = ns < 0n ? 0n : ns;
      const high = Number(whole >> 32n);
      const low = Number(whole & 0xffffffffn);
      set(qemu.script_timer_at_exact(this.#instance.pointer, this.#index, low, Math.min(high, 0xffffffff)));
    }
  }

  /**
   * Expires once, `ns` from now.
   *
   * @throws RangeError for NaN; TypeError before realize()
   */
  after(ns: number): void {
    set(qemu.script_timer_after(this.#instance.pointer, this.#index, checked(ns)));
  }

  /** Does not expire any more, not even if it just has and the device has not heard of it. */
  stop(): void {
    qemu.script_timer_stop(this.#instance.pointer, this.#index);
  }

  /** Will it expire? Not any more in the method that it calls, unless it is periodic. */
  get pending(): boolean {
    return this.expires >= 0;
  }

  /** When it expires, in ns of its clock; -1 if it does not. */
  get expires(): number {
    return qemu.script_timer_expires(this.#instance.pointer, this.#index);
  }

  /** {@link expires} with all 64 bits. */
  get expiresExact(): bigint {
    return qemu.script_timer_expires_exact(this.#instance.pointer, this.#index);
  }

  /** @internal Has it expired, and not been stopped or set anew since? */
  take(): boolean {
    return qemu.script_timer_take(this.#instance.pointer, this.#index) !== 0;
  }
}

/** A timer that can go on expiring. */
export class PeriodicTimer extends Timer {
  readonly #start: (ns: number) => void;

  /** @internal Made by the host. */
  constructor(instance: Handle, index: number) {
    super(instance, index);
    this.#start = (ns) => set(qemu.script_timer_every(instance.pointer, index, ns));
  }

  /**
   * Expires every `ns`, each time counted from the last, so that it does not drift. Turns that the machine was too late
   * for are left out. In real time, that is without icount, 10 us is the least.
   *
   * @throws RangeError unless it is 1 or more; TypeError before realize()
   */
  every(ns: number): void {
    if (!(ns >= 1)) {
      throw new RangeError(`a period of ${ns} ns makes no sense`);
    }
    this.#start(ns);
  }
}

/** What may be said about a timer. */
export interface TimerOptions {
  /** The clock that it goes by; `virtual` if absent. */
  readonly clock?: ClockName;
  /**
   * Method of the class to call when it expires; `timerExpired()` if absent. Either gets the field's name, and the place
   * of the timer in an array.
   */
  readonly expired?: string;
  /** Give it `every()`. Its period then follows its expiry time in the migration stream. */
  readonly periodic?: boolean;
}

/** A field of the state that is a timer, or several. */
export interface TimerField<T = Timer | readonly Timer[]> extends Field<T> {
  /** What was said about it. */
  readonly timer: TimerOptions;
  /** Of an array; `undefined` for a timer by itself. */
  readonly timers: number | undefined;
}

/** A timer by itself; `.array(4)` makes four of them. */
export interface SingleTimer<T extends Timer> extends TimerField<T> {
  /** @throws RangeError unless `count` is 1 or more */
  array(count: number): TimerField<readonly T[]>;
}

/** Each takes 64 bits, or twice that with its period. */
function field(options: TimerOptions, timers: number | undefined): TimerField {
  const words = (timers ?? 1) * (options.periodic ? 2 : 1);
  const count = words === 1 && timers === undefined ? 0 : words;
  return { is: "field", kind: "uint64", bytes: 8, count, reset: undefined, timer: options, timers };
}

/**
 * A timer, as a field of the state. In the migration stream it is its expiry time, 64 bits, all ones if it is not
 * pending: the same as VMSTATE_TIMER.
 *
 * @throws DeclarationError for an unknown clock
 */
export function timer(options: TimerOptions & { readonly periodic: true }): SingleTimer<PeriodicTimer>;
export function timer(options?: TimerOptions): SingleTimer<Timer>;
export function timer(options: TimerOptions = {}): SingleTimer<Timer> {
  if (!Object.hasOwn(NUMBERS, options.clock ?? "virtual")) {
    throw new DeclarationError(`there is no clock ${options.clock}`);
  }
  const array = (count: number) => {
    checkCount(count);
    return field(options, count) as TimerField<readonly Timer[]>;
  };
  return { ...(field(options, undefined) as TimerField<Timer>), array };
}

/** Is the field a timer, or several? */
export function isTimer(candidate: Field): candidate is TimerField {
  return "timer" in candidate;
}

/** The place of a timer, or of several, in the state, and what was declared. */
export interface TimerSlot extends Slot {
  readonly field: TimerField;
}

/** The fields of a device that are timers, in the order of their declaration. */
export function timerSlots(layout: Layout): TimerSlot[] {
  return layout.slots.filter((slot): slot is TimerSlot => isTimer(slot.field));
}

/** In the state, in place of the time when a timer expires: vmstate_info_timer of migration/vmstate-types.c. */
export const NOT_PENDING = 2n ** 64n - 1n;

/** As a list of ScriptTimer of qapi/script.json. */
export function describeTimers({ field: { timer, timers = 1 }, offset }: TimerSlot) {
  const { clock: name = "virtual", periodic = false } = timer;
  const size = periodic ? 16 : 8;
  return Array.from({ length: timers }, (_, index) => ({
    clock: NUMBERS[name],
    offset: offset + size * index,
    periodic,
  }));
}

/** Key of a device's own property with its timers, by name. */
export const TIMERS: unique symbol = Symbol("timers");

/** A device, for the accessors of its timers. */
export interface HasTimers {
  readonly [TIMERS]: Readonly<Record<string, Timer | readonly Timer[]>>;
}

/** The timers of a device that is being made. C counts them all, in the order of {@link describeTimers}. */
export function makeTimers(layout: Layout, instance: Handle): Record<string, Timer | readonly Timer[]> {
  let next = 0;
  const made = timerSlots(layout).map(({ name, field: { timer, timers } }) => {
    const make = () => (timer.periodic ? new PeriodicTimer(instance, next++) : new Timer(instance, next++));
    return [name, timers === undefined ? make() : Object.freeze(Array.from({ length: timers }, make))];
  });
  return Object.fromEntries(made);
}

/** A timer, or several, as a property of a class's prototype. */
export function timerAccessor(name: string): PropertyDescriptor & ThisType<HasTimers> {
  return {
    get() {
      return this[TIMERS][name];
    },
  };
}

/** The name of the method that a timer calls. */
export const expiryMethod = ({ timer }: TimerField): string => timer.expired ?? "timerExpired";

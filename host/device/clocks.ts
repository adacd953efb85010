/** Clock inputs and outputs of a device: docs/devel/clocks.rst of QEMU. */

import { cstring, text } from "../native/convert.ts";
import { qemu } from "../native/library.ts";
import type { ClockRef } from "../qom/devices.ts";
import type { DeviceClass } from "./device.ts";
import type { Field, Fields } from "./fields.ts";
import type { Handle } from "./handle.ts";
import { has } from "./members.ts";
import { entryName } from "./names.ts";

/** A clock input that names a method of its own. */
export interface ClockSpec {
  /** Of the input. */
  readonly name: string;
  /** Method to call when the clock changes, in place of `clockChanged()` and with the same arguments. */
  readonly changed: string;
}

/** How fast a clock is; all are 0 for one that stands, or is not connected. */
export interface ClockRate {
  /** Frequency in Hz, without the fraction. */
  readonly hz: number;
  /** Period in ns. */
  readonly ns: number;
  /** Period in units of 2^-32 ns: all digits that QEMU has. */
  readonly period: bigint;
}

/** A clock of the device: its rate is what it is now. */
export interface ClockLine extends ClockRate {
  /** Path of the clock's QOM object. */
  readonly path: string;
}

/** A clock to connect to: one of another device, a `ClockRef`, or the QOM path of either, such as `/machine/x/clk`. */
export type OtherClock = string | ClockLine | ClockRef;

/** A clock that a device gets. */
export interface ClockInput extends ClockLine {
  /**
   * Takes another clock for its source, for good. That is no change of which the device is told.
   *
   * @throws Error if it is no clock, if this one has a source, or if the other comes from this one
   */
  connect(source: OtherClock): void;
}

/** A clock that a device makes. What is connected to it follows at once, and devices that listen are told. */
export interface ClockOutput extends ClockLine {
  /** Sets the frequency in Hz; 0 stops the clock. @throws RangeError for what is no frequency */
  setHz(hz: number): void;
  /** Sets the period in ns; 0 stops the clock. @throws RangeError for what is no period */
  setNs(ns: number): void;
  /** Sets the period in units of 2^-32 ns; 0 stops the clock. @throws RangeError beyond 64 bits */
  setPeriod(period: bigint): void;
  /**
   * Divides or multiplies the clock for those that are connected to it: they see its period times `multiplier` by
   * `divider`.
   *
   * @throws RangeError unless both are between 1 and 2^32 - 1
   */
  scale(multiplier: number, divider: number): void;
  /**
   * Becomes the source of another clock, for good.
   *
   * @throws Error as {@link ClockInput.connect}
   */
  connect(target: OtherClock): void;
}

/** @internal The rate of a clock that had this period. */
export function clockRate(period: bigint): ClockRate {
  const second = (10n ** 9n) << 32n;
  return { hz: period === 0n ? 0 : Number(second / period), ns: Number(period) / 2 ** 32, period };
}

function checked(value: number, unit: string): number {
  if (!(value >= 0 && Number.isFinite(value))) {
    throw new RangeError(`a clock of ${value} ${unit} makes no sense`);
  }
  return value;
}

function checkedFactor(value: number): number {
  if (!(Number.isInteger(value) && value >= 1 && value <= 0xffffffff)) {
    throw new RangeError(`a clock cannot be scaled by ${value}`);
  }
  return value;
}

function input(instance: Handle, index: number): ClockInput {
  return {
    get hz() {
      return qemu.script_clock_hz(instance.pointer, index);
    },
    get ns() {
      return qemu.script_clock_period_ns(instance.pointer, index);
    },
    get period() {
      return qemu.script_clock_period(instance.pointer, index);
    },
    get path() {
      return text(qemu.script_clock_path(instance.pointer, index));
    },
    connect(other) {
      const path = typeof other === "string" ? other : other.path;
      if (path === null) {
        throw new Error("a clock without a path cannot be connected");
      }
      const message = text(qemu.script_clock_connect(instance.pointer, index, cstring(path)));
      if (message) {
        throw new Error(message);
      }
    },
  };
}

function output(instance: Handle, index: number): ClockOutput {
  const line = input(instance, index);
  return Object.defineProperties(
    {
      setHz: (hz: number) => qemu.script_clock_set_hz(instance.pointer, index, checked(hz, "Hz")),
      setNs: (ns: number) => qemu.script_clock_set_ns(instance.pointer, index, checked(ns, "ns")),
      setPeriod(period: bigint) {
        if (period !== BigInt.asUintN(64, period)) {
          throw new RangeError(`a clock with a period of ${period} makes no sense`);
        }
        const [low, high] = [Number(period & 0xffffffffn), Number(period >> 32n)];
        qemu.script_clock_set_period(instance.pointer, index, low, high);
      },
      scale: (multiplier: number, divider: number) =>
        qemu.script_clock_scale(instance.pointer, index, checkedFactor(multiplier), checkedFactor(divider)),
    },
    Object.getOwnPropertyDescriptors(line),
  ) as ClockOutput;
}

/**
 * @internal QEMU has each clock as a child of the device, in one namespace with its properties.
 *
 * @param seen names that are taken
 */
export function checkClocks(cls: DeviceClass, seen: Set<string>, fail: (reason: string) => never): void {
  const { clocks = [], clockOutputs = [] } = cls.spec;
  for (const name of [...clocks.map(entryName), ...clockOutputs]) {
    if (!/^[a-zA-Z][\w.-]*$/.test(name)) {
      fail(`clock ${name}: that is no name for a clock`);
    }
    if (seen.has(name)) {
      fail(`clock ${name}: there is a property or clock of that name`);
    }
    seen.add(name);
  }
  for (const clock of clocks) {
    if (typeof clock !== "string" && !has(cls, clock.changed)) {
      fail(`clock ${clock.name}: ${cls.name} has no method ${clock.changed}()`);
    }
  }
  checkClockStates(cls.spec.state ?? {}, [...clocks.map(entryName), ...clockOutputs], fail);
}

function checkClockStates(
  fields: Fields,
  clocks: readonly string[],
  fail: (reason: string) => never,
  struct = "",
): void {
  for (const [name, field] of Object.entries(fields)) {
    if (field.clock !== undefined && struct) {
      fail(`${struct}.${name}: a clock is a part of the state or of a subsection, not of a struct`);
    }
    if (field.clock !== undefined && !clocks.includes(field.clock)) {
      fail(`${name}: there is no clock ${field.clock}`);
    }
    checkClockStates(field.fields ?? {}, clocks, fail, field.subsection ? "" : name);
  }
}

/**
 * The frequency of a clock in the migration stream, as VMSTATE_CLOCK of C's. Without it a clock that the board sets is
 * what the other side's board makes it. No property of the device: it is in `clocks` or `clockOutputs`.
 *
 * @param name of one of the device's clocks
 */
export function clockState(name: string): Field<never> {
  return { is: "field", kind: "clock", bytes: 8, count: 0, reset: undefined, clock: name };
}

/** @internal The clock inputs of a device, by name. */
export function clockInputs(instance: Handle, clocks: readonly (string | ClockSpec)[]): object {
  return Object.freeze(
    Object.fromEntries(
      clocks.map((clock, index) => [entryName(clock), Object.freeze(input(instance, index))]),
    ),
  );
}

/** @internal The clock outputs of a device, by name. @param inputs how many inputs come before them */
export function clockOutputs(instance: Handle, inputs: number, names: readonly string[]): object {
  return Object.freeze(
    Object.fromEntries(names.map((name, index) => [name, Object.freeze(output(instance, inputs + index))])),
  );
}

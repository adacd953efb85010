/** What is wrong with a register, found when the script is loaded. */

import { type Part, partsOf, wrongBits } from "./bits.ts";
import type { DeviceClass } from "./device.ts";
import { has, memberOf } from "./members.ts";
import type { AnyRegister } from "./registers.ts";
import type { Layout } from "./state.ts";
import { isTimer } from "./timer.ts";

type Fail = (reason: string) => void;

const METHODS = ["read", "write", "wasRead", "written", "changed"] as const;

/** Does a write of the guest end up in the field? */
export function stores({ field, mode, write, ignoresWrites, values, bits }: AnyRegister): boolean {
  const able = field !== undefined && !write && !ignoresWrites && !values;
  return (
    able && (writes(mode) || partsOf(bits ?? {}).some((part) => part.mode !== undefined && writes(part.mode)))
  );
}

function writes(mode: Part["mode"]): boolean {
  return mode !== "ro" && mode !== "rc" && mode !== "reserved" && mode !== "unhandled";
}

/** Does reading clear some of it? */
export function clears({ mode, read, bits }: AnyRegister): boolean {
  return !read && (mode === "rc" || partsOf(bits ?? {}).some((part) => part.mode === "rc"));
}

function checkField(cls: DeviceClass, register: AnyRegister, fail: Fail): void {
  const { field, count } = register;
  if (field === undefined) {
    return;
  }
  if (count !== undefined) {
    checkElements(cls, field, count, fail);
    return;
  }
  const member = memberOf(cls, field);
  const slot = slotOf(cls.layout, field);
  if (member?.get === undefined) {
    fail(`field: ${cls.name} has no ${field}`);
  } else if (slot !== undefined && isTimer(slot.field)) {
    fail(`field: ${cls.name}'s ${field} is a timer`);
  } else if (slot?.layout !== undefined) {
    fail(`field: ${cls.name}'s ${field} is a struct`);
  } else if (slot !== undefined && slot.field.count > 0) {
    fail(`field: ${cls.name}'s ${field} is an array`);
  } else if (member.set === undefined && (stores(register) || clears(register))) {
    fail(`field: ${cls.name}'s ${field} cannot be written: give it mode "ro" or a write method`);
  }
}

const slotOf = ({ slots }: Layout, name: string | undefined) => slots.find((slot) => slot.name === name);

/** The field of many registers is an array of numbers, or a number in an array of structs. */
function checkElements(cls: DeviceClass, field: string, count: number, fail: Fail): void {
  const [array, inner, ...deeper] = field.split(".");
  const slot = slotOf(cls.layout, array);
  const elements = slot?.field.count ?? 0;
  const number = slot?.layout ? slotOf(slot.layout, inner) : slot;
  const single = slot?.layout
    ? number?.field.count === 0 && !number.layout
    : inner === undefined && elements > 0;
  if (slot === undefined || number === undefined || !single || deeper.length > 0 || isTimer(number.field)) {
    fail(`field: ${cls.name} has no array ${field} of numbers in its state`);
  } else if (elements !== count) {
    fail(`field: ${cls.name}'s ${array} has ${elements} elements for ${count} registers`);
  }
}

/** A part's mode is for what is stored; a method does as it likes. */
function checkBits({ field, bits, read, write }: AnyRegister, fail: Fail): void {
  const wrong = bits && wrongBits(bits);
  if (wrong !== undefined) {
    fail(wrong);
  }
  for (const { name, mode } of partsOf(bits ?? {})) {
    const reading = mode === "rc" || mode === "wo";
    const writing = mode !== undefined && writes(mode);
    if ((reading && read) || (writing && write) || ((reading || writing) && field === undefined)) {
      fail(
        `bits: mode ${mode} of ${name} has no effect: ${field === undefined ? "there is no field" : "a method does it"}`,
      );
    }
  }
}

function checkReserved(register: AnyRegister, fail: Fail): void {
  const other = (["field", ...METHODS, "values", "mask", "bits", "writeOnly", "ignoresWrites"] as const).find(
    (key) => register[key] !== undefined,
  );
  if (other !== undefined) {
    fail(`${other}: a reserved register has nothing`);
  }
}

function checkCallbacks(register: AnyRegister, fail: Fail): void {
  const { field, read, write, values, wasRead, written, changed, mode, writeOnly } = register;
  for (const [name, given] of Object.entries({ changed, written })) {
    if (given && !write && !stores(register)) {
      fail(`${name} is never called: nothing can be written`);
    }
  }
  if (changed && field === undefined) {
    fail("changed is never called: there is no field to change; use written");
  }
  if (wasRead && !read && !values && (field === undefined || mode === "wo" || writeOnly)) {
    fail("wasRead is never called: nothing can be read");
  }
}

function checkCount({ count, stride }: AnyRegister, fail: Fail): void {
  if (count !== undefined && !(Number.isInteger(count) && count > 0)) {
    fail(`a count of ${count} makes no sense`);
  }
  if (stride !== undefined && !(Number.isInteger(stride) && stride > 0 && stride % 4 === 0)) {
    fail(`a stride of ${stride} bytes is no multiple of 4`);
  }
}

/** Calls `fail` with what is wrong, if anything is. */
export function checkRegister(cls: DeviceClass, register: AnyRegister, fail: Fail): void {
  checkCount(register, fail);
  if (register.mode === "reserved") {
    checkReserved(register, fail);
    return;
  }
  for (const part of METHODS) {
    const name = register[part];
    if (name !== undefined && !has(cls, name)) {
      fail(`${part}: ${cls.name} has no method ${name}()`);
    }
  }
  checkField(cls, register, fail);
  checkBits(register, fail);
  const { field, read, write, values, ignoresWrites, mask, mode } = register;
  if (field === undefined && !read && !write && !values && !ignoresWrites) {
    fail("nothing says what it does: give it field, read, write, values or ignoresWrites");
  }
  checkCallbacks(register, fail);
  if (mask !== undefined && !stores(register)) {
    fail("mask has no effect: no write is stored");
  }
  if (mode !== undefined && read && write) {
    fail("mode has no effect: methods read and write it");
  }
}

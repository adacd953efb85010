/** What is wrong with a declaration, found when the script is loaded. */

import { checkFields, checkMigration } from "./check-state.ts";
import { checkClocks } from "./clocks.ts";
import type { DeviceClass } from "./device.ts";
import { DeclarationError } from "./errors.ts";
import type { Property } from "./fields.ts";
import type { IrqSpec } from "./irq.ts";
import { SENSELESS } from "./kinds.ts";
import { checkLines } from "./lines.ts";
import { has, hasTraces, memberOf } from "./members.ts";
import { entryName } from "./names.ts";
import { checkPci } from "./pci-spec.ts";
import { checkChardevs } from "./receivers.ts";
import { checkRegions } from "./regions-check.ts";
import { expiryMethod, timerSlots } from "./timer.ts";

/** Methods of the traits: a field of that name would be in the way. */
const METHODS = [
  ...["init", "realize", "unrealize", "unparent", "finalize", "nmi"],
  ...["reset", "resetEnter", "resetHold", "resetExit"],
  ...["receive", "receiveBreak", "chardevEvent", "gpioChanged", "clockChanged", "timerExpired"],
  ...["preSave", "postSave", "preLoad", "postLoad", "save", "load"],
  ...["configRead", "configWrite"],
  ...["migrate", "reloaded", "retire"],
];

/** What the host gives to every device. */
const MEMBERS = [
  "config",
  "irqs",
  "inputs",
  "outputs",
  "clocks",
  "clockOutputs",
  "dma",
  "pci",
  "object",
  "regions",
  "trace",
  "constructor",
];

/** Properties that QEMU gives to every device. */
const QEMU_PROPERTIES = ["realized", "hotpluggable", "hotplugged", "parent_bus", "type"];

/** `migrateClk` as users write it: `migrate-clk`. */
export function propertyName(key: string, property: Property): string {
  return property.name ?? key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Throws a DeclarationError that names the type. */
export type Fail = (reason: string) => never;

/** Has one of the classes that scripts wrote a member of this name, which is not declared? */
function hides(cls: DeviceClass, name: string): boolean {
  for (let c = cls; "layout" in c; c = Object.getPrototypeOf(c)) {
    if (!Object.hasOwn(c, "layout") && Object.hasOwn(c.prototype as object, name)) {
      return true;
    }
  }
  return false;
}

function checkState(cls: DeviceClass, fail: Fail): void {
  for (const name of Object.keys(cls.spec.state ?? {})) {
    if (METHODS.includes(name) || MEMBERS.includes(name)) {
      fail(`a field cannot be called ${name}`);
    }
    if (!/^[A-Za-z_$][\w$]*$/.test(name) || name === "__proto__") {
      fail(`a field cannot be called ${name}`);
    }
    if (hides(cls, name)) {
      fail(`the class has a member ${name}, which hides the field of that name`);
    }
  }
  checkFields(cls.spec.state ?? {}, fail);
}

/** The host would not find what is a getter or the like. */
function checkMethods(cls: DeviceClass, fail: Fail): void {
  const odd = METHODS.find((name) => memberOf(cls, name) !== undefined && !has(cls, name));
  if (odd !== undefined) {
    fail(`${cls.name}.${odd} must be a method`);
  }
}

function checkTimers(cls: DeviceClass, fail: Fail): void {
  for (const { name, field } of timerSlots(cls.layout)) {
    const method = expiryMethod(field);
    if (!has(cls, method)) {
      fail(`timer ${name}: ${cls.name} has no method ${method}()`);
    }
  }
}

function checkReset(cls: DeviceClass, fail: Fail): void {
  if (has(cls, "reset") && has(cls, "resetHold")) {
    fail(`${cls.name} has both reset() and resetHold(), which are two names of one phase`);
  }
}

function checkProperties(cls: DeviceClass, fail: Fail): void {
  const seen = new Set(QEMU_PROPERTIES);
  for (const [key, property] of Object.entries(cls.spec.properties ?? {})) {
    const name = propertyName(key, property);
    if (!/^[a-zA-Z][\w.-]*$/.test(name)) {
      fail(`property ${key}: '${name}' is no name for a property`);
    }
    if (seen.has(name)) {
      fail(
        `there are two properties ${name}${QEMU_PROPERTIES.includes(name) ? ": every device has one" : ""}`,
      );
    }
    seen.add(name);
  }
  checkBits(cls.spec.properties ?? {}, fail);
  checkClocks(cls, seen, fail);
}

function checkBits(properties: Readonly<Record<string, Property>>, fail: Fail): void {
  const owners = new Map<string, string>();
  for (const [key, { in: word, at }] of Object.entries(properties)) {
    if (word === undefined) {
      continue;
    }
    if (Object.hasOwn(properties, word) || !/^[A-Za-z_$][\w$]*$/.test(word) || word === "__proto__") {
      fail(`property ${key}: a word of bits cannot be called ${word}`);
    }
    const place = `${word}, bit ${at}`;
    if (owners.has(place)) {
      fail(`property ${key}: ${place}, is taken by ${owners.get(place)}`);
    }
    owners.set(place, key);
  }
}

function checkIrqs(lines: readonly (string | IrqSpec)[], fail: Fail): void {
  const names = lines.map(entryName);
  if (new Set(names).size !== names.length) {
    fail("two interrupt lines have the same name");
  }
  const taken = names.find((name) => name === "drive" || name === "follow");
  if (taken !== undefined) {
    fail(`an interrupt line cannot be called ${taken}`);
  }
  for (const line of lines) {
    if (
      typeof line !== "string" &&
      !(Number.isInteger(line.bits) && line.bits >= 1 && line.bits <= 0xffffffff)
    ) {
      fail(`interrupt line ${line.name}: bits is a mask of 1 to 0xffffffff`);
    }
  }
  if (names.length > 32) {
    fail(`${names.length} interrupt lines: 32 at most`);
  }
}

function checkTraces(cls: DeviceClass, fail: Fail): void {
  if (hasTraces(cls) && hides(cls, "trace")) {
    fail("the class has a member trace, which hides the trace events");
  }
  for (const [name, text] of Object.entries(cls.spec.traces ?? {})) {
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      fail(`traces: '${name}' is no name for a trace event`);
    }
    if (typeof text !== "function") {
      fail(`traces: ${name}: what makes its text is a function`);
    }
  }
}

function checkKind(cls: DeviceClass, fail: Fail): void {
  const senseless: readonly string[] = SENSELESS[cls.base];
  const part = Object.keys(cls.spec).find((key) => senseless.includes(key));
  if (part !== undefined) {
    fail(`a device of this kind has no ${part}`);
  }
  if (cls.spec.interfaces?.includes("nmi") && !has(cls, "nmi")) {
    fail(`interface nmi: ${cls.name} has no method nmi()`);
  }
}

/** @throws DeclarationError that names the type and what is wrong. */
export function checkDeclaration(cls: DeviceClass): void {
  const { spec } = cls;
  const fail: Fail = (reason) => {
    throw new DeclarationError(`${spec.type}: ${reason}`);
  };
  checkKind(cls, fail);
  checkState(cls, fail);
  checkMethods(cls, fail);
  checkTimers(cls, fail);
  checkReset(cls, fail);
  checkProperties(cls, fail);
  checkChardevs(cls, fail);
  checkIrqs(spec.irqs ?? [], fail);
  checkLines(cls, fail);
  checkRegions(cls, fail);
  checkTraces(cls, fail);
  checkPci(cls, fail);
  checkMigration(cls, fail);
}

/**
 * A class field with the name of a field of the state would hide it, and the host looks for the traits' methods in the
 * class. Checked on the made device.
 */
export function checkMade(device: object, cls: DeviceClass): void {
  const hiding = cls.layout.slots.find(
    ({ name, field }) => field.kind !== "unused" && Object.hasOwn(device, name),
  );
  if (hiding) {
    throw new DeclarationError(
      `${cls.spec.type}: the class declares ${hiding.name}, which hides the field of that name; give the field its value in \`state\``,
    );
  }
  if (hasTraces(cls) && Object.hasOwn(device, "trace")) {
    throw new DeclarationError(`${cls.spec.type}: the class declares trace, which hides the trace events`);
  }
  const method = METHODS.find((name) => Object.hasOwn(device, name));
  if (method !== undefined) {
    throw new DeclarationError(
      `${cls.spec.type}: ${method} must be a method of ${cls.name}, not a field of its devices`,
    );
  }
}

/** Device classes as QOM types. */

import { type Bank, compile } from "../device/bank.ts";
import { accessTrace } from "../device/bank-trace.ts";
import { describe } from "../device/describe.ts";
import { scriptedParent } from "../device/describe-state.ts";
import type { DeviceClass } from "../device/device.ts";
import { DeclarationError } from "../device/errors.ts";
import { declarationOf, hasTraces } from "../device/members.ts";
import { isIo } from "../device/regions.ts";
import { tableOf } from "../device/registers.ts";
import { initialState } from "../device/state.ts";
import { traceEvents } from "../device/trace.ts";
import { classes, type Generation, type RegisteredClass } from "../engine/instances.ts";
import { cstring, text } from "../native/convert.ts";
import { qemu } from "../native/library.ts";

/** A class and the scripted ones that it inherits from, the eldest first. */
export function lineOf(cls: DeviceClass): DeviceClass[] {
  const parent = scriptedParent(cls);
  return parent === undefined ? [cls] : [...lineOf(parent), cls];
}

/**
 * Is the class's type there, as it declares it? A module that several scripts import is loaded for each of them, and its
 * classes declare the same each time.
 */
export function isKnown(cls: DeviceClass): boolean {
  return classes.get(cls.spec.type)?.description === describe(cls);
}

/** The code of each region that is served by code. @throws DeclarationError for one that has none */
function banksOf(cls: DeviceClass): (Bank | undefined)[] {
  return Object.entries(cls.spec.regions ?? {}).map(([key, region]) => {
    if (!isIo(region)) {
      return undefined;
    }
    const declared = tableOf(cls, key);
    if (declared === undefined && region.read === undefined && region.write === undefined) {
      throw new DeclarationError(
        `${cls.spec.type}: region ${key} has no registers: declare them with registers(${cls.name}, "${key}", ...)`,
      );
    }
    return compile(cls, key, declared?.table ?? {}, declared?.options);
  });
}

/** @throws DeclarationError for a link to a type that is not there, and not of the same script */
function checkLinks({ spec }: DeviceClass, coming: readonly DeviceClass[]): void {
  for (const [key, { target }] of Object.entries(spec.properties ?? {})) {
    if (target === undefined || target === spec.type || coming.some((cls) => cls.spec.type === target)) {
      continue;
    }
    if (qemu.script_type_exists(cstring(target)) === 0) {
      throw new DeclarationError(`${spec.type}: property ${key}: there is no type ${target} to link to`);
    }
  }
}

/**
 * Makes a class ready to serve devices.
 *
 * @param coming classes whose types may not be there yet
 * @throws DeclarationError for what is wrong with its declaration
 */
export function compileType(
  cls: DeviceClass,
  generation: Generation,
  coming: readonly DeviceClass[],
): RegisteredClass {
  const { spec, layout } = cls;
  const description = describe(cls);
  checkLinks(cls, coming);
  const banks = banksOf(cls);
  const keys = Object.keys(spec.regions ?? {});
  const regions = banks.map((bank, index) => bank && { bank, trace: accessTrace(cls, keys[index]!, bank) });
  // Where the state's accessors are too; there it is constant to the JIT compiler.
  const prototype = declarationOf(cls).prototype as object;
  if (hasTraces(cls) || !("trace" in prototype)) {
    Object.defineProperty(prototype, "trace", { value: traceEvents(spec.traces ?? {}), configurable: true });
  }
  return { generation, cls, regions, description, initial: initialState(layout) };
}

/** Makes it a QOM type; its scripted parent must be one. @throws DeclarationError with what QOM has against it */
export function registerType(registered: RegisteredClass): void {
  const { cls, description, initial } = registered;
  const message = text(qemu.script_register_type(cstring(description), initial));
  if (message) {
    throw new DeclarationError(message);
  }
  classes.set(cls.spec.type, registered);
}

/** Has C check what a type that is there declares now. @throws DeclarationError with what is wrong */
export function stageType({ description, initial }: RegisteredClass): void {
  const message = text(qemu.script_shape_stage(cstring(description), initial));
  if (message) {
    throw new DeclarationError(message);
  }
}

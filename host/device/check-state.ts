/** What is wrong with a declaration's state and migration, found when the script is loaded. */

import { MAX_SUBSECTIONS } from "../native/abi.ts";
import type { Fail } from "./check.ts";
import type { DeviceClass } from "./device.ts";
import type { Field, Fields } from "./fields.ts";
import { has } from "./members.ts";
import type { MigrationSpec } from "./spec.ts";

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
/** Names are in the stream with their length in one byte, behind the device's path or the section's name. */
const SECTION = /^[\x21-\x7e]{1,100}$/;
const SUBSECTION = /^[\x21-\x2e\x30-\x7e]{1,100}$/;

const PRIORITIES: readonly unknown[] = [
  ...(["default", "iommu", "pci-bus", "virtio-mem", "gicv3-its", "gicv3"] as const),
] satisfies readonly MigrationSpec["priority"][];

interface Versions {
  readonly version?: number;
  readonly minimum?: number;
}

function checkVersions(what: string, { version = 1, minimum = version }: Versions, fail: Fail): void {
  for (const number of [version, minimum]) {
    if (!Number.isInteger(number) || number < 0 || number > 0x7fffffff) {
      fail(`${what}: ${number} is no version`);
    }
  }
  if (minimum > version) {
    fail(`${what}: the minimum version, ${minimum}, is above the version, ${version}`);
  }
}

function checkField(name: string, field: Field, fail: Fail): void {
  if (field.kind === "unused" && !(Number.isInteger(field.count) && field.count > 0)) {
    fail(`${name}: unused(${field.count}) makes no sense`);
  }
  if (field.fields !== undefined) {
    checkInner(name, field.fields, field.subsection !== undefined, fail);
  }
}

/** Fields of a struct or subsection. */
function checkInner(owner: string, fields: Fields, isSubsection: boolean, fail: Fail): void {
  const kind = isSubsection ? "subsection" : "struct";
  if (Object.values(fields).every((field) => field.kind === "unused")) {
    fail(`${owner}: a ${kind} without fields makes no sense`);
  }
  for (const [key, field] of Object.entries(fields)) {
    const name = `${owner}.${key}`;
    if (!IDENTIFIER.test(key) || key === "__proto__") {
      fail(`${name}: a field cannot be called ${key}`);
    }
    if (field.subsection !== undefined) {
      fail(`${name}: a subsection is a part of the state itself, not of a ${kind}`);
    }
    if ("timer" in field) {
      fail(`${name}: a timer is a part of the state itself, not of a ${kind}`);
    }
    if (field.since !== undefined && !isSubsection) {
      fail(`${name}: since(): a struct has no version of its own: say it of ${owner}`);
    }
    checkField(name, field, fail);
  }
}

function checkSince(owner: string, fields: Fields, version: number, fail: Fail): void {
  for (const [name, { since = 0, subsection }] of Object.entries(fields)) {
    if (since > version) {
      fail(`${owner}${name}: since(${since}) is above the version, ${version}`);
    }
    if (since > 0 && subsection !== undefined) {
      fail(`${owner}${name}: since() makes no sense for a subsection, which may be missing anyway`);
    }
  }
}

/** QEMU takes a section for the parent of those whose names begin with its own. */
function checkNames(names: readonly string[], fail: Fail): void {
  for (const [index, name] of names.entries()) {
    const other = names.find((candidate, i) => i !== index && candidate.startsWith(name));
    if (other === name) {
      fail(`there are two subsections ${name}`);
    } else if (other !== undefined) {
      fail(`subsection ${name}: QEMU cannot tell it from ${other}, which begins with the same letters`);
    }
  }
}

function checkSubsections(cls: DeviceClass, fail: Fail): void {
  const names = has(cls, "save") ? ["blob"] : [];
  for (const [key, { subsection, fields }] of Object.entries(cls.spec.state ?? {})) {
    if (subsection === undefined) {
      continue;
    }
    const { name = key, needed } = subsection;
    if (!SUBSECTION.test(name)) {
      fail(`${key}: '${name}' is no name for a subsection`);
    }
    if (needed !== undefined && !has(cls, needed) && cls.spec.properties?.[needed]?.kind !== "bool") {
      fail(`${key}: needed: ${cls.name} has no method ${needed}(), and no property ${needed} of kind bool`);
    }
    checkVersions(key, subsection, fail);
    checkSince(`${key}.`, fields!, subsection.version ?? 1, fail);
    names.push(name);
  }
  checkNames(names, fail);
  if (names.length > MAX_SUBSECTIONS) {
    fail(`${names.length} subsections: ${MAX_SUBSECTIONS} at most`);
  }
}

/** What {@link checkState} of check.ts leaves: the names of the fields are checked there. */
export function checkFields(fields: Fields, fail: Fail): void {
  for (const [name, field] of Object.entries(fields)) {
    checkField(name, field, fail);
  }
}

export function checkMigration(cls: DeviceClass, fail: Fail): void {
  const migration: MigrationSpec = cls.spec.migration ?? {};
  const { name, priority = "default", unmigratable, validate = [] } = migration;
  checkVersions("migration", migration, fail);
  checkSince("", cls.spec.state ?? {}, migration.version ?? 1, fail);
  checkSubsections(cls, fail);
  if (name !== undefined && !SECTION.test(name)) {
    fail(`migration: '${name}' is no name for a section`);
  }
  if (!PRIORITIES.includes(priority)) {
    fail(`migration: there is no priority ${priority}`);
  }
  if (unmigratable !== undefined && unmigratable !== true && !unmigratable) {
    fail("migration: unmigratable is true or a reason");
  }
  const missing = validate.find((method) => !has(cls, method));
  if (missing !== undefined) {
    fail(`migration: validate: ${cls.name} has no method ${missing}()`);
  }
  // A load() alone is none of ours: the device may load anything.
  if (has(cls, "save") && !has(cls, "load")) {
    fail(`${cls.name} has save() but no load()`);
  }
}

import type { DeviceClass } from "./device.ts";
import { has } from "./members.ts";
import type { Layout, Slot } from "./state.ts";

/** The name that messages and descriptions of a stream have for a field: as QEMU's own devices call theirs. */
const snakeCase = (name: string) => name.replace(/(?<!^)[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A field as ScriptField of qapi/script.json, in the section, subsection or struct `owner`. */
function describeField({ name, field, offset, layout }: Slot, owner: string): Record<string, unknown> {
  const own = field.kind === "unused" ? field.kind : snakeCase(name);
  // Not a slash, which would make the struct look like a subsection.
  const inner = `${owner}.${own}`;
  return {
    name: own,
    type: field.kind,
    offset,
    count: field.count,
    ...(field.since === undefined ? {} : { since: field.since }),
    ...(field.clock === undefined ? {} : { clock: field.clock }),
    ...(layout && { layout: describeLayout(layout, { name: inner, version: 1, minimum: 1 }) }),
  };
}

interface Section {
  readonly name: string;
  readonly version: number;
  readonly minimum: number;
}

/** Fields as ScriptLayout; those of a subsection, which starts at `base`, have their place in the state block. */
function describeLayout(layout: Layout, { name, version, minimum }: Section, base = 0) {
  return {
    name,
    version,
    "minimum-version": minimum,
    size: layout.size,
    fields: layout.slots
      .filter(({ field }) => field.subsection === undefined)
      .map((slot) => describeField({ ...slot, offset: base + slot.offset }, name)),
  };
}

function describeSubsections(layout: Layout, section: string) {
  return layout.slots.flatMap(({ name, field, offset, layout: inner }) => {
    if (field.subsection === undefined || inner === undefined) {
      return [];
    }
    const { name: own = name, version = 1, minimum = version } = field.subsection;
    return [describeLayout(inner, { name: `${section}/${own}`, version, minimum }, offset)];
  });
}

/** The class whose QOM type is the parent of this one's, if a script declared it. */
export function scriptedParent(cls: DeviceClass): DeviceClass | undefined {
  let declaration: object = cls;
  while (!Object.hasOwn(declaration, "ownSpec")) {
    declaration = Object.getPrototypeOf(declaration);
  }
  const parent: unknown = Object.getPrototypeOf(declaration);
  return typeof parent === "function" && "spec" in parent ? (parent as unknown as DeviceClass) : undefined;
}

/** What a stream calls a type, it calls those that inherit from it too, as QOM classes inherit their description. */
function sectionName(cls: DeviceClass): string {
  const parent = scriptedParent(cls);
  return cls.spec.migration?.name ?? (parent === undefined ? cls.spec.type : sectionName(parent));
}

/** Is a type of QEMU's own among the class's ancestors, other than the base that all have? */
function extendsC(cls: DeviceClass): boolean {
  const parent = scriptedParent(cls);
  return cls.spec.parent !== undefined || (parent !== undefined && extendsC(parent));
}

const HOOKS = ["save", "load", "preSave", "postSave", "preLoad", "postLoad"];

/** Has a class something to say of migration, or does what the parent type has do? */
function migrates(cls: DeviceClass): boolean {
  const { spec, layout } = cls;
  return layout.slots.length > 0 || spec.migration !== undefined || HOOKS.some((name) => has(cls, name));
}

/** The state of a class and how it migrates, as ScriptState of qapi/script.json. */
export function describeState(cls: DeviceClass) {
  const { spec, layout } = cls;
  const migration = spec.migration ?? {};
  const name = sectionName(cls);
  const { version = 1, minimum = version, unmigratable } = migration;
  return {
    ...describeLayout(layout, { name, version, minimum }),
    inherited: extendsC(cls) && !migrates(cls),
    subsections: describeSubsections(layout, name),
    blob: has(cls, "save"),
    priority: migration.priority ?? "default",
    unmigratable: unmigratable === true,
    ...(typeof unmigratable === "string" ? { blocker: unmigratable } : {}),
    "pre-load": has(cls, "preLoad"),
    "post-save": has(cls, "postSave"),
  };
}

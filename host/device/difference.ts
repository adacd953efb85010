/** What a script declares otherwise than before, when it is loaded anew: descriptions are ScriptType of qapi/script.json. */

type Description = Readonly<Record<string, unknown>>;

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What a message can say of a value: of a list, how long it is; nothing of what is not there, or has parts. */
function shown(value: unknown): string | undefined {
  if (Array.isArray(value)) {
    return String(value.length);
  }
  return value === undefined || value instanceof Object ? undefined : String(value);
}

function changed(what: string, old: unknown, now: unknown): string {
  const [before, after] = [shown(old), shown(now)];
  const tells = before !== undefined && after !== undefined && before !== after;
  return tells ? `${what} changed from ${before} to ${after}` : `${what} changed`;
}

interface Named {
  readonly name: string;
}

/** What a property is to QOM; who receives from it, and what the help says, is not. */
function properties(description: Description): Named[] {
  const all = description["properties"] as (Named & { receives?: boolean; description?: string })[];
  return all.map(({ receives: _, description: __, ...rest }) => rest);
}

function changedProperty(old: Description, now: Description): string | undefined {
  const [before, after] = [properties(old), properties(now)];
  for (const property of before) {
    const other = after.find(({ name }) => name === property.name);
    if (other === undefined) {
      return `property ${property.name} is gone`;
    }
    if (!same(property, other)) {
      return `property ${property.name} is declared otherwise`;
    }
  }
  const added = after.find(({ name }) => !before.some((property) => property.name === name));
  if (added !== undefined) {
    return `property ${added.name} is new`;
  }
  return same(before, after) ? undefined : "the order of the properties changed";
}

/** What a type's classes and its section in a stream have for good. */
const OF_TYPE: Readonly<Record<string, string>> = {
  base: "the base class",
  parent: "the parent type",
  abstract: "whether it is abstract",
  interfaces: "the interfaces",
  "inherited-properties": "what properties the parent type has",
  pci: "what it is on a PCI bus",
};

const OF_SECTION: Readonly<Record<string, string>> = {
  name: "the name of its section in a migration stream",
  inherited: "whether it has a section of its own in a migration stream",
  priority: "when it migrates",
  unmigratable: "whether it migrates",
  blocker: "why it does not migrate",
};

/** What an object was made with. */
const OF_OBJECT: Readonly<Record<string, string>> = {
  irqs: "the number of interrupt lines",
  inputs: "the GPIO inputs",
  outputs: "the GPIO outputs",
  clocks: "the clock inputs",
  "clock-outputs": "the clock outputs",
};

function firstChange(names: Readonly<Record<string, string>>, old: Description, now: Description) {
  const key = Object.keys(names).find((name) => !same(old[name], now[name]));
  return key === undefined ? undefined : changed(names[key]!, old[key], now[key]);
}

interface Region extends Named {
  readonly size: number;
}

function changedRegion(old: Description, now: Description): string | undefined {
  const [before, after] = [old["regions"] as Region[], now["regions"] as Region[]];
  if (before.length !== after.length) {
    return changed("the number of regions", before, after);
  }
  const index = before.findIndex((region, i) => !same(region, after[i]));
  if (index < 0) {
    return undefined;
  }
  const [a, b] = [before[index]!, after[index]!];
  return a.size === b.size
    ? `region ${a.name} is declared otherwise`
    : changed(`the size of region ${a.name}`, a.size, b.size);
}

/** @returns why QOM cannot have the type as it is declared now, unless QEMU is started again */
export function typeDifference(old: string, now: string): string | undefined {
  const [before, after] = [JSON.parse(old) as Description, JSON.parse(now) as Description];
  const state = (description: Description) => (description["state"] ?? {}) as Description;
  return (
    firstChange(OF_TYPE, before, after) ??
    changedProperty(before, after) ??
    firstChange(OF_SECTION, state(before), state(after))
  );
}

/** @returns why an object that was made with one declaration cannot go on with the other */
export function objectDifference(old: string, now: string): string | undefined {
  if (old === now) {
    return undefined;
  }
  const [before, after] = [JSON.parse(old) as Description, JSON.parse(now) as Description];
  return firstChange(OF_OBJECT, before, after) ?? changedRegion(before, after);
}

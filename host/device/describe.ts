import { checkDeclaration, has, propertyName } from "./check.ts";
import type { DeviceClass } from "./device.ts";
import { DeclarationError } from "./errors.ts";
import type { Property } from "./fields.ts";
import { describeLines } from "./lines.ts";
import { describePci } from "./pci-spec.ts";
import { servedBy } from "./receivers.ts";
import { type IoRegionSpec, isIo, type RegionSpecs, sizeOf } from "./regions.ts";
import type { DeviceTreeSpec } from "./spec.ts";
import { describeTimer, timerSlots } from "./timer.ts";

/** Digits as they are: a double has not enough of them for 64 bits. */
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown };

function describeProperty(key: string, property: Property, receives: boolean) {
  const { kind, description } = property;
  const value = property.default;
  const signed = kind === "int32" || kind === "int64";
  return {
    name: propertyName(key, property),
    type: kind,
    ...(description === undefined ? {} : { description }),
    ...(value === undefined
      ? {}
      : {
          [signed ? "default-signed" : "default-unsigned"]: rawJSON(
            String(value === true ? 1 : value === false ? 0 : value),
          ),
        }),
    ...(kind === "chardev" ? { receives } : {}),
  };
}

function describeRegion(key: string, regions: RegionSpecs) {
  const region = regions[key]!;
  const { inside } = region;
  const io: IoRegionSpec | undefined = isIo(region) ? region : undefined;
  const place = (other: string) => Object.keys(regions).indexOf(other);
  return {
    name: region.name ?? key,
    kind: region.kind ?? "io",
    size: sizeOf(regions, key),
    enabled: region.enabled ?? true,
    ...(inside ? { inside: place(inside.region), at: inside.at, priority: inside.priority ?? 0 } : {}),
    ...(region.kind === "alias" ? { "alias-of": place(region.of), "alias-offset": region.offset ?? 0 } : {}),
    "big-endian": io?.endian === "big",
    "valid-min": io?.valid?.min ?? 1,
    "valid-max": io?.valid?.max ?? 8,
    "valid-unaligned": io?.valid?.unaligned ?? false,
    "impl-min": io?.handled?.min ?? 4,
    "impl-max": io?.handled?.max ?? 4,
    "impl-unaligned": io?.handled?.unaligned ?? false,
  };
}

/** What a stream calls a type, it calls those that inherit from it too, as QOM classes inherit their description. */
function sectionName(cls: DeviceClass): string {
  const parent = scriptedParent(cls);
  return cls.spec.migration?.name ?? (parent === undefined ? cls.spec.type : sectionName(parent));
}

function describeState(cls: DeviceClass) {
  const { spec, layout } = cls;
  const version = spec.migration?.version ?? 1;
  return {
    name: sectionName(cls),
    version,
    "minimum-version": spec.migration?.minimum ?? version,
    size: layout.size,
    fields: layout.slots.map(({ name, field, offset }) => ({
      name,
      type: field.kind,
      offset,
      count: field.count,
    })),
  };
}

function describeDeviceTree(tree: DeviceTreeSpec, cls: DeviceClass) {
  const irqs = cls.spec.irqs ?? [];
  const interrupts = (tree.interrupts ?? irqs.slice(0, 1)).map((name) => {
    const index = irqs.indexOf(name);
    if (index < 0) {
      throw new DeclarationError(`${cls.spec.type}: deviceTree: there is no interrupt line ${name}`);
    }
    return index;
  });
  return {
    name: tree.node,
    compatible: tree.compatible,
    interrupts,
    ...(tree.clocks ? { clocks: Object.values(tree.clocks), "clock-names": Object.keys(tree.clocks) } : {}),
    ...(tree.alias === undefined ? {} : { alias: tree.alias }),
  };
}

/**
 * The phases of a reset that have to enter the script: all in one for a class without methods for phases. The reset
 * values of fields come with the first.
 */
function resetPhases(cls: DeviceClass): string[] {
  const values = cls.layout.slots.some(({ field }) => field.reset !== undefined);
  if (!["resetEnter", "resetHold", "resetExit"].some((name) => has(cls, name))) {
    return values || has(cls, "reset") ? ["all"] : [];
  }
  return [
    ...(values || has(cls, "resetEnter") ? ["enter"] : []),
    ...(has(cls, "resetHold") || has(cls, "reset") ? ["hold"] : []),
    ...(has(cls, "resetExit") ? ["exit"] : []),
  ];
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

/** A device class as ScriptType of qapi/script.json. */
export function describe(cls: DeviceClass): string {
  checkDeclaration(cls);
  const { spec } = cls;
  const parent = scriptedParent(cls);
  const receivers = servedBy(cls).filter(({ receive }) => receive !== undefined);
  const receives = (key: string) => receivers.some((served) => served.key === key);
  return JSON.stringify({
    name: spec.type,
    base: cls.base,
    parent: parent?.spec.type ?? spec.parent ?? cls.base,
    abstract: spec.abstract ?? false,
    interfaces: spec.interfaces ?? [],
    init: has(cls, "init"),
    unparent: has(cls, "unparent"),
    finalize: has(cls, "finalize"),
    ...(spec.description === undefined ? {} : { description: spec.description }),
    properties: Object.entries(spec.properties ?? {}).map(([key, property]) =>
      describeProperty(key, property, receives(key)),
    ),
    "inherited-properties": Object.keys(parent?.spec.properties ?? {}).length,
    irqs: spec.irqs?.length ?? 0,
    inputs: describeLines(spec.inputs),
    outputs: describeLines(spec.outputs),
    clocks: spec.clocks ?? [],
    regions: Object.keys(spec.regions ?? {}).map((key) => describeRegion(key, spec.regions!)),
    state: describeState(cls),
    timers: timerSlots(cls.layout).map(describeTimer),
    reset: resetPhases(cls),
    ...(spec.pci ? { pci: describePci(cls, spec.pci) } : {}),
    ...(spec.deviceTree ? { "device-tree": describeDeviceTree(spec.deviceTree, cls) } : {}),
  });
}

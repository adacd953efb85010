import { checkDeclaration } from "./check.ts";
import { describeProperties } from "./describe-properties.ts";
import { describeState, scriptedParent } from "./describe-state.ts";
import type { DeviceClass } from "./device.ts";
import { describeDeviceTree } from "./device-tree.ts";
import { describeLines } from "./lines.ts";
import { has } from "./members.ts";
import { entryName } from "./names.ts";
import { describePci } from "./pci-spec.ts";
import { servedBy } from "./receivers.ts";
import { type IoRegionSpec, isIo, type RegionSpecs, sizeOf } from "./regions.ts";
import { hasResets } from "./state.ts";
import { describeTimers, timerSlots } from "./timer.ts";

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

/**
 * The phases of a reset that have to enter the script: all in one for a class without methods for phases. The reset
 * values of fields come with the first.
 */
function resetPhases(cls: DeviceClass): string[] {
  const values = hasResets(cls.layout);
  if (!["resetEnter", "resetHold", "resetExit"].some((name) => has(cls, name))) {
    return values || has(cls, "reset") ? ["all"] : [];
  }
  return [
    ...(values || has(cls, "resetEnter") ? ["enter"] : []),
    ...(has(cls, "resetHold") || has(cls, "reset") ? ["hold"] : []),
    ...(has(cls, "resetExit") ? ["exit"] : []),
  ];
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
    properties: describeProperties(spec.properties ?? {}, receives),
    "inherited-properties": Object.keys(parent?.spec.properties ?? {}).length,
    irqs: spec.irqs?.length ?? 0,
    inputs: describeLines(spec.inputs),
    outputs: describeLines(spec.outputs),
    clocks: (spec.clocks ?? []).map(entryName),
    "clock-outputs": spec.clockOutputs ?? [],
    regions: Object.keys(spec.regions ?? {}).map((key) => describeRegion(key, spec.regions!)),
    state: describeState(cls),
    timers: timerSlots(cls.layout).flatMap(describeTimers),
    reset: resetPhases(cls),
    ...(spec.pci ? { pci: describePci(cls, spec.pci) } : {}),
    ...(spec.deviceTree ? { "device-tree": describeDeviceTree(spec.deviceTree, cls) } : {}),
  });
}

/** What is wrong with the regions of a declaration, found when the script is loaded. */

import type { DeviceClass } from "./device.ts";
import { has } from "./members.ts";
import {
  type AliasRegionSpec,
  type IoRegionSpec,
  isIo,
  type RegionSpec,
  type RegionSpecs,
  sizeOf,
} from "./regions.ts";

import { isEventName } from "./trace.ts";

type Fail = (reason: string) => never;

const KINDS: readonly unknown[] = [undefined, "io", "ram", "rom", "container", "alias"];

/** Offsets of accesses have 32 bits, and so has the length of a view. */
const LARGEST = 2 ** 32;

/** QDEV_MAX_MMIO (include/hw/sysbus.h). */
const MOST_PLACED_BY_BOARD = 32;

const isOffset = (value: number) => Number.isSafeInteger(value) && value >= 0;

function checkSize(region: RegionSpec, size: number, fail: Fail): void {
  if (!Number.isSafeInteger(size) || size < 1) {
    fail(`a size of ${size} bytes makes no sense`);
  }
  if (size > LARGEST && isIo(region)) {
    fail(`${size} bytes of registers: 4 GiB at most`);
  }
  if (size > LARGEST && (region.kind === "ram" || region.kind === "rom")) {
    fail(`${size} bytes of memory: 4 GiB at most`);
  }
}

function checkIo(cls: DeviceClass, region: IoRegionSpec, fail: Fail): void {
  const { valid, handled, errorValue = 0 } = region;
  if ((valid?.min ?? 1) > (valid?.max ?? 8)) {
    fail("valid.min is larger than valid.max");
  }
  if ((handled?.min ?? 4) > (handled?.max ?? 4)) {
    fail("handled.min is larger than handled.max");
  }
  if (!isOffset(errorValue)) {
    fail(`errorValue: the guest cannot read ${errorValue}`);
  }
  for (const part of ["read", "write"] as const) {
    const name = region[part];
    if (name !== undefined && !has(cls, name)) {
      fail(`${part}: ${cls.name} has no method ${name}()`);
    }
  }
}

function checkTrace({ trace = {} }: IoRegionSpec, fail: Fail): void {
  if (trace === false) {
    return;
  }
  for (const name of [trace.read, trace.write]) {
    if (name !== undefined && !isEventName(name)) {
      fail(`trace: '${name}' is no name for a trace event`);
    }
  }
  if (trace.text !== undefined && typeof trace.text !== "function") {
    fail("trace: text is a function");
  }
}

function checkInside(key: string, specs: RegionSpecs, fail: Fail): void {
  const { inside, bar } = specs[key]!;
  if (inside === undefined) {
    return;
  }
  if (bar !== undefined) {
    fail("a region is either inside another or has a BAR");
  }
  const { region, at, priority = 0 } = inside;
  const outer = Object.hasOwn(specs, region) ? specs[region]! : fail(`inside: there is no region ${region}`);
  if (outer.kind === "alias") {
    fail(`inside: ${region} is an alias, which shows another region and nothing else`);
  }
  if (!isOffset(at)) {
    fail(`inside: offset ${at} makes no sense`);
  }
  if (at + sizeOf(specs, key) > sizeOf(specs, region)) {
    fail(`inside: it would not end in ${region}, which has ${sizeOf(specs, region)} bytes`);
  }
  if (!Number.isInteger(priority) || Math.abs(priority) > 0x7fffffff) {
    fail(`inside: ${priority} is no priority`);
  }
}

function checkAlias(region: AliasRegionSpec, specs: RegionSpecs, fail: Fail): void {
  const { of, offset = 0, size } = region;
  if (!Object.hasOwn(specs, of)) {
    fail(`of: there is no region ${of}`);
  }
  if (!isOffset(offset)) {
    fail(`an offset of ${offset} makes no sense`);
  }
  if (size !== undefined && offset + size > sizeOf(specs, of)) {
    fail(`it would not end in ${of}, which has ${sizeOf(specs, of)} bytes`);
  }
}

/** What the guest sees in a region of its own device: what is inside it, or what it is an alias of. */
function shownBy(specs: RegionSpecs, key: string): string[] {
  const spec = specs[key]!;
  const inside = Object.keys(specs).filter((other) => specs[other]!.inside?.region === key);
  return spec.kind === "alias" ? [...inside, spec.of] : inside;
}

/** A region that shows itself would have no end. */
function checkCycles(specs: RegionSpecs, fail: (key: string, reason: string) => never): void {
  const clear = new Set<string>();
  const visit = (key: string, path: readonly string[]): void => {
    if (path.includes(key)) {
      fail(key, `it shows itself: ${[...path.slice(path.indexOf(key)), key].join(", ")}`);
    }
    if (clear.has(key) || !Object.hasOwn(specs, key)) {
      return;
    }
    for (const next of shownBy(specs, key)) {
      visit(next, [...path, key]);
    }
    clear.add(key);
  };
  for (const key of Object.keys(specs)) {
    visit(key, []);
  }
}

/** Which of two would be seen is for the author to say. */
function checkOverlap(key: string, other: string, specs: RegionSpecs, fail: Fail): void {
  const a = specs[key]!.inside;
  const b = specs[other]!.inside;
  if (
    a === undefined ||
    b === undefined ||
    a.region !== b.region ||
    (a.priority ?? 0) !== (b.priority ?? 0)
  ) {
    return;
  }
  if (a.at < b.at + sizeOf(specs, other) && b.at < a.at + sizeOf(specs, key)) {
    fail(`inside: it overlaps ${other}, and neither has the higher priority`);
  }
}

function checkTogether(specs: RegionSpecs, fail: (key: string, reason: string) => never): void {
  const keys = Object.keys(specs);
  const memories = new Map<string, string>();
  for (const [index, key] of keys.entries()) {
    for (const other of keys.slice(0, index)) {
      checkOverlap(key, other, specs, (reason) => fail(key, reason));
    }
    const { kind, name = key } = specs[key]!;
    if (kind === "ram" || kind === "rom") {
      if (memories.has(name)) {
        fail(key, `its memory would migrate under the name of ${memories.get(name)}, ${name}`);
      }
      memories.set(name, key);
    }
  }
}

/** @throws DeclarationError by `fail` */
export function checkRegions(cls: DeviceClass, fail: Fail): void {
  const specs = cls.spec.regions ?? {};
  const failAt = (key: string, reason: string): never => fail(`region ${key}: ${reason}`);
  for (const [key, region] of Object.entries(specs)) {
    if (!KINDS.includes(region.kind)) {
      failAt(key, `there is no kind ${region.kind}`);
    }
  }
  checkCycles(specs, failAt);
  for (const [key, region] of Object.entries(specs)) {
    const failHere = (reason: string) => failAt(key, reason);
    if (region.kind === "alias") {
      checkAlias(region, specs, failHere);
    } else if (isIo(region)) {
      checkIo(cls, region, failHere);
      checkTrace(region, failHere);
    }
    checkSize(region, sizeOf(specs, key), failHere);
    checkInside(key, specs, failHere);
  }
  checkTogether(specs, failAt);
  const byBoard = Object.values(specs).filter(({ inside }) => inside === undefined).length;
  if (cls.base === "sys-bus-device" && byBoard > MOST_PLACED_BY_BOARD) {
    fail(`${byBoard} regions that the board places: ${MOST_PLACED_BY_BOARD} at most`);
  }
}

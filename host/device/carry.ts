/** State that goes on under new code: what the old code's fields hold, for the new code's. */

import type { Field } from "./fields.ts";
import {
  type HasViews,
  type Layout,
  type Slot,
  VIEWS,
  type ViewKind,
  type Views,
  viewKind,
} from "./state.ts";
import { isTimer, type TimerField } from "./timer.ts";

/** What a field held: a number, a bigint if it has 64 bits, a boolean; a list of those if it is an array; a struct. */
export type OldValue = number | bigint | boolean | readonly OldValue[] | OldState;

/**
 * The state as the old code left it, or a struct of it: values by the names of the old fields, which do not change any more.
 * Timers, which go on by themselves, are not among them.
 */
export interface OldState {
  readonly [field: string]: OldValue | undefined;
}

/** Bits of an integer, negative if it has a sign. */
const WIDTHS: Readonly<Partial<Record<Field["kind"], number>>> = {
  uint8: 8,
  uint16: 16,
  uint32: 32,
  uint64: 64,
  int8: -8,
  int16: -16,
  int32: -32,
  int64: -64,
};

/** Can a field of one kind hold whatever one of the other kind held? */
function holdsAll(kind: Field["kind"], other: Field["kind"]): boolean {
  if (kind === other) {
    return true;
  }
  const [to, from] = [WIDTHS[kind], WIDTHS[other]];
  if (to === undefined || from === undefined) {
    return false;
  }
  return to > 0 ? from > 0 && to >= from : -to > Math.abs(from) || (from < 0 && to <= from);
}

/** Words of 64 bits that timers take, if both go by the same clock; otherwise none. */
function commonWords(a: TimerField, b: TimerField): number {
  const alike =
    (a.timer.clock ?? "virtual") === (b.timer.clock ?? "virtual") &&
    (a.timer.periodic ?? false) === (b.timer.periodic ?? false) &&
    (a.timers === undefined) === (b.timers === undefined);
  return alike ? Math.min(Math.max(a.count, 1), Math.max(b.count, 1)) : 0;
}

/** How many elements of a field go over to one of the same name. */
function common(from: Field, to: Field): number {
  if (isTimer(from) || isTimer(to)) {
    return isTimer(from) && isTimer(to) ? commonWords(from, to) : 0;
  }
  const alike = from.count > 0 === to.count > 0 && holdsAll(to.kind, from.kind);
  return alike ? Math.min(Math.max(from.count, 1), Math.max(to.count, 1)) : 0;
}

const HAVE_NONE: readonly Field["kind"][] = ["unused", "clock"];

function copyValues(from: Slot, old: Views, to: Slot, views: Views, count: number): void {
  const [source, target]: ViewKind[] = [viewKind(from.field.kind), viewKind(to.field.kind)] as const;
  const first = (old.base + from.offset) / from.field.bytes;
  const place = (views.base + to.offset) / to.field.bytes;
  const wide = to.field.bytes === 8;
  for (let i = 0; i < count; i++) {
    const value = old[source!][first + i]!;
    views[target!][place + i] = wide ? BigInt(value) : value;
  }
}

const structsOf = (views: Views, name: string): HasViews[] =>
  [views.parts[name] as HasViews | readonly HasViews[]].flat();

/**
 * Copies what fields of one layout hold into those of another: of the same name and kind, or of integers of which the new
 * one holds all that the old one can. Arrays go as far as both have elements. All others keep what they have.
 */
export function carry(from: Layout, old: Views, to: Layout, views: Views): void {
  for (const slot of to.slots) {
    const source = from.slots.find(({ name }) => name === slot.name);
    if (source === undefined || HAVE_NONE.includes(slot.field.kind)) {
      continue;
    }
    const count = common(source.field, slot.field);
    if (slot.layout && source.layout) {
      const [ours, theirs] = [structsOf(views, slot.name), structsOf(old, slot.name)];
      for (let i = 0; i < count; i++) {
        carry(source.layout, theirs[i]![VIEWS], slot.layout, ours[i]![VIEWS]);
      }
    } else if (!slot.layout && !source.layout) {
      copyValues(source, old, slot, views, count);
    }
  }
}

function valueIn({ name, field, offset, layout }: Slot, views: Views): OldValue {
  if (layout) {
    const all = structsOf(views, name).map((struct) => snapshot(layout, struct[VIEWS]));
    return field.count > 0 ? Object.freeze(all) : all[0]!;
  }
  const view = views[viewKind(field.kind)];
  const first = (views.base + offset) / field.bytes;
  const plain = (value: number | bigint) => (field.kind === "bool" ? value !== 0 : value);
  return field.count > 0
    ? Object.freeze(Array.from({ length: field.count }, (_, i) => plain(view[first + i]!)))
    : plain(view[first]!);
}

/** What the fields hold, as values of their own. */
export function snapshot(layout: Layout, views: Views): OldState {
  const slots = layout.slots.filter(({ field }) => !isTimer(field) && !HAVE_NONE.includes(field.kind));
  return Object.freeze(Object.fromEntries(slots.map((slot) => [slot.name, valueIn(slot, views)])));
}

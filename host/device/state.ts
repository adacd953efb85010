import { StaleError } from "./errors.ts";
import type { Field, FieldKind, Fields, Plain } from "./fields.ts";
import { fromSource } from "./source.ts";
import { describeTimers, isTimer, NOT_PENDING, timerAccessor, timerSlots } from "./timer.ts";

/** Where a field lies. */
export interface Slot {
  readonly name: string;
  readonly field: Field;
  /** Bytes from the start of the state block, or of the struct. */
  readonly offset: number;
  /** Of a struct. */
  readonly layout?: Layout;
}

/** The state block of a device type, or a struct in it. */
export interface Layout {
  readonly slots: readonly Slot[];
  /** Bytes: a multiple of 8; of a struct, of its alignment. */
  readonly size: number;
  /** Bytes. */
  readonly align: number;
}

/** Views of one block, one for each element type; key of an instance's own property. */
export const VIEWS: unique symbol = Symbol("state views");

export interface Views {
  uint8: Uint8Array;
  int8: Int8Array;
  uint16: Uint16Array;
  int16: Int16Array;
  uint32: Uint32Array;
  int32: Int32Array;
  uint64: BigUint64Array;
  int64: BigInt64Array;
  /** Where the device's or struct's fields start, in bytes. */
  base: number;
  /** Typed arrays, structs, and arrays of structs, by the name of their field. */
  parts: Record<string, ArrayBufferView | HasViews | readonly HasViews[]>;
}

/** A device, or a struct of its state. */
export interface HasViews {
  [VIEWS]: Views;
}

const ceil = (value: number, step: number) => Math.ceil(value / step) * step;

/** Fields in the order of their declaration, each aligned to its size; unused space takes no memory. */
export function layOut(state: Fields, smallest = 8): Layout {
  let end = 0;
  let align = smallest;
  const slots = Object.entries(state).map(([name, field]) => {
    if (field.kind === "unused") {
      return { name, field, offset: 0 };
    }
    const layout = field.fields && layOut(field.fields, 1);
    const size = layout?.size ?? field.bytes;
    const step = layout?.align ?? field.bytes;
    const offset = ceil(end, step);
    end = offset + size * Math.max(field.count, 1);
    align = Math.max(align, step);
    return { name, field, offset, ...(layout && { layout }) };
  });
  return { slots, size: Math.max(ceil(end, align), smallest), align };
}

export type ViewKind = Exclude<keyof Views, "parts" | "base">;

/** The view that holds fields of a kind; structs have none. */
export function viewKind(kind: FieldKind): ViewKind {
  return kind === "bool" || kind === "unused" || kind === "struct" || kind === "clock" ? "uint8" : kind;
}

const CONSTRUCTORS = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  uint64: BigUint64Array,
  int64: BigInt64Array,
} as const;

/** What a device's accessors work on. Structs and arrays are made here, once, so that no access allocates. */
export function viewsOf(block: ArrayBuffer, layout: Layout): Views {
  const views = Object.entries(CONSTRUCTORS).map(([kind, View]) => [kind, new View(block)]);
  return partViews(Object.fromEntries(views) as Views, layout, 0);
}

/** The views of a device or struct at `base`, on the typed arrays of `whole`. */
function partViews(whole: Views, layout: Layout, base: number): Views {
  const views: Views = { ...whole, base, parts: {} };
  for (const slot of layout.slots) {
    const { name, field, offset } = slot;
    if (slot.layout) {
      views.parts[name] = structs(views, slot, slot.layout, base + offset);
    } else if (field.count > 0 && field.kind !== "unused") {
      const View = CONSTRUCTORS[viewKind(field.kind)];
      views.parts[name] = new View(views.uint8.buffer as ArrayBuffer, base + offset, field.count);
    }
  }
  return views;
}

function structs(whole: Views, { field }: Slot, layout: Layout, at: number): HasViews | readonly HasViews[] {
  const prototype = prototypeOf(layout);
  const make = (_: unknown, index: number): HasViews =>
    Object.create(prototype, {
      [VIEWS]: { value: partViews(whole, layout, at + index * layout.size), writable: true },
    });
  return field.count > 0 ? Object.freeze(Array.from({ length: field.count }, make)) : make(undefined, 0);
}

const prototypes = new WeakMap<Layout, object>();

/** The accessors of a struct; those of the elements of an array are the same. */
function prototypeOf(layout: Layout): object {
  let prototype = prototypes.get(layout);
  if (prototype === undefined) {
    prototype = {};
    defineAccessors(prototype, layout, true);
    prototypes.set(layout, prototype);
  }
  return prototype;
}

/**
 * In place of the views of a device that is gone: every use throws. Typed arrays over detached memory would read
 * `undefined` and swallow what is written.
 */
export function staleViews(what: string): Views {
  const refuse = () => {
    throw new StaleError(`${what} is gone: its state cannot be used any more`);
  };
  return new Proxy({} as Views, { get: refuse, set: refuse });
}

/** Makes every later use of the structs throw, also of those that a script kept. */
export function dropStructs(views: Views, what: string): void {
  for (const part of Object.values(views.parts).flat()) {
    if (VIEWS in part) {
      dropStructs(part[VIEWS], what);
      part[VIEWS] = staleViews(what);
    }
  }
}

/** Accessors for a class's prototype, or that of a struct: each compiles to one typed-array access. */
export function defineAccessors(prototype: object, layout: Layout, inStruct = false): void {
  for (const { name, field, offset } of layout.slots) {
    if (field.kind !== "unused" && field.kind !== "clock") {
      const property = isTimer(field) ? timerAccessor(name) : accessor(name, field, offset, inStruct);
      Object.defineProperty(prototype, name, property);
    }
  }
}

/**
 * Functions of its own for each field, with everything constant, so that the JIT sees one shape in each. A struct may be
 * an element of an array, and so adds where it starts.
 */
function accessor(name: string, field: Field, offset: number, inStruct: boolean): PropertyDescriptor {
  if (field.count > 0 || field.fields) {
    return descriptor(`get() { return this[VIEWS].parts[${JSON.stringify(name)}]; }`);
  }
  const place = inStruct ? `(v.base + ${offset}) >>> ${Math.log2(field.bytes)}` : `${offset / field.bytes}`;
  const element = `v.${viewKind(field.kind)}[${place}]`;
  const [read, write] =
    field.kind === "bool"
      ? [`${element} !== 0`, `${element} = value ? 1 : 0`]
      : [element, `${element} = value`];
  return descriptor(
    `get() { const v = this[VIEWS]; return ${read}; }, set(value) { const v = this[VIEWS]; ${write}; }`,
  );
}

function descriptor(accessors: string): PropertyDescriptor {
  return fromSource(`({ ${accessors} })`, { VIEWS }) as PropertyDescriptor;
}

/** The block as it is before the first reset, with no timer pending. */
export function initialState(layout: Layout): Uint8Array {
  const block = new Uint8Array(layout.size);
  const views = viewsOf(block.buffer, layout);
  resetFields(views, layout);
  for (const { offset } of timerSlots(layout).flatMap(describeTimers)) {
    views.uint64[offset / 8] = NOT_PENDING;
  }
  return block;
}

/** Does a reset change anything? */
export function hasResets(layout: Layout): boolean {
  return layout.slots.some((slot) => (slot.layout ? hasResets(slot.layout) : slot.field.reset !== undefined));
}

/** Gives each field that declares one its reset value. */
export function resetFields(views: Views, layout: Layout): void {
  for (const { name, field, offset, layout: inner } of layout.slots) {
    if (inner) {
      for (const struct of [views.parts[name] as HasViews | readonly HasViews[]].flat()) {
        resetFields(struct[VIEWS], inner);
      }
    } else if (field.reset !== undefined) {
      const values = Array.isArray(field.reset) ? (field.reset as readonly Plain[]) : [field.reset as Plain];
      resetField(views[viewKind(field.kind)], (views.base + offset) / field.bytes, values);
    }
  }
}

function resetField(view: Views[ViewKind], index: number, values: readonly Plain[]): void {
  for (const [i, value] of values.entries()) {
    if (view instanceof BigUint64Array || view instanceof BigInt64Array) {
      view[index + i] = BigInt(value);
    } else {
      view[index + i] = Number(value);
    }
  }
}

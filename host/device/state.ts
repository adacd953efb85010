import { StaleError } from "./errors.ts";
import type { Field, FieldKind } from "./fields.ts";
import { isTimer, timerAccessor } from "./timer.ts";

/** Where a field lies. */
export interface Slot {
  readonly name: string;
  readonly field: Field;
  /** Bytes from the start of the state block. */
  readonly offset: number;
}

/** The state block of a device type. */
export interface Layout {
  readonly slots: readonly Slot[];
  /** Bytes, a multiple of 8. */
  readonly size: number;
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
  /** Typed arrays of the array fields, by name. */
  arrays: Record<string, ArrayBufferView>;
}

export interface HasViews {
  [VIEWS]: Views;
}

/** Fields in the order of their declaration, each aligned to its size; unused space takes no memory. */
export function layOut(state: Record<string, Field>): Layout {
  let end = 0;
  const slots = Object.entries(state).map(([name, field]) => {
    if (field.kind === "unused") {
      return { name, field, offset: 0 };
    }
    const offset = Math.ceil(end / field.bytes) * field.bytes;
    end = offset + field.bytes * Math.max(field.count, 1);
    return { name, field, offset };
  });
  return { slots, size: Math.max(Math.ceil(end / 8) * 8, 8) };
}

type ViewKind = Exclude<keyof Views, "arrays">;

function viewKind(kind: FieldKind): ViewKind {
  return kind === "bool" || kind === "unused" ? "uint8" : kind;
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

export function viewsOf(block: ArrayBuffer, layout: Layout): Views {
  const arrays: Record<string, ArrayBufferView> = {};
  for (const { name, field, offset } of layout.slots) {
    if (field.count > 0 && field.kind !== "unused") {
      arrays[name] = new CONSTRUCTORS[viewKind(field.kind)](block, offset, field.count);
    }
  }
  const views = Object.entries(CONSTRUCTORS).map(([kind, View]) => [kind, new View(block)]);
  return { ...Object.fromEntries(views), arrays } as Views;
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

/** Accessors for a class's prototype: each compiles to one typed-array access. */
export function defineAccessors(prototype: object, layout: Layout): void {
  for (const { name, field, offset } of layout.slots) {
    if (field.kind !== "unused") {
      const property = isTimer(field) ? timerAccessor(name) : accessor(name, field, offset);
      Object.defineProperty(prototype, name, property);
    }
  }
}

function accessor(name: string, field: Field, offset: number): PropertyDescriptor & ThisType<HasViews> {
  const kind = viewKind(field.kind);
  const index = offset / field.bytes;
  if (field.count > 0) {
    return {
      get() {
        return this[VIEWS].arrays[name];
      },
    };
  }
  if (field.kind === "bool") {
    return {
      get() {
        return this[VIEWS].uint8[index] !== 0;
      },
      set(value: boolean) {
        this[VIEWS].uint8[index] = value ? 1 : 0;
      },
    };
  }
  // A function of its own for each field, with everything constant, so that the JIT sees one shape in each.
  const body = `return { get() { return this[VIEWS].${kind}[${index}]; }, set(v) { this[VIEWS].${kind}[${index}] = v; } };`;
  return new Function("VIEWS", body)(VIEWS) as PropertyDescriptor;
}

/** The block as it is before the first reset. */
export function initialState(layout: Layout): Uint8Array {
  const block = new Uint8Array(layout.size);
  resetFields(viewsOf(block.buffer, layout), layout);
  return block;
}

/** Gives each field that declares one its reset value. */
export function resetFields(views: Views, layout: Layout): void {
  for (const { field, offset } of layout.slots) {
    if (field.reset === undefined) {
      continue;
    }
    const view = views[viewKind(field.kind)];
    const index = offset / field.bytes;
    if (view instanceof BigUint64Array || view instanceof BigInt64Array) {
      view[index] = BigInt(field.reset);
    } else {
      view[index] = Number(field.reset);
    }
  }
}

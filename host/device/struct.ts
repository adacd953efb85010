/** Fields of the state that have fields. */

import { DeclarationError } from "./errors.ts";
import {
  checkCount,
  type Field,
  type Fields,
  type Plain,
  type SubsectionOptions,
  type ValueOf,
} from "./fields.ts";

type KeysOf<F, V> = {
  [K in keyof F]: [ValueOf<F[K]>] extends [never] ? never : ValueOf<F[K]> extends V ? K : never;
}[keyof F];

/** Fields as members of an object; arrays and structs are views of fixed memory and cannot be replaced. */
export type FieldsOf<F> = { -readonly [K in KeysOf<F, Plain>]: ValueOf<F[K]> } & {
  readonly [K in KeysOf<F, object>]: ValueOf<F[K]>;
};

/** A struct; as an array, so many of them. */
export interface Struct<F extends Fields> extends Field<FieldsOf<F>> {
  readonly fields: F;
  /** So many of them, `count`. @throws RangeError unless it is 1 or more */
  array(count: number): Field<readonly FieldsOf<F>[]>;
}

const declare = (fields: Fields, count: number) =>
  ({ is: "field", kind: "struct", bytes: 0, count, reset: undefined, fields }) as const;

/**
 * Several fields under one name: `this.fifo.head`; with `.array(4)`, `this.channels[2].count`. In the migration stream
 * the fields follow one another, as those of a struct of C's do.
 */
export function struct<const F extends Fields>(fields: F): Struct<F> {
  const array = (count: number) => {
    checkCount(count);
    return declare(fields, count) as Field<readonly FieldsOf<F>[]>;
  };
  return { ...(declare(fields, 0) as Field<FieldsOf<F>>), fields, array };
}

/**
 * A field that older versions of the section do not have. When one of those is loaded, the field stays as it is; see
 * the trait {@link PreLoad}.
 *
 * @param version of the first section that has it
 * @throws DeclarationError unless that is a whole number from 1 on
 */
export function since<V>(version: number, field: Field<V>): Field<V> {
  if (!Number.isInteger(version) || version < 1 || version > 0x7fffffff) {
    throw new DeclarationError(`since(${version}) is no version`);
  }
  return { ...field, since: version };
}

/**
 * Fields that migrate as a part of their own, and only if `needed` says so when the device is saved: what most guests
 * never use can so be added without a new version. Apart from that they are a struct of the state.
 */
export function subsection<const F extends Fields>(
  options: SubsectionOptions & { readonly state: F },
): Field<FieldsOf<F>> {
  const { state, ...rest } = options;
  return { ...(declare(state, 0) as Field<FieldsOf<F>>), subsection: rest };
}

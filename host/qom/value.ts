/** What a QEMU property can hold: lists are arrays, structs are objects, enumerations strings. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: Value };

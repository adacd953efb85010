/** The name of an entry of a declaration's list, which is no more than that or has it: a clock's, an interrupt line's. */
export const entryName = (entry: string | { readonly name: string }): string =>
  typeof entry === "string" ? entry : entry.name;

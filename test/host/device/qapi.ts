/** Just enough of a QAPI schema reader to check qapi/script.json against what the host sends. */

interface Member {
  readonly type: string;
  readonly isArray: boolean;
  readonly optional: boolean;
}

export interface Schema {
  readonly enums: ReadonlyMap<string, readonly string[]>;
  readonly structs: ReadonlyMap<string, ReadonlyMap<string, Member>>;
}

interface Definition {
  readonly enum?: string;
  readonly struct?: string;
  /** What users say and hear, whose parts are structs. */
  readonly command?: string;
  readonly event?: string;
  /** A struct whose members are this one's too. */
  readonly base?: string;
  readonly data?: readonly string[] | Readonly<Record<string, string | readonly [string]>>;
}

export function parseSchema(text: string): Schema {
  const code = text.replace(/#.*$/gm, "").replaceAll("'", '"').trim();
  const definitions = JSON.parse(`[${code.replace(/\}\s*\{/g, "},{")}]`) as Definition[];
  const enums = new Map<string, readonly string[]>();
  const structs = new Map<string, ReadonlyMap<string, Member>>();
  for (const { enum: enumName, struct, command, event, base, data = {} } of definitions) {
    if (enumName !== undefined) {
      enums.set(enumName, data as readonly string[]);
    } else if (struct !== undefined) {
      const own = Object.entries(data).map(([key, type]) => member(key, type));
      structs.set(struct, new Map([...(structs.get(base ?? "") ?? []), ...own]));
    } else if (command === undefined && event === undefined) {
      throw new SyntaxError("neither an enum nor a struct, a command or an event");
    }
  }
  return { enums, structs };
}

function member(key: string, type: string | readonly [string]): [string, Member] {
  const optional = key.startsWith("*");
  const isArray = typeof type !== "string";
  return [key.replace(/^\*/, ""), { type: isArray ? type[0] : type, isArray, optional }];
}

const INTEGERS: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int: [-(2n ** 63n), 2n ** 63n - 1n],
  uint8: [0n, 2n ** 8n - 1n],
  uint16: [0n, 2n ** 16n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

/** What about `value` does not fit a type of the schema; empty if all does. Adds the members it saw to `seen`. */
export function misfits(
  schema: Schema,
  type: string,
  value: unknown,
  seen: Set<string> = new Set(),
  path = type,
): string[] {
  const complain = (what: string) => [`${path}: ${JSON.stringify(value)} is no ${what}`];
  const words = schema.enums.get(type);
  if (words) {
    return words.includes(value as string) ? [] : complain(type);
  }
  const range = INTEGERS[type];
  if (range) {
    const fits = Number.isInteger(value) && BigInt(value as number) >= range[0];
    return fits && BigInt(value as number) <= range[1] ? [] : complain(type);
  }
  if (type === "str" || type === "bool") {
    return typeof value === (type === "str" ? "string" : "boolean") ? [] : complain(type);
  }
  const members = schema.structs.get(type);
  if (!members) {
    throw new RangeError(`${path}: the schema has no type ${type}`);
  }
  if (typeof value !== "object" || value === null) {
    return complain(type);
  }
  const given = new Map(Object.entries(value));
  const extra = [...given.keys()].filter((key) => !members.has(key)).map((key) => `${path}: extra ${key}`);
  return extra.concat(
    [...members].flatMap(([key, { type: inner, isArray, optional }]) => {
      if (!given.has(key)) {
        return optional ? [] : [`${path}: ${key} is missing`];
      }
      seen.add(`${type}.${key}`);
      const part = given.get(key);
      const place = `${path}.${key}`;
      if (!isArray) {
        return misfits(schema, inner, part, seen, place);
      }
      return Array.isArray(part)
        ? part.flatMap((item, index) => misfits(schema, inner, item, seen, `${place}[${index}]`))
        : [`${place}: no list`];
    }),
  );
}

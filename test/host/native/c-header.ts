/** Just enough of a C reader for qemu-patch/overlay/include/script/api.h and a few of QEMU's own headers. */

export interface Parameter {
  readonly type: string;
  readonly name: string;
}

export interface Prototype {
  readonly name: string;
  /** As in the header, on one line, without the semicolon. */
  readonly text: string;
  readonly returns: string;
  readonly parameters: readonly Parameter[];
}

export interface Member {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

export interface Struct {
  readonly members: readonly Member[];
  readonly size: number;
  readonly alignment: number;
}

export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, " ");
}

const oneLine = (text: string) => text.replace(/\s+/g, " ").trim();

/** `const char *text` as type `const char *` and name `text`. */
function declaration(text: string): Parameter {
  const match = /^(.*?)(\w+)$/.exec(text.trim());
  if (!match) {
    throw new SyntaxError(`not a declaration: ${text}`);
  }
  return { type: match[1]!.trim(), name: match[2]! };
}

/** Every function declared in the header. */
export function prototypes(header: string): Prototype[] {
  const code = withoutComments(header)
    .replace(/^#.*(\\\n.*)*$/gm, "")
    .replace(/\{[^}]*\}/g, "");
  return [...code.matchAll(/([\w\s*]+?)\(([^()]*)\)\s*;/g)].map(([whole, head, list]) => {
    const { type, name } = declaration(oneLine(head!));
    const parameters = oneLine(list!) === "void" ? [] : list!.split(",").map((p) => declaration(oneLine(p)));
    return { name, returns: type, parameters, text: oneLine(whole!).replace(/\s*;$/, "") };
  });
}

/** `#define NAME VALUE` where VALUE is a number or `1 << n`, by name. */
export function defines(header: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const [, name, text] of withoutComments(header).matchAll(/^#define (\w+)[ \t]+(.+)$/gm)) {
    const value = constant(text!);
    if (value !== undefined) {
      found.set(name!, value);
    }
  }
  return found;
}

function constant(text: string): number | undefined {
  const match = /^\(?\s*(\d+|0x[\da-f]+)u?l?(?:\s*<<\s*(\d+))?\s*\)?$/i.exec(text.trim());
  return match ? Number(match[1]) << Number(match[2] ?? 0) : undefined;
}

/** Enumerators of the enum that holds `member`, with their values. */
export function enumOf(header: string, member: string): Map<string, number> {
  const bodies = [...withoutComments(header).matchAll(/enum\s*\w*\s*\{([^}]*)\}/g)].map(([, body]) => body!);
  const body = bodies.find((text) => new RegExp(`\\b${member}\\b`).test(text)) ?? "";
  const values = new Map<string, number>();
  let next = 0;
  for (const item of body.split(",").map(oneLine).filter(Boolean)) {
    const [name, value] = item.split(/\s*=\s*/);
    next = value === undefined ? next : Number(value);
    values.set(name!, next++);
  }
  return values;
}

const BASIC = new Map<string, Pick<Struct, "size" | "alignment">>([
  ["uint8_t", { size: 1, alignment: 1 }],
  ["int32_t", { size: 4, alignment: 4 }],
  ["uint32_t", { size: 4, alignment: 4 }],
  ["uint64_t", { size: 8, alignment: 8 }],
  ["double", { size: 8, alignment: 8 }],
]);

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step;

/** Layouts of the header's structs, as the x86-64 and arm64 ABIs lay them out. */
export function structs(header: string): Map<string, Struct> {
  const sizes = defines(header);
  const found = new Map<string, Struct>();
  for (const [, body, name] of withoutComments(header).matchAll(
    /typedef struct \w+ \{([^}]*)\}\s*(\w+)\s*;/g,
  )) {
    let end = 0;
    let alignment = 1;
    const members: Member[] = [];
    for (const text of body!.split(";").map(oneLine).filter(Boolean)) {
      const match = /^(\w+) (\w+)(?:\[(\w+)\])?$/.exec(text);
      const type = match && (BASIC.get(match[1]!) ?? found.get(match[1]!));
      if (!match || !type) {
        throw new SyntaxError(`struct ${name}: cannot read \`${text}\``);
      }
      const length = match[3];
      const count = length === undefined ? 1 : (sizes.get(length) ?? Number(length));
      const offset = roundUp(end, type.alignment);
      members.push({ name: match[2]!, offset, size: type.size * count });
      end = offset + type.size * count;
      alignment = Math.max(alignment, type.alignment);
    }
    found.set(name!, { members, size: roundUp(end, alignment), alignment });
  }
  return found;
}

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { wordTable } from "../../../host/device/direct.ts";
import * as abi from "../../../host/native/abi.ts";
import { SYMBOLS } from "../../../host/native/symbols.ts";
import { defines, enumOf, type Prototype, prototypes, structs } from "./c-header.ts";

const ROOT = join(import.meta.dir, "../../..");
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

const header = read("qemu-patch/overlay/include/script/api.h");
const bindings = read("host/native/symbols.ts");

/** The types that bun:ffi must be told for a prototype. */
function ffiTypes({ returns, parameters }: Prototype): { args: string[]; returns: string } {
  const scalars: Record<string, string> = {
    uint32_t: "u32",
    int32_t: "i32",
    double: "f64",
    int64_t: "i64",
    uint64_t: "u64",
  };
  const args: string[] = [];
  for (const [index, { type }] of parameters.entries()) {
    const next = parameters[index + 1];
    if (/^(const )?void \*$/.test(type) && next?.type === "uint64_t" && next.name === "length") {
      args.push("buffer");
    } else if (type === "uint64_t" && args.at(-1) === "buffer") {
      args.push("buffer_length");
    } else {
      args.push(type === "const char *" ? "cstring" : type.endsWith("*") ? "ptr" : (scalars[type] ?? type));
    }
  }
  const result = returns === "void" ? "void" : returns.endsWith("*") ? "ptr" : (scalars[returns] ?? returns);
  return { args, returns: result };
}

/** The prototype in the comment over each binding, by name. */
function commentedPrototypes(source: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, comment, name] of source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(\w+): \{/g)) {
    found.set(name!, comment!.replace(/\s*\n\s*\*\s*/g, " ").trim());
  }
  return found;
}

describe("the functions of api.h", () => {
  const declared = prototypes(header);

  test("are found at all", () => {
    expect(declared.length).toBeGreaterThan(25);
    expect(declared[0]!.text).toBe("uint32_t script_abi(void)");
  });

  test("are all bound, once each, in the header's order, and nothing else is", () => {
    expect(Object.keys(SYMBOLS)).toEqual(declared.map(({ name }) => name));
  });

  const bound: Record<string, { readonly args: readonly string[]; readonly returns: string }> = SYMBOLS;
  const comments = commentedPrototypes(bindings);

  test.each(declared.map((prototype) => [prototype.name, prototype] as const))("%s", (name, prototype) => {
    const { args, returns } = bound[name]!;
    expect({ args: [...args], returns }).toEqual(ffiTypes(prototype));
    expect(comments.get(name)).toBe(prototype.text);
  });
});

const MASKS = { rw: 5, w1c: 6, w1s: 7, w0c: 8, wc: 9 };

/** Groups of constants that are `SCRIPT_` and this, in the header; all else is told apart below. */
const GROUPS = {
  RUN: "RUN_",
  KIND: "",
  STATUS: "",
  VALUE: "VALUE_",
  CAN: "CAN_",
  DIRECT: "DIRECT_",
  IRQ: "IRQ_",
} as const;
const LAYOUT = [
  "SHARED",
  "FRAME",
  "WORD_WORDS",
  "ROOMS_OFFSET",
  "STARVED_OFFSET",
  "BYTES_OFFSET",
  "SHARED_SIZE",
];
const FROM_QEMU = ["MEMTX", "LOG", "CHR_EVENT", "CLOCK", "TIOCM", "RESET_TYPE"];

test("every constant of api.h is a number that this test can read", () => {
  const names = [...header.matchAll(/^#define (SCRIPT_\w+)[ \t]+\S/gm)].map(([, name]) => name!);
  expect([...defines(header).keys()]).toEqual(names);
});

test("the constants of api.h are those of abi.ts, and no more", () => {
  const ours = new Map<string, number>();
  for (const [name, value] of Object.entries(abi)) {
    if (LAYOUT.includes(name) || FROM_QEMU.includes(name)) {
      continue;
    }
    if (typeof value === "number") {
      ours.set(`SCRIPT_${name}`, value);
      continue;
    }
    expect(Object.keys(GROUPS)).toContain(name);
    for (const [key, number] of Object.entries(value)) {
      ours.set(`SCRIPT_${GROUPS[name as keyof typeof GROUPS]}${key}`, number);
    }
  }
  expect([...ours].toSorted()).toEqual([...defines(header)].toSorted());
});

describe("the memory shared with C", () => {
  const layouts = structs(header);
  const frame = layouts.get("ScriptFrame")!;
  const shared = layouts.get("ScriptShared")!;
  const place = (name: string) => shared.members.find((member) => member.name === name)!;
  const camelCase = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

  /** Offsets in words of the members before `end`, but for reserved ones. */
  const words = (members: typeof frame.members, end = Number.POSITIVE_INFINITY) =>
    Object.fromEntries(
      members
        .filter(({ name, offset }) => name !== "reserved" && offset < end)
        .map(({ name, offset }) => [camelCase(name), offset / 4]),
    );

  test("a frame", () => {
    expect<Record<string, number>>({ ...abi.FRAME }).toEqual({
      ...words(frame.members),
      words: frame.size / 4,
    });
  });

  test("what C knows of a word of a region", () => {
    const { members, size } = layouts.get("ScriptWord")!;
    const served = ["how", "offset", "size", "shown", "rw", "w1c", "w1s", "w0c", "wc", "watched"];
    const names = [...served, "reader", "writer"];
    expect(members.map(({ name }) => name)).toEqual(names);
    expect(size).toBe(abi.WORD_WORDS * 4);
    const direct = { reads: true, writes: true, offset: 2, size: 3, shown: 4, masks: MASKS, watched: 10 };
    const table = [...wordTable([undefined, direct], [13, 11], [0, 12])];
    expect(table).toEqual([...Array(10).fill(0), 13, 0, 3, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  test("what comes before the frames", () => {
    const start = place("frames").offset;
    expect<Record<string, number>>({ ...abi.SHARED }).toEqual({
      ...words(shared.members, start),
      words: start / 4,
    });
  });

  test("what comes after them", () => {
    expect(place("frames").size).toBe(abi.MAX_FRAMES * abi.FRAME.words * 4);
    expect(abi.ROOMS_OFFSET).toBe(place("rooms").offset);
    expect(place("rooms").size).toBe(abi.MAX_ROOMS * 4);
    expect(abi.STARVED_OFFSET).toBe(place("starved").offset);
    expect(place("starved").size).toBe(abi.MAX_ROOMS);
    expect(abi.BYTES_OFFSET).toBe(place("bytes").offset);
    expect(place("bytes").size).toBe(abi.MAX_BYTES);
    expect(abi.SHARED_SIZE).toBe(shared.size);
  });

  test("pointers can be read as doubles", () => {
    expect((abi.SHARED.words + abi.FRAME.pointer) % 2).toBe(0);
    expect(abi.FRAME.words % 2).toBe(0);
  });
});

// A tree that is unpacked but not patched has the same headers.
const source = ["build/source", "build/tree"].map((dir) => join(ROOT, dir)).find((dir) => existsSync(dir));

describe.skipIf(source === undefined)("constants of QEMU's", () => {
  const qemu = (path: string) => readFileSync(join(source!, "include", path), "utf8");

  test.each([
    ["MEMTX", "exec/memattrs.h", abi.MEMTX],
    ["LOG", "qemu/log.h", abi.LOG],
    ["CHR_TIOCM", "chardev/char-serial.h", abi.TIOCM],
  ])("%s", (prefix, path, constants) => {
    const theirs = defines(qemu(path));
    for (const [key, value] of Object.entries(constants)) {
      expect([key, theirs.get(`${prefix}_${key}`)]).toEqual([key, value]);
    }
  });

  test.each([
    ["CHR_EVENT_", "chardev/char.h", abi.CHR_EVENT],
    ["QEMU_CLOCK_", "qemu/timer.h", abi.CLOCK],
    ["RESET_TYPE_", "hw/resettable.h", abi.RESET_TYPE],
  ])("%s", (prefix, path, constants) => {
    const first = `${prefix}${Object.keys(constants)[0]}`;
    const theirs = [...enumOf(qemu(path), first)].filter(([name]) => !name.endsWith("_MAX"));
    expect(theirs).toEqual(Object.entries(constants).map(([key, value]) => [`${prefix}${key}`, value]));
  });
});

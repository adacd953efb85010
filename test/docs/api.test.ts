/** docs/api is what the docstrings say now, and they say something about everything. */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { commentBefore, commentOnFile, paragraphs } from "../../scripts/docs/comment.ts";
import { readModules } from "../../scripts/docs/declarations.ts";
import { pages, undocumented } from "../../scripts/docs/pages.ts";
import { TEST_MS } from "../lib/limit.ts";
import { paths } from "../lib/program.ts";

setDefaultTimeout(TEST_MS);

const FOLDER = join(paths.root, "docs/api");
const modules = await readModules(paths.root);

test("everything that scripts can name has a docstring", () => {
  expect(undocumented(modules)).toEqual([]);
});

test("docs/api is up to date: if not, run `npm run docs`", () => {
  const committed = readdirSync(FOLDER).map((name) => [name, readFileSync(join(FOLDER, name), "utf8")]);
  expect(Object.fromEntries(committed)).toEqual(Object.fromEntries(pages(modules)));
});

test("the same docstrings give the same bytes", async () => {
  expect(pages(await readModules(paths.root))).toEqual(pages(modules));
});

test("every link leads somewhere", () => {
  const made = pages(modules);
  /** As GitHub makes them, which counts those of one name. */
  const headings = (page: string) => {
    const all = [...(made.get(page) ?? "").matchAll(/^## (\S+)$/gm)].map(([, name]) => name!.toLowerCase());
    return all.map((name, i) => {
      const before = all.slice(0, i).filter((other) => other === name).length;
      return before > 0 ? `${name}-${before}` : name;
    });
  };
  const broken = [...made].flatMap(([from, text]) =>
    [...text.matchAll(/\]\((?!\.\.)([^)#]+)(?:#([^)]+))?\)/g)]
      .filter(([, page, anchor]) => !made.has(page!) || (anchor && !headings(page!).includes(anchor)))
      .map(([link]) => `${from}: ${link}`),
  );
  expect(broken).toEqual([]);
});

describe("a docstring", () => {
  const link = (name: string) => (name === "Known" ? "[`Known`](known.md)" : undefined);
  const said = (text: string) => paragraphs(commentBefore(text)!, link);

  test("is the last comment before the declaration", () => {
    expect(said("/** One. */ /** Two. */ ")).toEqual(["Two."]);
    expect(commentBefore("/* none */ // none\n")).toBeUndefined();
  });

  test("of a file comes before the first declaration's own, or before an import", () => {
    expect(commentOnFile("/** File. */ /** One. */ ", false)?.text).toBe("File.");
    expect(commentOnFile("/** One. */ ", false)).toBeUndefined();
    expect(commentOnFile("/** File. */ ", true)?.text).toBe("File.");
    expect(commentOnFile("", true)).toBeUndefined();
  });

  test("keeps its paragraphs, and says what the tags say after them", () => {
    const lines = ["First,", "on.", "", "Second.", "", "@param a the a", "@throws Error", "if."];
    expect(said(`/**\n${lines.map((line) => ` * ${line}\n`).join("")} */`)).toEqual([
      "First,\non.",
      "Second.",
      "`a`: the a",
      "Throws Error\nif.",
    ]);
  });

  test("may have a tag at the end of a line", () => {
    expect(said("/** Tries. @returns whether it did */")).toEqual(["Tries.", "Returns whether it did"]);
    expect(said("/** Mail to a@b and @all. */")).toEqual(["Mail to a@b and @all."]);
  });

  test("links what has a place", () => {
    expect(said("/** {@link Known} and {@link other} */")).toEqual(["[`Known`](known.md) and `other`"]);
  });
});

test("what an interface has from one that is not exported is listed with it", () => {
  const items = modules.flatMap((module) => module.items);
  const register = items.find(({ name }) => name === "Register")!;
  expect(register.signature).toBe("interface Register<T>");
  expect(register.members.map(({ name }) => name)).toEqual(expect.arrayContaining(["at", "mode", "read"]));
});

test("what has no docstring is named", () => {
  const comment = { text: "An A.", tags: [] };
  const member = { name: "b", signatures: ["b(): void"], comment: undefined, members: [] };
  const two = {
    name: "A",
    signature: "class A",
    comment,
    members: [member, { ...member, name: "c", comment }],
  };
  const one = { ...two, name: "B", members: [member] };
  const bare = { ...one, name: "C", comment: undefined };
  const child = { ...two, name: "D", signature: "class D<T extends B> extends E<T>" };
  const parent = { ...two, name: "E", members: [{ ...member, comment }] };
  const items = [two, one, bare, child, parent];
  expect(undocumented([{ path: "a.ts", comment: undefined, items }])).toEqual(["A.b", "C", "C.b"]);
});

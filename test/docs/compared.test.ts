/** docs/compared.md: what it says about QEMU's Rust can be looked up where it says. */

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../lib/program.ts";

const PAGE = readFileSync(join(paths.root, "docs/compared.md"), "utf8");

/** The page's own abbreviations. */
function places(name: string): string[] {
  const full = name
    .replace(/^pl011\b/, "rust/hw/char/pl011/src")
    .replace(/^rust\.rst$/, "docs/devel/rust.rst");
  return [join(paths.source, full), join(paths.source, "rust/qemu-api/src", full), join(paths.root, full)];
}

const rows = PAGE.split("\n").filter((line) => line.startsWith("|"));

test("every row has four columns", () => {
  expect(rows.filter((row) => row.split("|").length !== 6)).toEqual([]);
});

const files = new Set(
  [...PAGE.matchAll(/`((?:[\w-]+\/)*[\w-]+\.(?:rs|c|h|rst|ts|build|txt)|pl011)`/g)].map(([, name]) => name!),
);

test.each([...files])("%s is there", (name) => {
  expect(places(name).some((place) => existsSync(place))).toBe(true);
});

describe("what is quoted of a file", () => {
  const quotes = [...PAGE.matchAll(/`([\w./-]+\.(?:rs|rst|txt))`: (?:"([^"]+)"|`(\w+)`(?:, `(\w+)`)?)/g)];
  const cases = quotes.flatMap(([, file, ...texts]) =>
    texts.filter((text) => text !== undefined).map((text) => [file!, text] as const),
  );

  test("is something", () => {
    expect(cases.length).toBeGreaterThan(8);
  });

  test.each(cases)("%s has %s", (file, text) => {
    const place = places(file).find((candidate) => existsSync(candidate))!;
    const source = readFileSync(place, "utf8").replace(/\s*\n\s*(?:\/\/\/ ?)?/g, " ");
    expect(source).toContain(text);
  });
});

/** Text of a file, or of all files in a folder. */
function sourceOf(name: string): string {
  const place = places(name).find((candidate) => existsSync(candidate))!;
  const all = statSync(place).isDirectory() ? readdirSync(place).map((file) => join(place, file)) : [place];
  return all.map((path) => readFileSync(path, "utf8")).join("");
}

describe("the lines are counted", () => {
  const cells = rows.flatMap((row) => row.split("|"));
  const counts = cells.flatMap((cell) => {
    const [, under, count, name] = /^ (under )?(\d+) \(`([^`]+)`\) $/.exec(cell) ?? [];
    return name === undefined ? [] : [{ name, count: Number(count), under: under !== undefined }];
  });
  const lines = (name: string, what: RegExp) => sourceOf(name).match(what)?.length ?? 0;

  test.each(counts)("of $name", ({ name, count, under }) => {
    const all = lines(name, /\n/g);
    if (under) {
      expect(all).toBeLessThan(count);
    } else {
      expect([all, lines(name, /.*unsafe.*\n/g)]).toContain(count);
    }
  });

  test("of more than one", () => {
    expect(counts.length).toBeGreaterThan(3);
  });
});

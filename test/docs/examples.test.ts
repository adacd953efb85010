/** Every example of the guides: type-checked as its reader's editor would, and run in QEMU. */

import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TEST_MS } from "../lib/limit.ts";
import { paths } from "../lib/program.ts";
import { fileOf, matches, type Page, readPage } from "./guide.ts";
import { endShells, play } from "./shell.ts";

setDefaultTimeout(TEST_MS);
afterEach(endShells);

/** Says what the reader's folder is like, and has the shell functions that all of them use. */
const guide = readPage("docs/device-guide.md");
const SETTINGS = "tsconfig.json";

/** A page that goes on from the guide. */
function readMore(name: string): Page {
  const page = readPage(name);
  return { ...page, shell: guide.shell + page.shell };
}

const GUIDES: readonly (readonly [string, Page])[] = [
  ["docs/device-guide.md", guide],
  ["docs/hot-reload.md", readMore("docs/hot-reload.md")],
];

describe.each(GUIDES)("%s", (_, page) => {
  /** A folder outside the project, as a reader has it. */
  const folder = mkdtempSync(join(tmpdir(), "qs-guide-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of [[SETTINGS, guide.files.get(SETTINGS)!] as const, ...page.files]) {
    writeFileSync(join(folder, name), text);
  }

  test("the examples pass the type checker", async () => {
    const compiler = Bun.spawn(
      [join(paths.root, "node_modules/.bin/tsc"), "-p", folder, "--pretty", "false"],
      { cwd: folder, stdout: "pipe", stderr: "inherit" },
    );
    const [output, status] = await Promise.all([compiler.stdout.text(), compiler.exited]);
    expect(output).toBe("");
    expect(status).toBe(0);
  });

  test("every example of code is a file that some command names", () => {
    const code = page.blocks.filter(({ language }) => language === "ts");
    const names = code.map((block) => fileOf(block) ?? block.text);
    const commands = page.sessions.flatMap(({ command, steps }) => [
      command,
      ...steps.map(({ typed }) => typed),
    ]);
    expect(names.filter((name) => !commands.some((command) => command.includes(name)))).toEqual([]);
  });

  // One after the other, as a reader goes: a session may leave a file for the next.
  describe("the sessions go as shown", () => {
    test.each(page.sessions.map((session) => [session.title, session] as const))("%s", async (_, session) => {
      expect(await play(session, page, folder)).toBeUndefined();
    });
  });
});

describe("dots in what is shown", () => {
  test("stand for part of a line", () => {
    expect(matches(["a ... c"], ["a b c"])).toBe(true);
    expect(matches(["a ... c"], ["a b d"])).toBe(false);
  });

  test("stand for lines", () => {
    expect(matches(["...", "b", "..."], ["a", "b"])).toBe(true);
    expect(matches(["...", "b"], ["a", "b", "c"])).toBe(false);
  });

  test("are the only freedom", () => {
    expect(matches(["a"], ["a", "b"])).toBe(false);
    expect(matches(["a.c"], ["abc"])).toBe(false);
    expect(matches([], [])).toBe(true);
  });
});

/** Every example of docs/device-guide.md: type-checked as its reader's editor would, and run in QEMU. */

import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TEST_MS } from "../lib/limit.ts";
import { paths } from "../lib/program.ts";
import { fileOf, matches, readPage } from "./guide.ts";
import { endShells, play } from "./shell.ts";

setDefaultTimeout(TEST_MS);
afterEach(endShells);

const page = readPage("docs/device-guide.md");

/** A folder outside the project, as a reader has it. */
const folder = mkdtempSync(join(tmpdir(), "qs-guide-"));
afterAll(() => rmSync(folder, { recursive: true }));
for (const [name, text] of page.files) {
  writeFileSync(join(folder, name), text);
}

test("the examples pass the type checker", async () => {
  const compiler = Bun.spawn([join(paths.root, "node_modules/.bin/tsc"), "-p", folder, "--pretty", "false"], {
    cwd: folder,
    stdout: "pipe",
    stderr: "inherit",
  });
  const [output, status] = await Promise.all([compiler.stdout.text(), compiler.exited]);
  expect(output).toBe("");
  expect(status).toBe(0);
});

test("every example of code is a file that some command names", () => {
  const code = page.blocks.filter(({ language }) => language === "ts");
  const names = code.map((block) => fileOf(block) ?? block.text);
  const commands = page.sessions.map(({ command }) => command).join("\n");
  expect(names.filter((name) => !commands.includes(name))).toEqual([]);
});

// One after the other, as a reader goes: a session may leave a file for the next.
describe("the sessions go as shown", () => {
  test.each(page.sessions.map((session) => [session.title, session] as const))("%s", async (_, session) => {
    expect(await play(session, page, folder)).toBeUndefined();
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

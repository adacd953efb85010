/** npm run demo:reload as a command, its transcript in README, and what it would not let pass. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { demonstrate } from "../../scripts/demo/demo.ts";
import { capitals, difference, reverse, save } from "../../scripts/demo/edit.ts";
import { BEGIN, Stream } from "../../scripts/demo/stream.ts";
import { Guest } from "../../scripts/lib/guest.ts";
import { readPage } from "../docs/guide.ts";
import { TEST_MS } from "../lib/limit.ts";
import { PL011, paths } from "../lib/program.ts";
import { endAll, folder, script } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

/** With a folder of its own for temporary files. */
function demo(...args: string[]) {
  const temporary = join(folder(), "tmp");
  mkdirSync(temporary);
  const child = Bun.spawn([process.execPath, join(paths.root, "scripts/demo-reload.ts"), ...args], {
    env: { ...process.env, TMPDIR: temporary },
    stdout: "pipe",
    stderr: "pipe",
  });
  return { child, left: () => readdirSync(temporary) };
}

/**
 * What a transcript is made of: when the new code comes, and so in which letter and perhaps in which line, and all
 * times differ from run to run.
 */
function parts(transcript: string): string {
  const kinds = transcript
    .trim()
    .split("\n")
    .map((line) => {
      const [, text, note] = /^line \d+: ([a-z ]*)( {3}<- .*)?$/i.exec(line) ?? [];
      if (text === undefined) {
        return line.replace(/\d+/g, "N");
      }
      return note ?? (text === text.toUpperCase() ? "capitals" : "no capitals");
    })
    .map((kind) => kind.replace(/\d+/g, "N"));
  return kinds
    .filter((kind, index) => kind !== kinds[index + 1])
    .join("\n")
    .replace(/(no )?capitals\n(?= {3}<-)/g, "");
}

describe("npm run demo:reload", () => {
  test("shows what README shows", async () => {
    const { child, left } = demo();
    const [shown, errors, status] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    expect(errors).toMatch(/\[step 1\/1\] booting Linux.* done in .*\n$/);
    const block = readPage("README.md").blocks.find(({ text }) => text.startsWith("$ npm run demo:reload\n"));
    expect(parts(shown)).toBe(parts(block!.text.replace(/^(\$|\[step) .*\n/gm, "")));
    expect(status).toBe(0);
    expect(left()).toEqual([]);
  });

  test("ends at once when it is interrupted, and leaves nothing", async () => {
    const { child, left } = demo();
    let errors = "";
    for await (const bytes of child.stderr) {
      errors += Buffer.from(bytes);
      if (errors.endsWith("serial port ...\n")) {
        child.kill("SIGINT");
      }
    }
    expect(errors).toEndWith("\ninterrupted\n");
    expect(await child.exited).toBe(130);
    expect(await child.stdout.text()).toBe("");
    expect(left()).toEqual([]);
  });

  test("--help", async () => {
    const { child } = demo("--help");
    expect(await child.stdout.text()).toStartWith("Usage: npm run demo:reload");
    expect(await child.exited).toBe(0);
  });

  test.each(["--nonsense", "more"])("%s is an error", async (argument) => {
    const { child } = demo(argument);
    expect(await child.stderr.text()).toMatch(/^error: .*\nnpm run demo:reload -- --help tells/);
    expect(await child.exited).toBe(1);
  });
});

describe("the stream", () => {
  /** What is wrong with a text, if something is. */
  function wrong(text: string, stream = new Stream()) {
    for (const char of text) {
      const problem = stream.take(char);
      if (problem !== undefined) {
        return problem;
      }
    }
    return undefined;
  }
  const LINE = "the quick brown fox jumps over the lazy dog\r\n";

  test("may be in capitals anywhere", () => {
    const stream = new Stream();
    expect(wrong(`line 1: ${LINE}LINE 2: the QUICK`, stream)).toBeUndefined();
    expect([stream.line, stream.column, stream.count, stream.capitals]).toEqual([2, 17, 70, true]);
    expect(wrong(" b", stream)).toBeUndefined();
    expect(stream.capitals).toBeFalse();
  });

  test.each([
    ["line 1: the quik", 'line 1 of the stream, column 16: "k" came in place of "c"'],
    ["line 1: the  quick", 'line 1 of the stream, column 13: " " came in place of "q"'],
    [`line 1: ${LINE}line 1`, 'line 2 of the stream, column 6: "1" came in place of "2"'],
    [`line 1: ${LINE}line 3`, 'line 2 of the stream, column 6: "3" came in place of "2"'],
    ["line 1: the quick br\x7fown", 'line 1 of the stream, column 21: "\x7f" came in place of "o"'],
  ])("without a character, or with another, is wrong: %j", (text, problem) => {
    expect(wrong(text)).toBe(problem);
  });
});

describe("it fails", () => {
  /** On a stand-in for the guest, which prints this. */
  async function failure(text: string): Promise<string> {
    await using guest = Guest.spawn("sh", ["-c", 'printf %b "$0"; read end', `${BEGIN}${text}`]);
    const shown: string[] = [];
    const failed = demonstrate(guest, script(readFileSync(PL011, "utf8")), (piece) => shown.push(piece));
    return await failed.then(
      () => "",
      (error: Error) => error.message,
    );
  }
  const lines = (first: number, last: number) =>
    Array.from(
      { length: last - first + 1 },
      (_, i) => `line ${first + i}: the quick brown fox jumps over the lazy dog\r\n`,
    ).join("");

  test("if a character is lost", async () => {
    expect(await failure(`${lines(1, 1)}line 2: the qick`)).toStartWith(
      'line 2 of the stream, column 14: "i" came in place of "u"',
    );
  });

  test("if capitals come by themselves", async () => {
    expect(await failure("line 1: tHE")).toStartWith("a letter changed its case by itself");
  });

  test("if they go by themselves", async () => {
    const text = `${lines(1, 2)}line 3: the quick brown FOX`;
    expect(await failure(`${text} jumps`)).toStartWith("a letter changed its case by itself");
  });
});

test("the edit is one line, and is taken back to the byte", () => {
  const before = readFileSync(PL011, "utf8");
  const path = script(before);
  const edit = capitals(path);
  const line = before.split("\n").findIndex((text) => text.includes("const byte = value & 0xff;")) + 1;
  expect(difference(edit)).toBe(
    `@@ -${line} +${line} @@\n-    ${edit.from}\n+    const byte = String.fromCharCode(value & 0xff).toUpperCase().charCodeAt(0);`,
  );
  save(edit);
  expect(() => capitals(path)).toThrow(`${path} has no line "const byte = value & 0xff;"`);
  save(reverse(edit));
  expect(readFileSync(path, "utf8")).toBe(before);
});

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PrivateApt } from "../../scripts/lib/apt.ts";
import { StepProgress } from "../../scripts/lib/progress.ts";
import { checkVersion, fetchSource, sourceOrigin } from "../../scripts/lib/qemu-source.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "qemu-source-"));
});
afterAll(() => rmSync(root, { recursive: true }));

describe("the version", () => {
  test.each(["10.0.0", "10.0.2\n", "10.0.13"])("%j is accepted", (text) => {
    expect(checkVersion(text, "it")).toBe(text.trim());
  });

  // 10.0.50 and up: 10.1 while it was developed.
  test.each(["9.2.4", "10.1.0", "10.0.50", "10.0.92", "10.0", "110.0.1", ""])("%j is refused", (text) => {
    expect(() => checkVersion(text, "QEMU_SRC=/q")).toThrow(
      /QEMU_SRC=\/q is QEMU .*; the patches are for QEMU 10\.0\.x/,
    );
  });
});

describe("QEMU_SRC", () => {
  test("unset or empty means Debian's source package", async () => {
    expect((await sourceOrigin({})).kind).toBe("debian");
    expect((await sourceOrigin({ QEMU_SRC: "" })).kind).toBe("debian");
  });

  test("must be a directory that holds a QEMU 10.0.x", async () => {
    await expect(sourceOrigin({ QEMU_SRC: join(root, "none") })).rejects.toThrow(
      "there is no such directory",
    );
    await expect(sourceOrigin({ QEMU_SRC: root })).rejects.toThrow("it has no VERSION file");
    const other = userTree("other", "10.2.0\n");
    await expect(sourceOrigin({ QEMU_SRC: other })).rejects.toThrow("is QEMU 10.2.0; the patches are for");
  });

  test("an edit in it changes its key; git's and a build's files do not", async () => {
    const tree = userTree("edited", "10.0.3\n");
    const key = async (): Promise<string> => (await sourceOrigin({ QEMU_SRC: tree })).key;
    const before = await key();
    mkdirSync(join(tree, "build"));
    writeFileSync(join(tree, "build", "x.o"), "");
    expect(await key()).toBe(before);
    writeFileSync(join(tree, "main.c"), "int main(void);\n// more\n");
    expect(await key()).not.toBe(before);
  });

  test("is copied, with times; an edit reaches the copy as a newer file; the user's tree is not written", async () => {
    const tree = userTree("copied", "10.0.3\n");
    const old = new Date("2020-01-01T00:00:00Z");
    for (const file of ["main.c", "VERSION"]) utimesSync(join(tree, file), old, old);
    const copy = join(root, "copy");
    await fetch(tree, copy);
    expect(statSync(join(copy, "main.c")).mtimeMs).toBe(old.getTime());
    writeFileSync(join(tree, "main.c"), "int changed;\n");
    utimesSync(join(tree, "main.c"), old, old);
    await fetch(tree, copy);
    expect(readFileSync(join(copy, "main.c"), "utf8")).toBe("int changed;\n");
    expect(statSync(join(copy, "main.c")).mtimeMs).toBeGreaterThan(old.getTime());
    expect(statSync(join(copy, "VERSION")).mtimeMs).toBe(old.getTime());
    expect(statSync(join(tree, "main.c")).mtimeMs).toBe(old.getTime());
  });
});

async function fetch(tree: string, to: string): Promise<void> {
  const log = join(root, "log");
  writeFileSync(log, "");
  const progress = new StepProgress(1, 1, "copying", { write: () => {} });
  await fetchSource(await sourceOrigin({ QEMU_SRC: tree }), to, new PrivateApt(root), { log, progress });
}

function userTree(name: string, version: string): string {
  const tree = join(root, name);
  mkdirSync(tree);
  writeFileSync(join(tree, "VERSION"), version);
  writeFileSync(join(tree, "main.c"), "int main(void);\n");
  return tree;
}

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { patchedFiles, patchTree, treeIsCurrent } from "../../scripts/lib/patches.ts";
import { Stamps } from "../../scripts/lib/stamps.ts";
import { syncTree } from "../../scripts/lib/sync.ts";

const OLD = new Date("2020-01-01T00:00:00Z");

let root: string;
let inputs: { source: string; sourceKey: string; patches: string };
let stamps: Stamps;
let tree: string;
let log: string;

beforeEach(() => {
  // Inside a repository, as build/ is: git apply must not take its rules into account.
  root = mkdtempSync(join(tmpdir(), "patches-"));
  put("repo/.git/HEAD", "ref: refs/heads/main\n");
  for (const directory of ["objects", "refs"]) mkdirSync(join(root, "repo/.git", directory));
  put("repo/.gitignore", "build/\n");
  put("repo/build/source/one.c", "int one;\nint two;\nint three;\n");
  put("repo/build/source/hw/two.c", "int x;\n");
  put("repo/build/source/scripts/tool", "#!/bin/sh\n");
  chmodSync(join(root, "repo/build/source/scripts/tool"), 0o755);
  symlinkSync("one.c", join(root, "repo/build/source/link.c"));
  put(
    "repo/qemu-patch/patches/0001-two.patch",
    change("one.c", "int two;", "int second;", [1, "int one;", "int three;"]),
  );
  put("repo/qemu-patch/overlay/script/new.c", "new\n");
  inputs = {
    source: join(root, "repo/build/source"),
    sourceKey: "A",
    patches: join(root, "repo/qemu-patch"),
  };
  stamps = new Stamps(join(root, "repo/build/stamps"));
  tree = join(root, "repo/build/tree");
  log = join(root, "log");
  writeFileSync(log, "");
});

afterEach(() => rmSync(root, { recursive: true }));

describe("build/tree", () => {
  test("is the pristine tree with patches and overlay", async () => {
    expect(treeIsCurrent(inputs, tree, stamps)).toBeFalse();
    await apply();
    expect(read("one.c")).toBe("int one;\nint second;\nint three;\n");
    expect(read("script/new.c")).toBe("new\n");
    expect(statSync(join(tree, "scripts/tool")).mode & 0o111).toBe(0o111);
    expect(readlinkSync(join(tree, "link.c"))).toBe("one.c");
    expect(readFileSync(join(inputs.source, "one.c"), "utf8")).toContain("int two;");
    expect(treeIsCurrent(inputs, tree, stamps)).toBeTrue();
    expect(await apply()).toEqual([]);
  });

  test("a touched but equal input changes no file", async () => {
    await apply();
    age();
    utimesSync(join(inputs.patches, "patches/0001-two.patch"), OLD, OLD);
    utimesSync(join(inputs.patches, "overlay/script/new.c"), OLD, OLD);
    expect(treeIsCurrent(inputs, tree, stamps)).toBeFalse();
    expect(await apply()).toEqual([]);
    expect(times()).toEqual([OLD.getTime(), OLD.getTime(), OLD.getTime()]);
  });

  test("a new patch changes its files only; without it they are pristine again, and newer", async () => {
    await apply();
    age();
    const before = Date.now() - 1000;
    const second = "repo/qemu-patch/patches/0002-x.patch";
    put(second, change("hw/two.c", "int x;", "int y;", [1]));
    expect(await apply()).toEqual(["hw/two.c"]);
    expect(read("hw/two.c")).toBe("int y;\n");
    expect(times().slice(0, 2)).toEqual([OLD.getTime(), OLD.getTime()]);
    rmSync(join(root, second));
    expect(await apply()).toEqual(["hw/two.c"]);
    expect(read("hw/two.c")).toBe("int x;\n");
    expect(statSync(join(tree, "hw/two.c")).mtimeMs).toBeGreaterThan(before);
  });

  test("patches build on each other in the order of their names", async () => {
    put(
      "repo/qemu-patch/patches/0002-again.patch",
      change("one.c", "int second;", "int 2nd;", [1, "int one;", "int three;"]),
    );
    await apply();
    expect(read("one.c")).toBe("int one;\nint 2nd;\nint three;\n");
  });

  test("a patch may add and remove files", async () => {
    put(
      "repo/qemu-patch/patches/0002-add.patch",
      "--- /dev/null\n+++ b/added.c\n@@ -0,0 +1 @@\n+int a;\n--- a/hw/two.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-int x;\n",
    );
    await apply();
    expect(read("added.c")).toBe("int a;\n");
    expect(existsSync(join(tree, "hw/two.c"))).toBeFalse();
    rmSync(join(root, "repo/qemu-patch/patches/0002-add.patch"));
    expect((await apply()).sort()).toEqual(["added.c", "hw/two.c"]);
    expect(existsSync(join(tree, "added.c"))).toBeFalse();
    expect(read("hw/two.c")).toBe("int x;\n");
  });

  test("an overlay file that goes away goes away", async () => {
    await apply();
    rmSync(join(root, "repo/qemu-patch/overlay/script/new.c"));
    expect(await apply()).toEqual(["script/new.c"]);
    expect(existsSync(join(tree, "script/new.c"))).toBeFalse();
  });

  test("a patch that does not apply is named with git's reason, and the tree stays", async () => {
    await apply();
    put("repo/qemu-patch/patches/0002-bad.patch", change("one.c", "int nothing;", "int z;", [2]));
    await expect(apply()).rejects.toThrow(/0002-bad\.patch does not apply:\n {2}error: patch failed: one\.c/);
    expect(read("one.c")).toContain("int second;");
    expect(treeIsCurrent(inputs, tree, stamps)).toBeFalse();
  });

  test("another source: equal files keep their times, others get new ones, the rest goes", async () => {
    await apply();
    age();
    put("repo/build/source/hw/two.c", "int other;\n");
    utimesSync(join(inputs.source, "hw/two.c"), OLD, OLD);
    rmSync(join(inputs.source, "scripts/tool"));
    put("repo/build/tree/hw/__pycache__/cache.pyc", "python's");
    inputs = { ...inputs, sourceKey: "B" };
    expect((await apply()).sort()).toEqual(["hw/two.c", "scripts/tool"]);
    expect(times().slice(0, 2)).toEqual([OLD.getTime(), OLD.getTime()]);
    expect(statSync(join(tree, "hw/two.c")).mtimeMs).toBeGreaterThan(OLD.getTime());
    expect(existsSync(join(tree, "hw/__pycache__/cache.pyc"))).toBeTrue();
  });
});

describe("an interrupted run", () => {
  test("before the copy is complete leaves no tree", async () => {
    put("repo/build/tree.tmp/one.c", "half");
    await apply();
    expect(read("one.c")).toContain("int second;");
    expect(existsSync(`${tree}.tmp`)).toBeFalse();
  });

  test("between the copy and the patches is finished by the next", async () => {
    await apply();
    stamps.remove("tree");
    put("repo/build/tree/one.c", "half written");
    put("repo/build/tree/stray.c", "of a patch that is gone");
    expect((await apply()).sort()).toEqual(["one.c", "stray.c"]);
    expect(read("one.c")).toContain("int second;");
  });

  test("while files of a new patch are written is undone when that patch goes", async () => {
    await apply();
    const stamp: unknown = JSON.parse(stamps.read("tree") ?? "");
    stamps.write(
      "tree",
      JSON.stringify({ ...(stamp as object), key: "", touched: ["one.c", "script/new.c", "hw/two.c"] }),
    );
    put("repo/build/tree/hw/two.c", "int of_the_lost_patch;\n");
    expect(await apply()).toEqual(["hw/two.c"]);
    expect(read("hw/two.c")).toBe("int x;\n");
  });
});

test("a file may become a directory and a link a file", async () => {
  put("from/a/b.c", "deep\n");
  put("from/l", "file\n");
  put("to/a", "file\n");
  symlinkSync("a", join(root, "to/l"));
  expect((await syncTree(join(root, "from"), join(root, "to"), new Map())).sort()).toContain("a/b.c");
  expect(readFileSync(join(root, "to/a/b.c"), "utf8")).toBe("deep\n");
  expect(readFileSync(join(root, "to/l"), "utf8")).toBe("file\n");
});

test("paths named by a patch: changed, added, removed, renamed", () => {
  const patch = [
    "--- a/hw/x.c\t2020-01-01",
    "+++ b/hw/x.c",
    "--- /dev/null",
    "+++ b/new.c",
    "rename from old.c",
    "rename to moved.c",
    "--- a/../outside",
  ].join("\n");
  expect(patchedFiles(patch)).toEqual(["hw/x.c", "new.c", "old.c", "moved.c"]);
});

function apply(): Promise<string[]> {
  return patchTree(inputs, tree, stamps, log);
}

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function read(path: string): string {
  return readFileSync(join(tree, path), "utf8");
}

const FILES = ["one.c", "script/new.c", "hw/two.c"];

/** Makes the tree's files old, as they are long after a build. */
function age(): void {
  for (const file of FILES) utimesSync(join(tree, file), OLD, OLD);
}

function times(): number[] {
  return FILES.map((file) => statSync(join(tree, file)).mtimeMs);
}

/** A patch of one line; `around` is the hunk's first line, then the context before and after. */
function change(
  file: string,
  from: string,
  to: string,
  around: [at: number, before?: string, after?: string],
): string {
  const [at, before, after] = around;
  const context = (line: string | undefined): string[] => (line === undefined ? [] : [` ${line}`]);
  const body = [...context(before), `-${from}`, `+${to}`, ...context(after)];
  const count = body.length - 1;
  const flags = [`--- a/${file}`, `+++ b/${file}`, `@@ -${at},${count} +${at},${count} @@`];
  return `Why it is needed\n\n${[...flags, ...body].join("\n")}\n`;
}

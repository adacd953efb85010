import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Subprocess, spawn } from "bun";
import { ToolFailed } from "../../scripts/lib/errors.ts";
import { withLock } from "../../scripts/lib/lock.ts";
import { run } from "../../scripts/lib/process.ts";

const LIB = join(import.meta.dir, "..", "..", "scripts", "lib");

let root: string;
let log: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "process-"));
  log = join(root, "log");
  writeFileSync(log, "");
});
afterAll(() => rmSync(root, { recursive: true }));

describe("run", () => {
  test("fails with the tool's last 40 lines and keeps all in the log", async () => {
    const failing = run("sh", ["-c", "seq 1 50; echo oops >&2; exit 3"], { what: "counting", log });
    const error = await failing.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ToolFailed);
    if (!(error instanceof ToolFailed)) return;
    expect(error.message).toBe("counting failed (status 3)");
    expect(error.tail).toHaveLength(40);
    expect(readFileSync(log, "utf8")).toContain("\n1\n2\n");
  });

  test("hands on lines, also of a meter that draws over itself", async () => {
    const lines: string[] = [];
    await run("printf", ["a\\rb\\r\\nc"], { what: "printing", log, onLine: (line) => void lines.push(line) });
    expect(lines).toEqual(["a", "b", "c"]);
  });
});

test("a tool that is aborted ends, with all it started", async () => {
  const overdue = new AbortController();
  // Ends only when nobody has its standard output open any more.
  const running = run("sh", ["-c", "echo ready; sleep 1000 & sleep 1000"], {
    what: "sleeping",
    log,
    abort: overdue.signal,
    onLine: () => overdue.abort(),
  });
  await expect(running).rejects.toThrow("sleeping failed (signal SIGKILL)");
});

describe("the lock", () => {
  test("keeps a second one out until the first is done", async () => {
    const path = join(root, "lock");
    const order: string[] = [];
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let entered = (): void => {};
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const first = withLock(path, fail, async () => {
      entered();
      await gate;
      order.push("first");
    });
    await inside;
    const waited = (): void => {
      order.push("waiting");
      release();
    };
    await withLock(path, waited, async () => void order.push("second"));
    await first;
    expect(order).toEqual(["waiting", "first", "second"]);
  });

  test("outlives a killed script while a tool of it still works", async () => {
    const path = join(root, "lock2");
    const script = writeScript(`
      import { withLock } from "${LIB}/lock.ts";
      import { run } from "${LIB}/process.ts";
      const onLine = (line: string) => console.log(line);
      await withLock("${path}", () => {}, () =>
        run("sh", ["-c", "echo $$; while ! test -e ${root}/go; do sleep 0.02; done"], { what: "x", log: "${log}", onLine }));
    `);
    const child = spawn([process.execPath, script], { stdout: "pipe", stderr: "inherit" });
    expect(await firstLine(child)).toMatch(/^\d+$/);
    child.kill("SIGKILL");
    await child.exited;
    let waited = false;
    const onWait = (): void => {
      waited = true;
      writeFileSync(join(root, "go"), "");
    };
    await withLock(path, onWait, async () => {});
    expect(waited).toBeTrue();
  });
});

test("an interrupt ends the tools, and the script with status 130", async () => {
  const marker = join(root, "ended");
  const script = writeScript(`
    import { runMain } from "${LIB}/cli.ts";
    import { run } from "${LIB}/process.ts";
    await runMain(async () => {
      const onLine = (line: string) => console.log(line);
      const tool = "trap 'echo > ${marker}; exit 1' TERM; echo up; while :; do sleep 0.02; done";
      await run("sh", ["-c", tool], { what: "x", log: "${log}", onLine });
      return 0;
    });
  `);
  const child = spawn([process.execPath, script], { stdout: "pipe", stderr: "pipe" });
  expect(await firstLine(child)).toBe("up");
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(existsSync(marker)).toBeTrue();
  expect(await new Response(child.stderr).text()).toContain("interrupted");
});

function fail(): never {
  throw new Error("nobody else has the lock");
}

let scripts = 0;

function writeScript(text: string): string {
  scripts += 1;
  const path = join(root, `script${scripts}.ts`);
  writeFileSync(path, text);
  return path;
}

async function firstLine(child: Subprocess<"ignore", "pipe", "pipe" | "inherit">): Promise<string> {
  let text = "";
  const reader = child.stdout.getReader();
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  return text.slice(0, text.indexOf("\n"));
}

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";

setDefaultTimeout(30_000);

const FIXTURE = join(import.meta.dir, "../../fixtures/allocation.ts");

/**
 * The collector runs when some MB were allocated, and BUN_JSC_logGC makes it say so. 10 million accesses of which each
 * allocated only one cell of 16 bytes would make it run 20 times. That bigints do shows that the test would notice.
 */
test("accesses to fields of up to 32 bits allocate nothing, in structs and arrays of them neither, nor do trace events", async () => {
  const child = Bun.spawn([process.execPath, FIXTURE], {
    env: { ...process.env, BUN_JSC_logGC: "1" },
    stdout: "ignore",
    stderr: "pipe",
  });
  const [text, status] = await Promise.all([child.stderr.text(), child.exited]);
  expect(status).toBe(0);
  const [, narrow, wide] = /begin 32\n(.*)begin 64\n(.*)end\n/s.exec(text)!;
  const collections = (part: string) => part.split("GC END!").length - 1;
  expect(collections(narrow!)).toBe(0);
  expect(collections(wide!)).toBeGreaterThan(5);
});

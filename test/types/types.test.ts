import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { TEST_MS } from "../lib/limit.ts";

setDefaultTimeout(TEST_MS);

/** The files here are tests by what the compiler says to them: an expectation that is not met is an error. */
test("the declarations mean to the compiler what they should", async () => {
  const root = join(import.meta.dir, "../..");
  const compiler = Bun.spawn(["node_modules/.bin/tsc", "-p", ".", "--pretty", "false"], {
    cwd: root,
    stdout: "pipe",
    stderr: "inherit",
  });
  const [output, status] = await Promise.all([compiler.stdout.text(), compiler.exited]);
  // Other files are the business of `npm run check`; a status above 2 is a compiler that did not run.
  expect(status).toBeLessThanOrEqual(2);
  expect(output.split("\n").filter((line) => line.startsWith("test/types/"))).toEqual([]);
});

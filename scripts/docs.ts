/** npm run docs: writes docs/api from the docstrings of what host/index.ts exports. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readModules } from "./docs/declarations.ts";
import { pages, undocumented } from "./docs/pages.ts";
import { runMain } from "./lib/cli.ts";
import { paths, shown } from "./lib/paths.ts";

await runMain(async () => {
  const modules = await readModules(paths.root);
  const missing = undocumented(modules);
  if (missing.length > 0) {
    console.error(`no docstring: ${missing.join(", ")}`);
    return 1;
  }
  const folder = join(paths.root, "docs/api");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of pages(modules)) {
    writeFileSync(join(folder, name), text);
  }
  console.log(`${shown(folder)} is up to date`);
  return 0;
});

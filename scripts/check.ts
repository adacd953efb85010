/** npm run check: types, lint and format. All run, also when one fails. */
import { $ } from "zx";
import { runMain } from "./lib/cli.ts";
import { paths } from "./lib/paths.ts";
import { throwIfInterrupted, tracked } from "./lib/process.ts";

const CHECKS = [
  { name: "types", command: ["tsc", "-p", "."] },
  { name: "lint and format", command: ["biome", "check", "--error-on-warnings", "."] },
] as const;

await runMain(async () => {
  const failed: string[] = [];
  for (const { name, command } of CHECKS) {
    const [program, ...args] = command;
    const path = `${paths.root}/node_modules/.bin/${program}`;
    const child = $({ cwd: paths.root, quiet: true, nothrow: true, stdio: "inherit" })`exec ${path} ${args}`;
    const { exitCode } = await tracked(child);
    throwIfInterrupted();
    if (exitCode !== 0) failed.push(name);
  }
  console.log(failed.length === 0 ? "all checks passed" : `failed: ${failed.join(", ")}`);
  return failed.length === 0 ? 0 : 1;
});

/** npm test: sets up what the tests need, runs them all in bun test, and ends with one line that counts them. */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { $ } from "zx";
import { runMain, say } from "./lib/cli.ts";
import { paths } from "./lib/paths.ts";
import { prepare } from "./lib/prepare.ts";
import { signalStatus, throwIfInterrupted, tracked } from "./lib/process.ts";
import { countLine, readCounts } from "./lib/test-report.ts";

const HELP = `Usage: npm test [-- ARGUMENTS]

Sets up everything the tests need, then runs bun test. ARGUMENTS go to it: parts of the names of test
files to run only these, -t PATTERN to choose by test name. The last line counts the tests.
`;

await runMain(async () => {
  const args = Bun.argv.slice(2);
  if (args.some((arg) => arg === "-h" || arg === "--help")) {
    process.stdout.write(HELP);
    return 0;
  }
  await prepare({ guests: ["linux", "u-boot"] });
  const report = join(paths.build, "logs", "tests.xml");
  mkdirSync(dirname(report), { recursive: true });
  rmSync(report, { force: true });
  const flags = ["--reporter=junit", `--reporter-outfile=${report}`];
  const child = $({ cwd: paths.root, quiet: true, nothrow: true, stdio: "inherit" });
  const { exitCode, signal } = await tracked(child`exec ${process.execPath} test ${flags} ${args}`);
  throwIfInterrupted();
  if (signal) {
    say(`bun test was ended by ${signal}`);
    return signalStatus(signal as NodeJS.Signals);
  }
  if (existsSync(report)) console.log(countLine(readCounts(readFileSync(report, "utf8"))));
  return exitCode ?? 1;
});

/** npm test: sets up what the tests need, runs them all in bun test, and ends with one line that counts them. */
import { $ } from "zx";
import { runMain, say } from "./lib/cli.ts";
import { GUESTS, paths } from "./lib/paths.ts";
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
  await prepare({ guests: GUESTS, qtests: true });
  const child = $({
    cwd: paths.root,
    env: { ...process.env, ...(process.stderr.isTTY ? { FORCE_COLOR: "1" } : {}) },
    quiet: true,
    nothrow: true,
    detached: true,
    // bun test reports on its standard error, which is shown and read.
    stdio: ["inherit", "inherit", "pipe"],
  })`exec ${process.execPath} test ${args}`;
  let report = "";
  child.stderr.on("data", (bytes: Buffer) => {
    process.stderr.write(bytes);
    report += bytes.toString("utf8");
  });
  const { exitCode, signal } = await tracked(child);
  throwIfInterrupted();
  if (signal) {
    say(`bun test was ended by ${signal}`);
    return signalStatus(signal as NodeJS.Signals);
  }
  const counts = readCounts(report);
  if (counts) console.log(countLine(counts));
  return exitCode ?? 1;
});

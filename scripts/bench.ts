/** npm run bench: what scripted devices cost, against QEMU's own, measured side by side. */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { access } from "./bench/access.ts";
import type { Bench, Side } from "./bench/bench.ts";
import { busy } from "./bench/busy.ts";
import { chardev } from "./bench/chardev.ts";
import { comparison } from "./bench/compare.ts";
import { dma } from "./bench/dma.ts";
import { fair } from "./bench/fair.ts";
import { idle } from "./bench/idle.ts";
import { instructions } from "./bench/instructions.ts";
import { irq } from "./bench/irq.ts";
import { latency } from "./bench/latency.ts";
import { linux } from "./bench/linux.ts";
import { many } from "./bench/many.ts";
import { help, type Options, parse } from "./bench/options.ts";
import { updated } from "./bench/page.ts";
import { peers } from "./bench/peers.ts";
import { picture } from "./bench/picture.ts";
import { reload } from "./bench/reload.ts";
import { table, targetTable } from "./bench/report.ts";
import { json, type Run, readRun, type Setting } from "./bench/results.ts";
import { type Result, runBench } from "./bench/runner.ts";
import { smp } from "./bench/smp.ts";
import { startup } from "./bench/startup.ts";
import { checkGiven, givenProgram, subjectsOf } from "./bench/subjects.ts";
import { timer } from "./bench/timer.ts";
import { wake } from "./bench/wake.ts";
import { runMain, say } from "./lib/cli.ts";
import { paths } from "./lib/paths.ts";
import { prepare } from "./lib/prepare.ts";
import { output } from "./lib/process.ts";

const BENCHES: readonly Bench[] = [
  ...[access, peers, busy, irq, timer, dma, chardev, smp, fair, many, latency],
  ...[startup, wake, idle, linux, reload, instructions],
];

await runMain(async () => {
  const options = parse(Bun.argv.slice(2), BENCHES);
  if (options === "help") {
    process.stdout.write(help(BENCHES));
    return 0;
  }
  const old = options.compare === undefined ? undefined : readRun(options.compare);
  const run = options.from === undefined ? await measure(options) : shown(readRun(options.from), options);
  const text = json(run);
  if (options.json) process.stdout.write(text);
  if (options.out !== undefined) writeFileSync(options.out, text);
  if (options.svg !== undefined) writeFileSync(options.svg, picture(run));
  if (options.page !== undefined)
    writeFileSync(options.page, updated(readFileSync(options.page, "utf8"), run));
  const targets = targetTable(run.results);
  if (!options.json && run.results.length > 1 && targets !== undefined) console.log(`\n${targets}\n`);
  if (old) (options.json ? say : console.log)(comparison(old, run));
  return 0;
});

/** Shows each result when it is there. */
function show(result: Result, options: Options): void {
  if (!options.json && options.compare === undefined) console.log(`\n${table(result)}\n`);
}

function shown(run: Run, options: Options): Run {
  for (const result of run.results) show(result, options);
  return run;
}

async function measure(options: Options): Promise<Run> {
  const { benches, rounds, settings, stock } = options;
  checkGiven();
  await prepare({
    guests: benches.some((bench) => bench.linux) ? ["linux"] : [],
    stock,
    patched: !givenProgram,
  });
  if (!stock) say("There is no unpatched QEMU to compare with: --stock builds one.");
  const subjects = subjectsOf(stock ? ["stock", "library", "script"] : (["library", "script"] as Side[]));
  const run = { setting: await setting(rounds), results: [] as Result[] };
  for (const bench of benches) {
    const result = await runBench(bench, subjects, rounds, settings, say);
    run.results.push(result);
    show(result, options);
    // What is there is there, should a later one fail.
    if (options.out !== undefined) writeFileSync(options.out, json(run));
  }
  return run;
}

async function setting(rounds: number): Promise<Setting> {
  const [cpu] = cpus();
  return {
    date: new Date().toISOString(),
    commit: (await output("git", ["-C", paths.root, "describe", "--always", "--dirty"])) ?? "unknown",
    cpu: cpu?.model.trim() ?? "unknown",
    cores: cpus().length,
    kernel: release(),
    rounds,
  };
}

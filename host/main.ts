/** The program build/qemu-system-aarch64: QEMU with devices in TypeScript. */

import { plugin } from "bun";
import { start } from "./engine/loop.ts";
import * as api from "./index.ts";
import { failure } from "./native/library.ts";
import { guardGlobals } from "./script/globals.ts";
import { printLine, report } from "./script/report.ts";

function main(): void {
  plugin({
    name: "qemu-script",
    setup(build) {
      build.module("qemu-script", () => ({ exports: api, loader: "object" }));
    },
  });
  if (failure) {
    printLine(`qemu-system-aarch64: ${failure.message}`);
    process.exitCode = 1;
    return;
  }
  guardGlobals();
  process.on("uncaughtException", (error) => report(error, "timer or callback"));
  process.on("unhandledRejection", (error) => report(error, "promise"));
  start();
}

main();

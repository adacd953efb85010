/** The program build/qemu-system-aarch64: QEMU with devices in TypeScript. */

import { dirname, join } from "node:path";
import { plugin } from "bun";
import { start } from "./engine/loop.ts";
import * as api from "./index.ts";
import { openLibrary } from "./native/library.ts";
import { guardGlobals } from "./script/globals.ts";
import { printLine, report } from "./script/report.ts";

const LIBRARY = "libqemu-system-aarch64.so";

/** Compiled into one executable, the command line is all QEMU's; run by bun, its first word is bun. */
const compiled = import.meta.path.startsWith("/$bunfs/");

function libraryPath(): string {
  const beside = compiled ? dirname(process.execPath) : join(import.meta.dir, "../build");
  return process.env["QEMU_SCRIPT_LIBRARY"] ?? join(beside, LIBRARY);
}

function main(): void {
  plugin({
    name: "qemu-script",
    setup(build) {
      build.module("qemu-script", () => ({ exports: api, loader: "object" }));
    },
  });
  try {
    openLibrary(libraryPath());
  } catch (error) {
    printLine(`qemu-system-aarch64: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
    return;
  }
  guardGlobals();
  process.on("uncaughtException", (error) => report(error, "timer or callback"));
  process.on("unhandledRejection", (error) => report(error, "promise"));
  start(compiled ? 0 : 1);
}

main();

/** Small guests without an operating system, assembled from test/fixtures/guests when a test wants them. */

import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { paths } from "./program.ts";

const PREFIX = "aarch64-linux-gnu-";
/** Where virt puts what -kernel names, unless it is a Linux image. */
const LOAD_ADDRESS = 0x4008_0000;

const FROM = join(paths.root, "test/fixtures/guests");
const TO = join(paths.build, "test");

/** Memory-mapped addresses on virt. */
export const VIRT = { uart: 0x0900_0000, platformBus: 0x0c00_0000 } as const;

function run(tool: string, ...args: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([PREFIX + tool, ...args]);
  if (exitCode !== 0) {
    throw new Error(`${PREFIX}${tool} ${args.join(" ")}:\n${stderr}`);
  }
  return stdout.toString();
}

/**
 * Assembles test/fixtures/guests/NAME.S.
 *
 * @param symbols values of symbols that it leaves open
 * @returns path of an image for -kernel
 */
export function guest(name: string, symbols: Readonly<Record<string, number>> = {}): string {
  mkdirSync(TO, { recursive: true });
  const settings = Object.entries(symbols).map(([key, value]) => `${key}=${value}`);
  const stem = join(TO, [name, ...settings].join(","));
  const own = `${stem}.${process.pid}`;
  const defines = settings.flatMap((setting) => ["--defsym", setting]);
  run("as", "-march=armv8.1-a", `-I${FROM}`, ...defines, "-o", `${own}.o`, join(FROM, `${name}.S`));
  run("ld", `-Ttext=0x${LOAD_ADDRESS.toString(16)}`, "-e", "_start", "-o", `${own}.elf`, `${own}.o`);
  run("objcopy", "-O", "binary", `${own}.elf`, `${own}.bin`);
  // Others may run the image that was there.
  renameSync(`${own}.bin`, `${stem}.bin`);
  renameSync(`${own}.elf`, `${stem}.elf`);
  return `${stem}.bin`;
}

/** Address of a label of an image that {@link guest} made. */
export function addressOf(label: string, image: string): number {
  const symbols = run("nm", image.replace(/\.bin$/, ".elf"));
  const match = new RegExp(`^([0-9a-f]+) . ${label}$`, "m").exec(symbols);
  if (match === null) {
    throw new Error(`${image} has no label ${label}`);
  }
  return Number(`0x${match[1]}`);
}

/** Options of virt that runs such a guest; its UART is the line "console". */
export function bareMetal(image: string, options: { smp?: number; accel?: string } = {}): string[] {
  const { smp = 1, accel } = options;
  const accelerator = accel === undefined ? [] : ["-accel", accel];
  const machine = ["-M", "virt", "-cpu", "cortex-a76", "-smp", `${smp}`, "-m", "64", ...accelerator];
  return [...machine, "-nodefaults", "-display", "none", "-serial", "chardev:console", "-kernel", image];
}

/** A device of the tests that has what a test declares, takes values, and prints them when told. */

import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS } from "../lib/limit.ts";
import { folder, HEADLESS, Qemu, script } from "../lib/qemu.ts";
import { load, makeImage, save, withImage } from "../lib/snapshots.ts";

const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];
export const BASE = VIRT.platformBus;
const FILL = 0;
const SHOW = 4;

export interface Parts {
  readonly type?: string;
  readonly migration?: string;
  readonly state: string;
  /** Statements that give the state values. */
  readonly fill?: string;
  readonly methods?: string;
  /** Expression for what `show()` prints. */
  readonly shown: string;
}

/** A device that takes values and prints them when told. */
export function device({
  type = "kept",
  migration = "{}",
  state,
  fill = "",
  methods = "",
  shown,
}: Parts): string {
  return script(`
    import { bool, i8, i16, i32, i64, registers, since, struct, subsection, SysBusDevice, u8, u16, u32, u64, unused } from "qemu-script";
    const text = (_, value) => typeof value === "bigint" ? Number(value) : ArrayBuffer.isView(value) ? [...value] : value;
    export default class Kept extends SysBusDevice.with({
      type: "${type}",
      regions: { regs: { size: 0x10 } },
      migration: ${migration},
      state: ${state},
    }) {
      static {
        registers(Kept, "regs", { FILL: { at: 0, write: "fill" }, SHOW: { at: 4, write: "show" } });
      }
      fill(value) { ${fill} }
      show() { console.error(JSON.stringify(${shown}, text)); }
      ${methods}
    }
  `);
}

export const args = (path: string) => [...MACHINE, "-device", `script,path=${path}`];

export const start = (path: string, more: readonly string[] = []) =>
  Qemu.start({ args: [...args(path), ...more], qtest: true });

/** What the device prints. */
export async function shown(qemu: Qemu): Promise<unknown> {
  await qemu.qtest.writel(BASE + SHOW, 0);
  return JSON.parse(await nextLine(qemu));
}

async function nextLine(qemu: Qemu): Promise<string> {
  await qemu.stderr.waitFor("\n", SOON_MS);
  return qemu.stderr.lines.at(-1)!;
}

export const fill = (qemu: Qemu, value = 1) => qemu.qtest.writel(BASE + FILL, value);

/** Saves under one script and loads under another. @returns the second QEMU */
export async function carry(from: string, to: string): Promise<Qemu> {
  const first = await start(from);
  const image = await makeImage(first, folder());
  await fill(first);
  await save(first, "a");
  await first.quit();
  const second = await start(to, withImage(image));
  await load(second, "a");
  return second;
}

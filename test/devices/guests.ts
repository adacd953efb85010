/** What users boot, on two machines that differ only in whose PL011 they have. */

import { expect } from "bun:test";
import { guestArguments } from "../../scripts/lib/machine.ts";
import type { GuestName } from "../../scripts/lib/paths.ts";
import { paths } from "../lib/program.ts";
import { HEADLESS, Qemu } from "../lib/qemu.ts";
import { MODELS } from "./uart.ts";

/** Machines with the same guest. */
export class Twins {
  readonly c: Qemu;
  readonly script: Qemu;

  private constructor(c: Qemu, script: Qemu) {
    this.c = c;
    this.script = script;
  }

  /**
   * Starts both.
   *
   * @param lines names of serial lines, the console first
   * @param more options of QEMU's
   */
  static async boot(
    guest: GuestName,
    lines: readonly string[],
    more: readonly string[] = [],
  ): Promise<Twins> {
    const board = ["-M", "virt", "-cpu", "cortex-a57", "-m", "512", ...HEADLESS];
    const serial = lines.flatMap((line) => ["-serial", `chardev:${line}`]);
    const args = [...board, ...serial, ...guestArguments(guest, paths), ...more];
    const [c, script] = await Promise.all(
      [MODELS.C, MODELS.TypeScript].map((model) => Qemu.start({ args: [...model.args, ...args], lines })),
    );
    return new Twins(c!, script!);
  }

  /** Does the same to both, and expects the same of both. @returns what came of it */
  async alike<T>(act: (qemu: Qemu) => Promise<T>): Promise<T> {
    // Neither is left alone in the middle when the other fails.
    const both = [act(this.c), act(this.script)] as const;
    await Promise.allSettled(both);
    const [c, script] = await Promise.all(both);
    expect(script).toEqual(c);
    return script;
  }
}

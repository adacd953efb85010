/** A PL061 without a guest, on a board that has one: the test drives its bus and its pins. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../lib/program.ts";
import { folder, HEADLESS, Qemu } from "../lib/qemu.ts";

export const PL061 = join(paths.root, "devices/pl061.ts");

/** Boards with a PL061, where it is, and how often they have that type. */
export const BOARDS = {
  /** Nothing but pull-downs. */
  virt: { machine: "virt", type: "pl061", base: 0x0903_0000, args: ["-m", "64"] },
  /** Nothing but pull-ups. */
  realview: { machine: "realview-eb", type: "pl061", base: 0x1001_4000, args: ["-audio", "none"] },
  /** Resistors as the guest wants them. */
  stellaris: { machine: "lm3s811evb", type: "pl061_luminary", base: 0x4000_4000, args: [] },
} as const;

export type Board = keyof typeof BOARDS;
export type Model = "TypeScript" | "C";

interface Child {
  readonly name: string;
  readonly type: string;
}

/** The replacement of a type of QEMU's. */
export function replacing(type: string): string[] {
  return ["-script", `path=${PL061.replaceAll(",", ",,")},replaces=${type},by=${type}-ts`];
}

export class Gpio {
  readonly qemu: Qemu;
  readonly path: string;
  private readonly base: number;
  private readonly logFile: string;
  private logged = 0;

  private constructor(qemu: Qemu, path: string, base: number, logFile: string) {
    this.qemu = qemu;
    this.path = path;
    this.base = base;
    this.logFile = logFile;
  }

  /** @param follows which lines: the interrupt, or the pins */
  static async start(
    board: Board,
    model: Model,
    follows: "interrupt" | "pins",
    more: readonly string[] = [],
  ): Promise<Gpio> {
    const { machine, type, base, args } = BOARDS[board];
    const logFile = join(folder(), "log");
    const script = model === "TypeScript" ? replacing(type) : [];
    const qemu = await Qemu.start({
      args: [
        ...["-M", machine, ...args, "-accel", "qtest", ...HEADLESS, ...script],
        ...["-d", "guest_errors,unimp", "-D", logFile, ...more],
      ],
      qtest: true,
    });
    const path = await Gpio.find(qemu, base);
    await qemu.qtest.interceptOut(path, follows === "pins" ? "" : "sysbus-irq");
    return new Gpio(qemu, path, base, logFile);
  }

  /** Boards have several: the one whose registers are at this address. */
  private static async find({ qmp }: Qemu, base: number): Promise<string> {
    const children = await qmp.execute<Child[]>("qom-list", { path: "/machine/unattached" });
    for (const { name } of children.filter(({ type }) => type.startsWith("child<pl061"))) {
      const path = `/machine/unattached/${name}`;
      const region = { path: `${path}/pl061[0]`, property: "addr" };
      if ((await qmp.execute<number>("qom-get", region)) === base) {
        return path;
      }
    }
    throw new Error(`there is no PL061 at 0x${base.toString(16)}`);
  }

  get bus() {
    return this.qemu.qtest;
  }

  /** Absolute address of a register. */
  at(offset: number): number {
    return this.base + offset;
  }

  read(offset: number): Promise<number> {
    return this.bus.readl(this.at(offset));
  }

  write(offset: number, value: number): Promise<void> {
    return this.bus.writel(this.at(offset), value);
  }

  /** Drives a pin from outside. */
  pin(pin: number, level: number): Promise<void> {
    return this.bus.setIrqIn(this.path, undefined, pin, level);
  }

  /** Levels of the lines that it follows. */
  get lines(): number {
    return [0, 1, 2, 3, 4, 5, 6, 7].reduce(
      (levels, line) => levels | (this.bus.irq(line) ? 1 << line : 0),
      0,
    );
  }

  async reset(): Promise<void> {
    await this.qemu.qmp.execute("system_reset");
    await this.qemu.qmp.waitForEvent("RESET");
  }

  /** Sends the machine's state to a file, or takes it from there. */
  async migrate(command: "migrate" | "migrate-incoming", file: string): Promise<void> {
    const { qmp } = this.qemu;
    const capabilities = [{ capability: "events", state: true }];
    await qmp.execute("migrate-set-capabilities", { capabilities });
    await qmp.execute(command, { uri: `file:${file}` });
    for (;;) {
      const { data } = await qmp.waitForEvent("MIGRATION");
      if (data?.["status"] === "completed") {
        return;
      }
      if (data?.["status"] === "failed") {
        throw new Error(`the migration failed\n${this.qemu.messages()}`);
      }
    }
  }

  /** Lines that were logged since the last call. */
  log(): string[] {
    const all = readFileSync(this.logFile, "latin1");
    const fresh = all.slice(this.logged);
    this.logged = all.length;
    return fresh.split("\n").filter((line) => line !== "");
  }
}

/** Scripts that change under test. */

import type { Qemu } from "./qemu.ts";

/** ScriptInfo of qapi/script.json. */
export interface ScriptInfo {
  readonly path: string;
  readonly types: readonly string[];
  readonly generation: number;
  readonly "loaded-at": string;
  readonly "last-error"?: string;
  readonly instances: number;
}

export interface Anew {
  /** More of the declaration. */
  readonly spec?: string;
  readonly state?: string;
  readonly registers?: string;
  /** Of the class. */
  readonly members?: string;
  /** Of the module. */
  readonly head?: string;
  readonly tail?: string;
  readonly type?: string;
}

/** Where the registers of {@link anew} are. */
export const REG = { CODE: 0x0, KEPT: 0x4 } as const;

/** A device one of whose registers tells which code it runs, and another keeps what is written to it. */
export function anew(code: number | string, parts: Anew = {}): string {
  const { spec = "", state = "kept: u32(7)", registers = "", members = "" } = parts;
  const { head = "", tail = "", type = "anew" } = parts;
  return `
import {
  bool, chardev, clock, i8, i16, i32, lines, registers, since, struct, SysBusDevice, timer, u8, u16, u32, u64
} from "qemu-script";
${head}
export default class Anew extends SysBusDevice.with({
  type: "${type}",
  regions: { regs: { size: 0x1000 } },
  state: { ${state} },
  ${spec}
}) {
  static {
    registers(Anew, "regs", {
      CODE: { at: 0x0, read: "code" },
      ${/\bkept\b/.test(state) ? 'KEPT: { at: 0x4, field: "kept" },' : ""}
      ${registers}
    });
  }
  code() { return ${code}; }
  ${members}
}
${tail}`;
}

/** @returns what became of the script. @throws QmpError with what is wrong */
export async function reload(qemu: Qemu, path: string): Promise<ScriptInfo> {
  await qemu.qmp.execute("script-reload", { path });
  return (await scripts(qemu)).find((info) => info.path === path)!;
}

export const scripts = ({ qmp }: Qemu) => qmp.execute<ScriptInfo[]>("query-scripts");

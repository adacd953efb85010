/** Scripts that are loaded anew while the machine runs. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { endAll, HEADLESS, Qemu, script } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const BASE = VIRT.platformBus;

interface Parts {
  readonly spec?: string;
  readonly state?: string;
  readonly registers?: string;
  readonly members?: string;
  readonly head?: string;
}

/** A device with a register that tells its code, and one that keeps what is written. */
function text(
  code: number,
  { spec = "", state = "kept: u32(7)", registers = "", members = "", head = "" }: Parts = {},
) {
  return `
    import { bool, chardev, clock, registers, lines, since, struct, subsection, SysBusDevice, timer, u8, u16, u32, u64 } from "qemu-script";
    ${head}
    export default class Anew extends SysBusDevice.with({
      type: "anew",
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
  `;
}

const start = (path: string, ...more: string[]) =>
  Qemu.start({
    args: [
      "-M",
      "virt",
      "-m",
      "64",
      "-accel",
      "qtest",
      ...HEADLESS,
      "-device",
      `script,path=${path}${more.shift() ?? ""}`,
      ...more,
    ],
    qtest: true,
  });

interface Info {
  readonly path: string;
  readonly types: string[];
  readonly generation: number;
  readonly "loaded-at": string;
  readonly "last-error"?: string;
  readonly instances: number;
}

const reload = ({ qmp }: Qemu, path: string) => qmp.execute<Info>("script-reload", { path });

describe("script-reload", () => {
  test("gives a device new code and leaves it its state", async () => {
    const path = script(text(1));
    const qemu = await start(path);
    await qemu.qtest.writel(BASE + 4, 0x1234);
    expect(await qemu.qtest.readl(BASE)).toBe(1);
    writeFileSync(path, text(2));
    const info = await reload(qemu, path);
    expect(info).toMatchObject({ path, types: ["anew"], generation: 2, instances: 1 });
    expect(await qemu.qtest.readl(BASE)).toBe(2);
    expect(await qemu.qtest.readl(BASE + 4)).toBe(0x1234);
    console.log(await qemu.qmp.human("info scripts"), qemu.stderr.all);
  });
});

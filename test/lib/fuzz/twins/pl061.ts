/** The PL061: boards with each kind of resistors, on which either its pins are followed or its interrupt. */

import { join } from "node:path";
import { paths } from "../../../../scripts/lib/paths.ts";
import { BOARDS, type Board as Name } from "../../../devices/pl061.ts";
import { HEADLESS } from "../../qemu.ts";
import { hex } from "../operation.ts";
import { sysbusSite } from "../site.ts";
import type { Below, Board, Twin } from "../twin.ts";

/** From the manuals: those of the PL061, those of the Stellaris, and some that nobody has. */
const CONTROL = [0x400, 0x404, 0x408, 0x40c, 0x410, 0x414, 0x418, 0x41c, 0x420];
const PADS = [0x500, 0x504, 0x508, 0x50c, 0x510, 0x514, 0x518, 0x51c, 0x520, 0x524, 0x528];
const NOTHING = [0x424, 0x4fc, 0x52c, 0xfcc];
const IDS = Array.from({ length: 12 }, (_, i) => 0xfd0 + 4 * i);
const OTHERS = [...NOTHING, ...IDS];
/** Offset of a register that the driver itself reads, before or after levels of pins come in. */
const TICK = 0xfe0;
const LOCK = 0x520;
const UNLOCK = 0x0acc_e551;

const LIMITS = { b: 0xff, w: 0xffff, l: 0xffff_ffff } as const;

const value = (below: Below) => (below(4) === 0 ? below(2 ** 32) : below(0x100));

function address(below: Below): number {
  switch (below(8)) {
    case 0:
    case 1:
      return 4 * below(0x100);
    case 2:
      return PADS[below(PADS.length)]!;
    case 3:
      return OTHERS[below(OTHERS.length)]!;
    default:
      return CONTROL[below(CONTROL.length)]!;
  }
}

/** At the start of a register alone: the script takes a byte anywhere in it, QEMU's model does not. */
function access(below: Below): string {
  const offset = address(below);
  const written = offset === LOCK && below(2) === 0 ? UNLOCK : value(below);
  const letter = (["b", "w", "l", "l", "l"] as const)[below(5)]!;
  if (below(3) === 0) {
    return `read${letter} ${hex(offset)}`;
  }
  return `write${letter} ${hex(offset)} ${hex((written & LIMITS[letter]) >>> 0)}`;
}

function next(below: Below): string[] {
  switch (below(32)) {
    case 0:
      return below(8) === 0 ? ["reset"] : [access(below)];
    case 1:
      return [`readq ${hex(4 * below(0x3ff))}`];
    case 2:
      return [`dump ${hex(CONTROL[0]!)} ${hex(4 * CONTROL.length)}`];
    case 3:
      return [`dump ${hex(PADS[0]!)} ${hex(4 * PADS.length)}`];
    default:
      return below(3) === 0 ? [`pin ${below(8)} ${below(2)}`] : [access(below)];
  }
}

function board(name: Name, lines: string): Board {
  const { machine, type, base, args } = BOARDS[name];
  return {
    args: ["-M", machine, ...args, ...HEADLESS],
    replaces: type,
    ...(type === "pl061" ? {} : { by: `${type}-ts` }),
    start: (qemu) => sysbusSite(qemu, "pl061", base, lines),
  };
}

export const PL061: Twin = {
  name: "pl061",
  script: join(paths.root, "devices/pl061.ts"),
  boards: {
    virt: board("virt", ""),
    "virt-irq": board("virt", "sysbus-irq"),
    realview: board("realview", ""),
    "realview-irq": board("realview", "sysbus-irq"),
    stellaris: board("stellaris", ""),
    "stellaris-irq": board("stellaris", "sysbus-irq"),
  },
  tick: `readl ${hex(TICK)}`,
  traces: ["pl061_*"],
  logged: (text) => text.replaceAll(new RegExp(`^pl061_read .* offset ${hex(TICK)} .*\\n`, "gm"), ""),
  next,
};

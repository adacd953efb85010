/** The PL011, on a board of each of its types. */

import { join } from "node:path";
import { paths } from "../../../../scripts/lib/paths.ts";
import { CR, DR, ENABLED, FEN, FR, ICR, ID, IMSC, LBE, LCR_H } from "../../../devices/manual.ts";
import { HEADLESS } from "../../qemu.ts";
import { hex } from "../operation.ts";
import { sysbusSite } from "../site.ts";
import type { Below, Receiver, Twin } from "../twin.ts";

const REGISTERS = [
  ...[DR, 0x004, FR, 0x020, 0x024, 0x028, LCR_H, CR, 0x034, 0x038, 0x03c, 0x040, ICR, 0x048],
  // Nothing is there, or nothing but identification.
  ...[0x008, 0x01c, 0x04c, 0xfdc, 0xfe0, 0xff8],
];
/** Of the Raspberry Pi: its peripherals, and in its clock manager the UART's clock. */
const RASPI = { peripherals: 0x3f00_0000, clocks: 0x3f10_1000, uart: 0x3f20_1000 } as const;
/**
 * In it, the UART's own registers, and the divider of what its clock comes from. QEMU's clock manager looks at the
 * first two only when that changes.
 */
const CLOCK = {
  CTL: 0xf0,
  DIV: 0xf4,
  PLLD_PER: 0x1540,
  PASSWORD: 0x5a00_0000,
  ENABLED: 0x10,
  FROM_PLLD: 6,
} as const;

const REGION_SIZE = 0x1000;
/** Offset of a register that the driver itself reads, before or after input comes in. */
const TICK = 0xffc;

const SIZES = { b: 1, w: 2, l: 4, q: 8 } as const;

/** How many characters wait in the FIFO, which no register tells. */
class Fifo implements Receiver {
  private lcr = 0;
  private cr = 0;
  private count = 0;

  get room(): number {
    return Math.max(0, (this.lcr & FEN ? 16 : 1) - this.count);
  }

  private get loopback(): boolean {
    return (this.cr & LBE) !== 0;
  }

  read(offset: number): void {
    if (offset < 4 && this.count > 0) {
      this.count--;
    }
  }

  write(offset: number, value: number): void {
    switch (offset & ~3) {
      case DR:
        this.count += this.loopback ? 1 : 0;
        break;
      case LCR_H:
        this.count = (this.lcr ^ value) & FEN ? 0 : this.count;
        // A break comes back too.
        this.count += (this.lcr ^ value) & value & 1 && this.loopback ? 1 : 0;
        this.lcr = value;
        break;
      case CR:
        this.cr = value;
        break;
    }
  }

  received(bytes: number): void {
    this.count += this.loopback ? 0 : bytes;
  }

  receivedBreak(): void {
    this.received(1);
  }

  reset(): void {
    this.lcr = 0;
    this.cr = 0;
    this.count = 0;
  }
}

/** A guest that does much with few bits gets further than one that writes noise. */
function value(below: Below): number {
  switch (below(4)) {
    case 0:
      return 2 ** below(32);
    case 1:
      return below(0x800);
    case 2:
      return below(2 ** 32);
    default:
      return (0xffff_ffff - 2 ** below(32)) >>> 0;
  }
}

function access(below: Below): string {
  const register = REGISTERS[below(REGISTERS.length)]!;
  const letter = (["b", "b", "w", "w", "l", "l", "l", "l", "l", "l", "l", "q"] as const)[below(12)]!;
  const size = SIZES[letter];
  const offset = Math.min(register + (below(3) === 0 ? below(4) : 0), REGION_SIZE - size);
  if (below(2) === 0) {
    return `read${letter} ${hex(offset)}`;
  }
  const low = BigInt(value(below));
  const all = size === 8 ? (BigInt(value(below)) << 32n) | low : BigInt.asUintN(8 * size, low);
  return `write${letter} ${hex(offset)} ${hex(all)}`;
}

const READ = `readl ${hex(DR)}`;
const FIFO_ON = `writel ${hex(LCR_H)} ${hex(FEN)}`;
const LOOPBACK = `writel ${hex(CR)} ${hex(ENABLED | LBE)}`;

/** What random accesses seldom do: full FIFOs, and more in them than goes in. */
function traffic(below: Below): string[] {
  const characters = Array.from({ length: 1 + below(below(2) === 0 ? 20 : 3) }, () => hex(below(256)));
  const all = characters.join(" ");
  switch (below(8)) {
    case 0:
    case 1:
      return [FIFO_ON, `offer ${all}`];
    case 2:
      return [`offer ${all}`];
    case 3:
      return [LOOPBACK, ...characters.map((character) => `writel ${hex(DR)} ${character}`)];
    case 4:
    case 5:
      return characters.map(() => READ);
    case 6:
      return below(2) === 0 ? ["break"] : [FIFO_ON];
    default:
      return below(8) === 0 ? ["reset"] : [FIFO_ON, `input ${all}`, `input ${all}`];
  }
}

/** Another divider of the clock, or whether there is one. */
function clockChange(below: Below): string {
  const [register, setting] = (
    [
      [CLOCK.CTL, below(4) === 0 ? below(32) : CLOCK.ENABLED | CLOCK.FROM_PLLD],
      [CLOCK.DIV, below(2 ** 24)],
      [CLOCK.PLLD_PER, below(0x200)],
      [CLOCK.PLLD_PER, below(0x100)],
    ] as const
  )[below(4)]!;
  return `writel clocks+${hex(register)} ${hex(CLOCK.PASSWORD | setting)}`;
}

function next(below: Below, board: string): string[] {
  switch (below(64)) {
    case 0:
    case 1:
      return traffic(below);
    case 2:
    case 3:
      return [FIFO_ON];
    case 4:
      return [LOOPBACK];
    case 5:
    case 6:
    case 7:
      return [`writel ${hex(CR)} ${hex(ENABLED)}`];
    case 8:
      return [`writel ${hex(ICR)} 0x7ff`];
    case 9:
      return [`writel ${hex(IMSC)} 0x7ff`];
    case 10:
    case 11:
      // All registers that reading does not change.
      return [`dump ${hex(FR)} 0x34`];
    case 12:
      return [`dump ${hex(ID)} 0x20`];
    case 13:
      return [board === "raspi" ? clockChange(below) : access(below)];
    case 14:
      if (board === "raspi") {
        return [clockChange(below)];
      }
      break;
    default:
      break;
  }
  switch (below(16)) {
    case 0:
    case 1:
      return [`writel ${hex(DR)} ${hex(below(256))}`];
    case 2:
      return [READ];
    default:
      return [access(below)];
  }
}

export const PL011: Twin = {
  name: "pl011",
  script: join(paths.root, "devices/pl011.ts"),
  boards: {
    virt: {
      args: ["-M", "virt", "-m", "64", ...HEADLESS],
      replaces: "pl011",
      serial: true,
      start: (qemu) => sysbusSite(qemu, "pl011", 0x0900_0000, "sysbus-irq"),
    },
    raspi: {
      args: ["-M", "raspi3b", ...HEADLESS],
      replaces: "pl011",
      serial: true,
      async start(qemu) {
        const { peripherals, clocks, uart } = RASPI;
        const { path, spaces } = await sysbusSite(qemu, "pl011", uart, "sysbus-irq", peripherals);
        return { path, spaces: { ...spaces, clocks } };
      },
    },
    stellaris: {
      args: ["-M", "lm3s811evb", ...HEADLESS],
      replaces: "pl011_luminary",
      by: "pl011_luminary-ts",
      serial: true,
      start: (qemu) => sysbusSite(qemu, "pl011", 0x4000_c000, "sysbus-irq"),
    },
  },
  tick: `readl ${hex(TICK)}`,
  // Not pl011_can_receive: how often QEMU's main loop asks for room depends on when it runs.
  traces: [
    "pl011_irq_state",
    "pl011_read*",
    "pl011_write",
    "pl011_fifo_*",
    "pl011_receive",
    "pl011_baudrate_change",
  ],
  logged: (text) => text.replaceAll(new RegExp(`^pl011_read addr ${hex(TICK)} .*\\n`, "gm"), ""),
  next,
  receiver: () => new Fifo(),
};

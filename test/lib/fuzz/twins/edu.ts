/** The educational PCI device. */

import { join } from "node:path";
import { paths } from "../../../../scripts/lib/paths.ts";
import { BUFFER, COMPUTING, MESSAGES, RAM, REGISTER } from "../../../devices/edu.ts";
import { CAPABILITY, COMMAND, CONFIG, hostBridge, PCI_MACHINE, PciFunction } from "../../pci.ts";
import type { Qemu } from "../../qemu.ts";
import { hex } from "../operation.ts";
import type { Ask, Below, Site, Twin } from "../twin.ts";

const SLOT = 4;
const REGISTERS = [...Object.values(REGISTER), 0x0c, 0x28, 0x7c, 0x84, 0x9c, 0xa0, 0x40000, 0xffff8];
/** Bytes of memory that transfers can reach. */
const REACH = 0x2000;
const NOWHERE = 0x0f00_0000n;

/** Bits of the status register and of the reasons for an interrupt. */
const INTERRUPT_AFTER_FACTORIAL = 0x80n;
const FACTORIAL_DONE = 1;

async function start(qemu: Qemu): Promise<Site> {
  await qemu.qtest.interceptOut(await hostBridge(qemu));
  const card = new PciFunction(qemu, SLOT);
  const bar = (await card.start())[0]!.address;
  const msi = await card.capability(CAPABILITY.MSI);
  await card.write32(msi + 4, MESSAGES);
  await card.write32(msi + 8, 0);
  await card.write16(msi + 12, 0x77);
  const config = 0x3f00_0000 + SLOT * 2 ** 15;
  const spaces = { "": bar, config, msi: config + msi, ram: RAM, messages: MESSAGES };
  return { path: "", spaces };
}

function value(below: Below): number {
  switch (below(3)) {
    case 0:
      return 2 ** below(32);
    case 1:
      return below(0x200);
    default:
      return below(2 ** 32);
  }
}

/** The reason is taken away before, so that it can be seen that all is done. */
function factorial(number: number): string[] {
  return [
    `writel ${hex(REGISTER.ACKNOWLEDGE)} ${hex(FACTORIAL_DONE)}`,
    `writel ${hex(REGISTER.FACTORIAL)} ${hex(number)}`,
  ];
}

function access(below: Below): string[] {
  const offset = REGISTERS[below(REGISTERS.length)]!;
  const letter = offset % 8 === 0 && below(2) === 0 ? "q" : "l";
  const low = value(below);
  if (below(3) === 0) {
    return [`read${letter} ${hex(offset)}`];
  }
  if (offset === REGISTER.FACTORIAL && letter === "l") {
    // QEMU's own model counts down from the number.
    return factorial(low % 10_000);
  }
  const high = letter === "q" && below(4) === 0 ? BigInt(value(below)) : 0n;
  return [`write${letter} ${hex(offset)} ${hex((high << 32n) | BigInt(low))}`];
}

function address(below: Below): bigint {
  const start = below(16) === 0 ? NOWHERE : BigInt(RAM + below(REACH));
  return below(8) === 0 ? start + 2n ** BigInt(32 + below(31)) : start;
}

function transfer(below: Below): string[] {
  const outside = below(6) === 0 ? BigInt(below(3)) - 1n : 0n;
  const count = below(10) === 0 ? 4096 : below(300);
  const place = BUFFER + BigInt(below(4097 - count)) + outside * 4096n;
  const memory = address(below);
  const command = 1 | (below(4) << 1);
  const [source, destination] = command & 2 ? [place, memory] : [memory, place];
  return [
    `writeq ${hex(REGISTER.SOURCE)} ${hex(source)}`,
    `writeq ${hex(REGISTER.DESTINATION)} ${hex(destination)}`,
    `writeq ${hex(REGISTER.COUNT)} ${hex(count)}`,
    `writel ${hex(REGISTER.COMMAND)} ${hex(command)}`,
  ];
}

function next(below: Below): string[] {
  const at = below(REACH);
  switch (below(32)) {
    case 0:
    case 1:
    case 2:
      return [`clock ${(1 + below(160)) * 1e6}`];
    case 3:
    case 4:
      return transfer(below);
    case 5:
      return factorial(below(40));
    case 6:
      return [`writel ${hex(REGISTER.ACKNOWLEDGE)} 0xffffffff`];
    case 7:
      return [`writeb ram+${hex(at)} ${hex(below(0x100))}`];
    case 8:
      return [`dump ram+${hex(at)} 0x100`];
    case 9: {
      const bits = (below(4) && COMMAND.MASTER) | (below(8) === 0 ? COMMAND.NO_INTX : 0);
      return [`writew config+${hex(CONFIG.COMMAND)} ${hex(COMMAND.MEMORY | bits)}`];
    }
    case 10:
      return [`writew msi+0x2 ${below(2)}`];
    case 11:
    case 12:
      return ["readl messages+0x0", "writel messages+0x0 0x0"];
    case 13:
      return [`readw config+${hex(CONFIG.STATUS)}`];
    default:
      return access(below);
  }
}

/** QEMU's own model computes on a thread, and raises the interrupt after it says that it has done it. */
async function computed(ask: Ask): Promise<void> {
  const read = (offset: number) => ask(`readl ${hex(offset)}`);
  let status = await read(REGISTER.STATUS);
  while (status & BigInt(COMPUTING)) {
    status = await read(REGISTER.STATUS);
  }
  while (status & INTERRUPT_AFTER_FACTORIAL && !((await read(REGISTER.INTERRUPTS)) & 1n)) {
    // It will come.
  }
}

export const EDU: Twin = {
  name: "edu",
  script: join(paths.root, "devices/edu.ts"),
  boards: {
    virt: {
      args: [...PCI_MACHINE, "-device", `edu,addr=${SLOT},dma_mask=0xffffffff`],
      replaces: "edu",
      start,
    },
  },
  tick: `readl ${hex(REGISTER.ID)}`,
  next,
  wait: (operation, ask) =>
    operation.startsWith(`writel ${hex(REGISTER.FACTORIAL)} `) ? computed(ask) : undefined,
  // QEMU's own model ends no line.
  logged: (text) => text.replaceAll("\n", ""),
};

/** Finding a device on a board. */

import type { Qemu } from "../qemu.ts";
import { QmpError } from "../qmp.ts";
import type { Site } from "./twin.ts";

const BOARD = "/machine/unattached";

/**
 * The sysbus device whose registers are at an address, and its lines followed.
 *
 * @param region name of the registers' region
 * @param lines name of the outgoing lines to follow: "sysbus-irq", or "" for unnamed ones
 * @throws Error if there is none
 */
export async function sysbusSite(qemu: Qemu, region: string, base: number, lines: string): Promise<Site> {
  const children = await qemu.qmp.execute<{ name: string }[]>("qom-list", { path: BOARD });
  for (const { name } of children.filter((child) => child.name.startsWith("device["))) {
    const path = `${BOARD}/${name}`;
    if ((await address(qemu, `${path}/${region}[0]`)) === base) {
      await qemu.qtest.interceptOut(path, lines);
      return { path, spaces: { "": base } };
    }
  }
  throw new Error(`there is no ${region} at 0x${base.toString(16)}`);
}

/** Where a region is, or undefined if there is none. */
async function address({ qmp }: Qemu, path: string): Promise<number | undefined> {
  try {
    return await qmp.execute<number>("qom-get", { path, property: "addr" });
  } catch (error) {
    if (error instanceof QmpError) {
      return undefined;
    }
    throw error;
  }
}

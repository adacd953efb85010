/** Finding a device on a board. */

import type { Qemu } from "../qemu.ts";
import { QmpError } from "../qmp.ts";
import type { Site } from "./twin.ts";

/** Where boards have their devices. */
const PARENTS = ["/machine/unattached", "/machine/soc", "/machine/soc/peripherals"];

/**
 * The sysbus device whose registers are at an address, and its lines followed.
 *
 * @param region name of the registers' region
 * @param base address of the registers
 * @param lines name of the outgoing lines to follow: "sysbus-irq", or "" for unnamed ones
 * @param container address of the region that they are in, if they are in one
 * @throws Error if there is none
 */
export async function sysbusSite(
  qemu: Qemu,
  region: string,
  base: number,
  lines: string,
  container = 0,
): Promise<Site> {
  for (const path of await devices(qemu)) {
    if ((await property(qemu, `${path}/${region}[0]`, "addr")) === base - container) {
      await qemu.qtest.interceptOut(path, lines);
      return { path, spaces: { "": base } };
    }
  }
  throw new Error(`there is no ${region} at 0x${base.toString(16)}`);
}

async function devices({ qmp }: Qemu): Promise<string[]> {
  const paths: string[] = [];
  for (const parent of PARENTS) {
    const children = await orUndefined(qmp.execute<{ name: string }[]>("qom-list", { path: parent }));
    paths.push(...(children ?? []).map(({ name }) => `${parent}/${name}`));
  }
  return paths;
}

function property({ qmp }: Qemu, path: string, name: string): Promise<unknown> {
  return orUndefined(qmp.execute("qom-get", { path, property: name }));
}

/** An answer, or undefined if QEMU has no such object. */
async function orUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof QmpError) {
      return undefined;
    }
    throw error;
  }
}

/** Migration by way of a file. */

import { join } from "node:path";
import { folder, type Qemu } from "./qemu.ts";

/** Migrates into a file. @returns its URI, for `-incoming` */
export async function migrateToFile({ qmp }: Qemu): Promise<string> {
  const uri = `file:${join(folder(), "stream")}`;
  await qmp.execute("migrate-set-capabilities", { capabilities: [{ capability: "events", state: true }] });
  await qmp.execute("migrate", { uri });
  while ((await qmp.waitForEvent("MIGRATION")).data?.["status"] !== "completed") {
    // setup, active, device
  }
  return uri;
}

/** Waits until a machine that was started with `-incoming` runs. */
export async function arrival({ qmp }: Qemu): Promise<void> {
  while (!(await qmp.execute<{ running: boolean }>("query-status")).running) {
    await qmp.waitForEvent("RESUME");
  }
}

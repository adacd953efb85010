/** Snapshots without QEMU's tools: an image file, and saving the machine into it. */

import { join } from "node:path";
import { SOON_MS } from "./limit.ts";
import type { Qemu } from "./qemu.ts";

const SIZE = 64 * 1024 * 1024;

/** Makes a qcow2 file for snapshots and opens it as node "snapshots". @returns its path */
export async function makeImage({ qmp }: Qemu, folder: string): Promise<string> {
  const filename = join(folder, "snapshots.qcow2");
  const job = "create";
  await qmp.execute("blockdev-create", { "job-id": job, options: { driver: "file", filename, size: 0 } });
  await qmp.finishJob(job);
  await qmp.execute("blockdev-add", { driver: "file", filename, "node-name": "file" });
  const options = { driver: "qcow2", file: "file", size: SIZE };
  await qmp.execute("blockdev-create", { "job-id": job, options });
  await qmp.finishJob(job);
  await qmp.execute("blockdev-add", { driver: "qcow2", file: "file", "node-name": "snapshots" });
  return filename;
}

/** Options that open such a file in another QEMU. */
export const withImage = (filename: string): string[] => [
  "-blockdev",
  `driver=file,filename=${filename},node-name=file`,
  "-blockdev",
  "driver=qcow2,file=file,node-name=snapshots",
];

async function snapshot({ qmp }: Qemu, command: string, tag: string, ms: number): Promise<void> {
  const job = `${command}-${tag}`;
  const where = { vmstate: "snapshots", devices: ["snapshots"] };
  await qmp.execute(command, { "job-id": job, tag, ...where });
  await qmp.finishJob(job, ms);
}

/** savevm. @throws QmpError */
export const save = (qemu: Qemu, tag: string, ms = SOON_MS) => snapshot(qemu, "snapshot-save", tag, ms);

/** loadvm; the machine is stopped or running as it was when saved. @throws QmpError */
export const load = (qemu: Qemu, tag: string, ms = SOON_MS) => snapshot(qemu, "snapshot-load", tag, ms);

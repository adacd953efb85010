/** Migration by way of a file, and what is in such a file: docs/devel/migration/main.rst. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { folder, type Qemu } from "./qemu.ts";

/** Migrates to where the URI says. @throws Error if that fails */
export async function migrate({ qmp }: Qemu, uri: string): Promise<void> {
  await qmp.execute("migrate-set-capabilities", { capabilities: [{ capability: "events", state: true }] });
  await qmp.execute("migrate", { uri });
  for (let status: unknown; status !== "completed"; ) {
    // setup, active, device
    status = (await qmp.waitForEvent("MIGRATION")).data?.["status"];
    if (status === "failed") {
      const { "error-desc": reason } = await qmp.execute<{ "error-desc"?: string }>("query-migrate");
      throw new Error(`migration failed: ${reason}`);
    }
  }
}

/** Migrates into a file. @returns its URI, for `-incoming` */
export async function migrateToFile(qemu: Qemu): Promise<string> {
  const uri = `file:${join(folder(), "stream")}`;
  await migrate(qemu, uri);
  return uri;
}

/** Waits until a machine that was started with `-incoming` runs. */
export async function arrival({ qmp }: Qemu): Promise<void> {
  while (!(await qmp.execute<{ running: boolean }>("query-status")).running) {
    await qmp.waitForEvent("RESUME");
  }
}

/** The bytes that {@link migrateToFile} wrote. */
export const streamAt = (uri: string): Buffer => readFileSync(uri.replace(/^file:/, ""));

/** The state of the machine's devices as a stream: one without memory. The machine goes on. */
export async function saveDevices({ qmp }: Qemu): Promise<Buffer> {
  const filename = join(folder(), "devices");
  // Named after who uses it, but anyone can.
  await qmp.execute("xen-save-devices-state", { filename, live: false });
  return readFileSync(filename);
}

/** Loads what {@link saveDevices} gave, in a machine that is stopped. @throws QmpError */
export async function loadDevices({ qmp }: Qemu, stream: Uint8Array): Promise<void> {
  const filename = join(folder(), "devices");
  writeFileSync(filename, stream);
  await qmp.execute("xen-load-devices-state", { filename });
}

/** What one device has in a stream. */
export interface Section {
  readonly instance: number;
  readonly version: number;
  /** Its fields, and its subsections behind them. */
  readonly bytes: Buffer;
  /** Where they are in the stream. */
  readonly at: number;
  /** All of it: number, name, instance, version, bytes. */
  readonly whole: Buffer;
}

/** Of migration/savevm.h: what follows in a stream. */
const EOF = 0x00;
const SECTION_FULL = 0x04;
const VMDESCRIPTION = 0x06;
const SECTION_FOOTER = 0x7e;

/** Can a device's section be over here? Its bytes may look like a footer. */
function continues(stream: Buffer, at: number): boolean {
  if (stream[at] === EOF) {
    return at + 1 === stream.length || stream[at + 1] === VMDESCRIPTION;
  }
  const name = stream.subarray(at + 6, at + 6 + (stream[at + 5] ?? 0)).toString("latin1");
  return stream[at] === SECTION_FULL && /^[ -~]+$/.test(name);
}

/** The first section of this name. @throws Error if there is none */
export function sectionOf(stream: Buffer, name: string): Section {
  const id = Buffer.from([name.length, ...Buffer.from(name, "latin1")]);
  for (let at = stream.indexOf(id); at >= 0; at = stream.indexOf(id, at + 1)) {
    if (stream[at - 5] !== SECTION_FULL) {
      continue;
    }
    const start = at + id.length + 8;
    const footer = Buffer.from([SECTION_FOOTER, ...stream.subarray(at - 4, at)]);
    let end = stream.indexOf(footer, start);
    while (end >= 0 && !continues(stream, end + footer.length)) {
      end = stream.indexOf(footer, end + 1);
    }
    return {
      instance: stream.readUInt32BE(start - 8),
      version: stream.readUInt32BE(start - 4),
      bytes: stream.subarray(start, end),
      at: start,
      whole: stream.subarray(at - 4, end),
    };
  }
  throw new Error(`there is no section ${name} in the stream`);
}

/** Trace events of the accesses to a region. */

import type { Bank } from "./bank.ts";
import type { DeviceClass } from "./device.ts";
import type { IoRegionSpec } from "./regions.ts";
import { accessText, type TracedAccess, traceEvent } from "./trace.ts";

/** Tells the accesses to one region. */
export interface AccessTrace {
  /** After a read: `value` is what the handler returned. */
  read(offset: number, value: unknown, size: number): void;
  /** Before a write of `low` and, of 8 bytes, `high`. */
  write(offset: number, low: number, high: number, size: number): void;
}

/** Letters, digits and underscores of the region's name, or of its type's and its key. */
function stem({ spec }: DeviceClass, key: string): string {
  const name = spec.regions![key]!.name ?? `${spec.type}_${key}`;
  return name.replaceAll(/\W/g, "_");
}

const whole = (low: number, high: number) => (high === 0 ? low : (BigInt(high) << 32n) | BigInt(low));

/** Makes the events of a region; undefined if it is to have none. */
export function accessTrace(cls: DeviceClass, key: string, bank: Bank): AccessTrace | undefined {
  const { trace = {} } = cls.spec.regions![key] as IoRegionSpec;
  if (trace === false) {
    return undefined;
  }
  const reads = traceEvent(trace.read ?? `${stem(cls, key)}_read`);
  const writes = traceEvent(trace.write ?? `${stem(cls, key)}_write`);
  const text = trace.text ?? accessText;
  const describe = (offset: number, value: number | bigint, size: number): Omit<TracedAccess, "writes"> => {
    const fields = typeof value === "number" ? bank.fields(offset >>> 2, value) : "";
    return { offset, value, size, register: bank.labels[offset >>> 2], fields };
  };
  return {
    read: (offset, value, size) =>
      reads(() => {
        const shown = typeof value === "number" || typeof value === "bigint" ? value : 0;
        return text({ ...describe(offset, shown, size), writes: false });
      }),
    write: (offset, low, high, size) =>
      writes(() => text({ ...describe(offset, whole(low, high), size), writes: true })),
  };
}

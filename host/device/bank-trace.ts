/** Trace events of the accesses to a region. */

import type { DeviceRef } from "../qom/devices.ts";
import type { Bank } from "./bank.ts";
import type { DeviceClass, QomObject } from "./device.ts";
import type { IoRegionSpec } from "./regions.ts";
import { accessText, traceEvent } from "./trace.ts";

/** Tells the accesses to one region. */
export interface AccessTrace {
  /** After a read: `value` is what the handler returned. */
  read(device: QomObject, offset: number, value: unknown, size: number): void;
  /** Before a write of `low` and, of 8 bytes, `high`. */
  write(device: QomObject, offset: number, low: number, high: number, size: number): void;
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
  const { text = accessText } = trace;
  const tell = (device: QomObject, offset: number, value: number | bigint, size: number, writes: boolean) => {
    const word = offset >>> 2;
    const fields = typeof value === "number" ? bank.fields(word, value) : "";
    const access = {
      offset,
      value,
      size,
      writes,
      register: bank.labels[word],
      name: bank.names[word],
      fields,
    };
    return text(access, device.object as DeviceRef);
  };
  const reads = traceEvent(trace.read ?? `${stem(cls, key)}_read`, tell);
  const writes = traceEvent(trace.write ?? `${stem(cls, key)}_write`, tell);
  return {
    read(device, offset, value, size) {
      const shown = typeof value === "number" || typeof value === "bigint" ? value : 0;
      reads(device, offset, shown, size, false);
    },
    write(device, offset, low, high, size) {
      writes(device, offset, whole(low, high), size, true);
    },
  };
}

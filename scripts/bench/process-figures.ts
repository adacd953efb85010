/** What Linux knows about a process: proc(5). */
import { readdirSync, readFileSync } from "node:fs";

/** USER_HZ, in which the kernel tells times to programs. */
const TICKS_PER_SECOND = 100;

/** CPU seconds that all threads of a process have used, ended ones too. */
export function cpuSeconds(pid: number): number {
  return cpuSecondsIn(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

/** `PID (COMMAND) STATE ...`: utime and stime are the fields 14 and 15; the command may hold blanks and brackets. */
export function cpuSecondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** The most memory a process has had resident so far, in MB. */
export function peakMegabytes(pid: number): number {
  return peakMegabytesIn(readFileSync(`/proc/${pid}/status`, "utf8"));
}

export function peakMegabytesIn(status: string): number {
  return (Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? NaN) * 1024) / 1e6;
}

export interface Thread {
  readonly id: number;
  readonly cpuSeconds: number;
}

/** The threads of a process. */
export function threadsOf(pid: number): Thread[] {
  const folder = `/proc/${pid}/task`;
  return readdirSync(folder).map((id) => ({
    id: Number(id),
    cpuSeconds: cpuSecondsIn(readFileSync(`${folder}/${id}/stat`, "utf8")),
  }));
}

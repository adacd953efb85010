import { LOG } from "../native/abi.ts";
import { cstring } from "../native/convert.ts";
import { qemu } from "../native/library.ts";

/** What to log; a function is run only if somebody wants to see it. */
export type LogLine = string | (() => string);

function log(mask: number, line: LogLine): void {
  if (qemu.script_log_enabled(mask) !== 0) {
    qemu.script_log(mask, cstring(typeof line === "string" ? line : line()));
  }
}

/** The guest did what the manual forbids; shown with `-d guest_errors`. */
export function guestError(line: LogLine): void {
  log(LOG.GUEST_ERROR, line);
}

/** The guest wants what this model does not do; shown with `-d unimp`. */
export function unimplemented(line: LogLine): void {
  log(LOG.UNIMP, line);
}

import { LOG } from "../native/abi.ts";
import { cstring, qemu } from "../native/library.ts";

function log(mask: number, line: string): void {
  if (qemu.script_log_enabled(mask) !== 0) {
    qemu.script_log(mask, cstring(line));
  }
}

/** The guest did what the manual forbids; shown with `-d guest_errors`. */
export function guestError(line: string): void {
  log(LOG.GUEST_ERROR, line);
}

/** The guest wants what this model does not do; shown with `-d unimp`. */
export function unimplemented(line: string): void {
  log(LOG.UNIMP, line);
}

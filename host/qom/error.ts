import { message } from "../native/convert.ts";
import { qemu } from "../native/library.ts";

/** An error of QEMU's own, in its words. */
export class QemuError extends Error {
  /** As messages show it. */
  override readonly name = "QemuError";
  /** What QEMU would advise a user to do, in lines of text; empty if it has no advice. */
  readonly hint: string;

  constructor(text: string, hint = "") {
    super(text);
    this.hint = hint;
  }
}

/**
 * To be called after a function of C's that can fail: takes the error that it left, if it left one.
 *
 * @throws QemuError
 */
export function check(): void {
  const pointer = qemu.script_error_message();
  if (pointer) {
    const error = new QemuError(message(pointer), message(qemu.script_error_hint()));
    qemu.script_error_clear();
    throw error;
  }
}

/** Numbers in texts. */

/** `0x1f`, or `0x001f` with at least 4 digits: as QEMU's logs and trace events have numbers. */
export function hex(value: number | bigint, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

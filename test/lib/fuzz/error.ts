/** Nothing could be compared, and why: a sequence that makes no sense, or a machine that does not start. */
export class FuzzError extends Error {
  override readonly name = "FuzzError";
}

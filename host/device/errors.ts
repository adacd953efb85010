/** A mistake in a declaration; found when a script is loaded, before the guest runs. */
export class DeclarationError extends Error {
  /** As messages show it. */
  override readonly name = "DeclarationError";
}

/** An object of QEMU's that is used after it went away. */
export class StaleError extends Error {
  /** As messages show it. */
  override readonly name = "StaleError";
}

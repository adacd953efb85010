/** A mistake in a declaration; found when a script is loaded, before the guest runs. */
export class DeclarationError extends Error {
  override readonly name = "DeclarationError";
}

/** An object of QEMU's that is used after it went away. */
export class StaleError extends Error {
  override readonly name = "StaleError";
}

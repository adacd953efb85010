/** Functions made from source, in which what they work on is constant to the JIT compiler. */

let made = 0;

/**
 * Compiles the source of an expression, most often a function.
 *
 * @param constants what the source uses by name
 */
export function fromSource(expression: string, constants: Readonly<Record<string, unknown>> = {}): unknown {
  const names = Object.keys(constants).join(", ");
  // What JavaScriptCore knows of variables goes with the text: two values for the same text, and they are none any more.
  const source = `const { ${names} } = constants; return ${expression}; // ${++made}`;
  return new Function("constants", source)(constants);
}

/** Loading a script for the first time. */

import { classes } from "../engine/instances.ts";
import { Generation, named } from "./generation.ts";
import { compileType, isKnown, lineOf, registerType } from "./registry.ts";
import { type Script, scripts } from "./scripts.ts";
import { watch } from "./watch.ts";

/**
 * Registers the types of a generation that are not there yet.
 *
 * @returns the names of those that are the script's
 */
function registerAll(generation: Generation): string[] {
  const { exported } = generation;
  // What it exports is its own; what that inherits from may be another script's.
  const all = new Set(exported.flatMap(lineOf));
  const own = [...all].filter((cls) => exported.includes(cls) || !isKnown(cls));
  for (const cls of own) {
    registerType(compileType(cls, generation, exported));
  }
  return own.map(({ spec }) => spec.type);
}

async function loadFirst(path: string): Promise<Script> {
  const readAt = Date.now();
  const generation = await Generation.read(path);
  try {
    const types = registerAll(generation);
    const main = generation.exported[0]!.spec.type;
    const times = { readAt, loadedAt: new Date(), lastError: undefined };
    const script = { path, main, types, number: 1, generation, older: [], ...times };
    scripts.set(path, script);
    return script;
  } catch (error) {
    for (const { spec } of generation.exported) {
      // Types of it that QOM knows by now stay, and so does their code.
      if (classes.get(spec.type)?.generation === generation) {
        throw named(path, error);
      }
    }
    generation.dispose();
    throw named(path, error);
  }
}

/**
 * Loads a script and registers the device classes it exports, unless that was done before.
 *
 * @param path absolute
 * @param watching whether to load it anew when it changes
 * @returns the type name of the default export
 * @throws what the script throws, a build message with a position, or an Error that names the path
 */
export async function load(path: string, watching: boolean): Promise<string> {
  const script = scripts.get(path) ?? (await loadFirst(path));
  if (watching) {
    watch(script);
  }
  return script.main;
}

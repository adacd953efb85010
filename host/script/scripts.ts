/** The scripts that were loaded. */

import { instances, type RegisteredClass } from "../engine/instances.ts";
import { early } from "../engine/lifecycle.ts";
import type { Generation } from "./generation.ts";

/** A script, through all its generations. */
export interface Script {
  /** Absolute, with links followed. */
  readonly path: string;
  /** Of the default export's type. */
  readonly main: string;
  /** Names of the types that it declares. */
  types: readonly string[];
  /** How often it was loaded with success. */
  number: number;
  generation: Generation;
  /** Generations before, whose code devices still run. */
  older: Generation[];
  /** When it began to be read for the first time, in ms since 1970. */
  readonly readAt: number;
  loadedAt: Date;
  /** Why it could not be loaded anew since then. */
  lastError: string | undefined;
}

/** ScriptInfo of qapi/script.json. */
export interface ScriptInfo {
  readonly path: string;
  readonly types: readonly string[];
  readonly generation: number;
  readonly "loaded-at": string;
  readonly "last-error"?: string;
  readonly instances: number;
}

/** By path, in the order in which they were loaded first. */
export const scripts = new Map<string, Script>();

/** A reload makes new types: no vCPU may run meanwhile, for the type table has no lock. */
export class NeedsPause extends Error {}

function inUse(): RegisteredClass[] {
  const realized = instances.filter((instance) => instance !== undefined);
  return [...realized, ...early.values()].map(({ registered }) => registered);
}

/** Devices made from a script. */
export function instancesOf({ types }: Script): number {
  return instances.filter((instance) => instance && types.includes(instance.cls.spec.type)).length;
}

export function scriptInfo(script: Script): ScriptInfo {
  const { path, types, number, loadedAt, lastError } = script;
  return {
    path,
    types,
    generation: number,
    "loaded-at": loadedAt.toISOString(),
    ...(lastError === undefined ? {} : { "last-error": lastError }),
    instances: instancesOf(script),
  };
}

export const scriptInfos = (): ScriptInfo[] => [...scripts.values()].map(scriptInfo);

/** Closes what generations opened that no device runs any more. */
export function disposeUnused(script: Script): void {
  const used = new Set(inUse().map(({ generation }) => generation));
  for (const generation of script.older.filter((older) => !used.has(older))) {
    generation.dispose();
  }
  script.older = script.older.filter((older) => used.has(older));
}

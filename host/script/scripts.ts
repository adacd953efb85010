/** The scripts that were loaded. */

import type { Bank } from "../device/bank.ts";
import { classes, instances, type RegisteredClass } from "../engine/instances.ts";
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

/** Has anything a type, be it a device that is not realized yet? */
export function isInUse(type: string): boolean {
  return inUse().some(({ cls }) => cls.spec.type === type);
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

/** `LOAD[0..3]`: elements of an array, which follow each other, in one. */
function ranges(labels: readonly string[]): string[] {
  const names: string[] = [];
  for (const label of labels) {
    const [, stem, index] = /^(.*)\[(\d+)\]$/.exec(label) ?? [];
    const last = /^(.*)\[(\d+)(?:\.\.\d+)?\]$/.exec(names.at(-1) ?? "");
    if (stem !== undefined && last?.[1] === stem) {
      names[names.length - 1] = `${stem}[${last[2]}..${index}]`;
    } else {
      names.push(label);
    }
  }
  return names;
}

function directLine(type: string, region: string, { direct, labels }: Bank): string {
  const named = (use: "reads" | "writes") =>
    ranges(
      labels.filter((label, word): label is string => label !== undefined && direct[word]?.[use] === true),
    );
  const list = (verb: string, names: readonly string[]) =>
    names.length === 0 ? [] : [`${verb} ${names.join(" ")}`];
  const all = [...list("reads of", named("reads")), ...list("writes of", named("writes"))];
  return all.length === 0 ? "" : `  ${type} ${region}: without the script: ${all.join("; ")}\n`;
}

/** For people: which registers C serves by itself. A line for each region that has some, by script. */
export function directRegisters(): string {
  const line = (type: string) => {
    const { cls, regions } = classes.get(type)!;
    const keys = Object.keys(cls.spec.regions ?? {});
    return regions.map((code, index) => (code ? directLine(type, keys[index]!, code.bank) : "")).join("");
  };
  return JSON.stringify([...scripts.values()].map(({ types }) => types.map(line).join("")));
}

/** Closes what generations opened that no device runs any more, and none to come will. */
export function disposeUnused(script: Script): void {
  const used = new Set([...inUse(), ...classes.values()].map(({ generation }) => generation));
  for (const generation of script.older.filter((older) => !used.has(older))) {
    generation.dispose();
  }
  script.older = script.older.filter((older) => used.has(older));
}

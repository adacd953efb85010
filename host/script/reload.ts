/** Loading a script anew, while the machine runs: its devices go on with the new code. */

import { typeDifference } from "../device/difference.ts";
import { abandon, isWaiting } from "../engine/access.ts";
import { classes, type Instance, instances, type RegisteredClass } from "../engine/instances.ts";
import { isAnew, makeSuccessors, obstacle, replace, subjectsOf } from "../engine/replace.ts";
import { cstring, text } from "../native/convert.ts";
import { qemu } from "../native/library.ts";
import { Generation, named } from "./generation.ts";
import { compileType, lineOf, registerType, stageType } from "./registry.ts";
import { forgetReports, oneLine, printLine } from "./report.ts";
import {
  disposeUnused,
  instancesOf,
  isInUse,
  NeedsPause,
  type Script,
  type ScriptInfo,
  scriptInfo,
  scripts,
} from "./scripts.ts";

/** How long asynchronous handlers of the old code may go on, in ms. */
const GRACE = 500;
/** Between two looks at what is in the way, in ms. */
const RETRY = 2;
/** How long a script may take to load, in ms: others wait, the monitor among them. */
const LOADING = 5_000;

/**
 * After so many reloads of a script the garbage of old generations is collected, which takes some 10 ms: by itself, the
 * collector would let it grow to tens of megabytes first.
 */
const COLLECT_EVERY = 16;

type Types = ReadonlyMap<string, RegisteredClass>;

/** What a generation declares of the types that are the script's; of new ones, those that nobody has. */
function compileTypes({ path, types }: Script, generation: Generation): Types {
  const { exported } = generation;
  const line = new Set(exported.flatMap(lineOf));
  const own = [...line].filter(({ spec }) => types.includes(spec.type) || !classes.has(spec.type));
  const compiled = new Map(own.map((cls) => [cls.spec.type, compileType(cls, generation, exported)]));
  for (const type of types) {
    const now = compiled.get(type);
    if (now === undefined) {
      refuseToLose(path, type);
      continue;
    }
    const difference = typeDifference(classes.get(type)!.description, now.description);
    if (difference !== undefined) {
      throw new Error(`${path}: ${type}: ${difference}; a type keeps this until QEMU is started again`);
    }
  }
  return compiled;
}

/** QOM cannot take a type away. One that nothing is of does no harm; its code stays. */
function refuseToLose(path: string, type: string): void {
  if (isInUse(type)) {
    throw new Error(`${path}: type ${type} is not exported any more, but there are devices of it`);
  }
}

/** Makes what a script declares for the first time QOM types, which they are from then on. @throws NeedsPause */
function registerNew(script: Script, types: Types, paused: boolean): void {
  const missing = [...types].filter(([type]) => !classes.has(type));
  if (missing.length > 0 && !paused) {
    throw new NeedsPause();
  }
  for (const [type, registered] of missing) {
    registerType(registered);
    script.types = [...script.types, type];
  }
}

const busy = (types: Types): Instance[] =>
  instances.filter(
    (instance): instance is Instance => instance !== undefined && types.has(instance.cls.spec.type),
  );

/** Is no handler of the devices on the stack, or waiting for a promise? After a while, the latter are cut short. */
function isQuiet(types: Types, since: number): boolean {
  const devices = busy(types);
  if (devices.some(({ active }) => active > 0)) {
    return false;
  }
  if (performance.now() - since > GRACE) {
    for (const device of devices) {
      while (isWaiting(device)) {
        abandon(device);
      }
    }
  }
  return !devices.some(isWaiting);
}

/** Something is in the way that may go away only when nobody waits for this. */
class NotNow extends Error {}

/**
 * Runs `act` as soon as nothing is in the way, with the BQL held.
 *
 * @throws NotNow if something stays in the way
 */
async function whenPossible<T>(types: Types, act: () => T): Promise<T> {
  const since = performance.now();
  for (;;) {
    if (isQuiet(types, since) && qemu.script_bql_hold() !== 0) {
      try {
        const obstacle = text(qemu.script_reload_obstacle());
        if (!obstacle) {
          return act();
        }
        if (performance.now() - since > GRACE) {
          throw new NotNow(`not now: ${obstacle}`);
        }
      } finally {
        qemu.script_bql_release();
      }
    }
    await Bun.sleep(RETRY);
  }
}

/** Has C take on what types declare anew, for objects to come. @returns their names */
function stageAll(types: Types): string[] {
  const changed = [...types].filter(([type, now]) => isAnew(classes.get(type)!, now));
  const staged: string[] = [];
  try {
    for (const [type, now] of changed) {
      stageType(now);
      staged.push(type);
    }
    return staged;
  } catch (error) {
    for (const type of staged) {
      qemu.script_shape_drop(cstring(type));
    }
    throw error;
  }
}

function takeGeneration(script: Script, generation: Generation, types: Types): void {
  script.older.push(script.generation);
  script.generation = generation;
  script.types = [...new Set([...script.types, ...types.keys()])];
  script.number++;
  script.loadedAt = new Date();
  script.lastError = undefined;
  forgetReports();
  disposeUnused(script);
}

/**
 * Gives the types and their devices the new code.
 *
 * @returns why devices that exist go on with the old one, if so
 */
function install(script: Script, generation: Generation, types: Types): unknown {
  const staged = stageAll(types);
  const subjects = subjectsOf(types);
  let refused: unknown = obstacle(subjects);
  let successors: ReturnType<typeof makeSuccessors> = [];
  if (refused === undefined) {
    try {
      successors = makeSuccessors(subjects);
    } catch (error) {
      refused = error;
    }
  }
  for (const type of staged) {
    qemu.script_shape_commit(cstring(type));
  }
  for (const [type, registered] of types) {
    classes.set(type, registered);
  }
  replace(successors, () => takeGeneration(script, generation, types));
  return refused;
}

async function reloadOnce(script: Script, paused: boolean): Promise<void> {
  if (qemu.script_replay_active() !== 0) {
    throw new Error(`${script.path}: not with record/replay: the log does not say when code changes`);
  }
  const generation = await Generation.read(script.path, LOADING);
  let types: Types;
  let refused: unknown;
  try {
    types = compileTypes(script, generation);
    registerNew(script, types, paused);
    refused = await whenPossible(types, () => install(script, generation, types));
  } catch (error) {
    // Types that are new have its code.
    script.older.push(generation);
    disposeUnused(script);
    throw error;
  }
  if (script.number % COLLECT_EVERY === 0) {
    Bun.gc(true);
  }
  if (refused !== undefined) {
    throw typeof refused === "string" ? new Error(`${script.path}: ${refused}`) : refused;
  }
}

/** One after the other. */
let last: Promise<unknown> = Promise.resolve();

function inTurn<T>(act: () => Promise<T>): Promise<T> {
  const turn = last.then(act);
  last = turn.catch(() => {});
  return turn;
}

function succeeded(script: Script): void {
  qemu.script_event_reloaded(cstring(script.path), script.number, instancesOf(script));
}

function failed(script: Script, error: unknown): void {
  script.lastError = oneLine(error).replaceAll("\0", "").toWellFormed();
  qemu.script_event_error(cstring(script.path), cstring(script.lastError));
}

function find({ path, type }: { readonly path?: string; readonly type?: string }): Script {
  const script = path === undefined ? undefined : scripts.get(path);
  const owner = [...scripts.values()].find(({ types }) => type !== undefined && types.includes(type));
  if (script ?? owner) {
    return (script ?? owner)!;
  }
  throw new Error(`${path ?? type}: no such script was loaded; query-scripts lists those that were`);
}

/**
 * Loads a script anew because a user says so.
 *
 * @param named by its path, or by a type that it declares
 * @param paused whether no vCPU runs
 * @throws NeedsPause if it makes new types and vCPUs run; what is wrong with the script; why devices cannot take it on
 */
export function reload(
  named: { readonly path?: string; readonly type?: string },
  paused: boolean,
): Promise<ScriptInfo> {
  return inTurn(async () => {
    const script = find(named);
    try {
      await reloadOnce(script, paused);
    } catch (error) {
      if (!(error instanceof NeedsPause)) {
        failed(script, error);
      }
      throw error;
    }
    succeeded(script);
    return scriptInfo(script);
  });
}

/** What became of a reload because a file changed. */
export type Outcome = "done" | "wrong" | "later";

/**
 * Loads a script anew because its file changed; what is wrong is printed.
 *
 * @param isStale whether the file has changed again: then what is wrong with it is of no interest
 * @param again whether the same was wrong already, and said
 */
export function reloadChanged(
  script: Script,
  isStale: () => Promise<boolean>,
  again: boolean,
): Promise<Outcome> {
  return inTurn(async () => {
    const before = script.lastError;
    try {
      await reloadOnce(script, false);
      succeeded(script);
      printLine(`qemu-system-aarch64: ${script.path}: reloaded, generation ${script.number}`);
      return "done";
    } catch (error) {
      if (error instanceof NotNow) {
        return "later";
      }
      if (error instanceof NeedsPause) {
        qemu.script_reload_later(cstring(script.path));
        return "done";
      }
      if (!(await isStale()) && !(again && oneLine(named(script.path, error)) === before)) {
        failed(script, named(script.path, error));
        printLine(`qemu-system-aarch64: ${script.lastError}`);
      }
      return "wrong";
    }
  });
}

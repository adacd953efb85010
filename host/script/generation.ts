/** Reading a script: each time into modules of their own. */

import { resolve } from "node:path";
import { type DeviceClass, QomObject } from "../device/device.ts";
import { scriptGlobals } from "./globals.ts";
import { ExitRequest, hasSite, isA, oneLine, report } from "./report.ts";

/** A script as it was read once: its modules, and what they and their devices opened. */
export class Generation {
  /** Device classes that it exports, the default export first. */
  readonly exported: readonly DeviceClass[];
  readonly #graph: Bun.ModuleGraph;

  private constructor(graph: Bun.ModuleGraph, exported: readonly DeviceClass[]) {
    this.#graph = graph;
    this.exported = exported;
  }

  /**
   * Reads the script at an absolute path and all that it imports.
   *
   * @param limit how long that may take, in ms
   * @throws what the script throws, a build message with a position, or an Error that names the path
   */
  static async read(path: string, limit?: number): Promise<Generation> {
    if (path.includes("?")) {
      throw new Error(`${path}: Bun cannot load a file whose path has a question mark`);
    }
    const graph = new Bun.ModuleGraph({
      globals: scriptGlobals((fn, ...args) => graph.run(fn, ...args)),
      onError: (error) => report(error, "timer or promise"),
    });
    try {
      const loading = graph.import<Record<string, unknown>>(path);
      return new Generation(graph, classesOf(path, await (limit ? inTime(path, loading, limit) : loading)));
    } catch (error) {
      graph.dispose();
      throw named(path, await placed(path, error));
    }
  }

  /** Runs code of the script: timers, sockets and servers that it opens are the generation's. */
  run<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): R {
    return this.#graph.run(fn, ...args);
  }

  /** Closes all that it opened. None of its devices may be left. */
  dispose(): void {
    this.#graph.dispose();
  }
}

/** @throws Error if it does not come in time */
async function inTime<T>(path: string, loading: Promise<T>, limit: number): Promise<T> {
  loading.catch(() => {});
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `${path}: is not loaded after ${limit / 1000} s: it awaits something that does not come`;
    timer = setTimeout(() => reject(new Error(message)), limit);
  });
  return await Promise.race([loading, late]).finally(() => clearTimeout(timer));
}

function isDeviceClass(value: unknown): value is DeviceClass {
  return typeof value === "function" && value.prototype instanceof QomObject && "spec" in value;
}

function classesOf(path: string, exported: Readonly<Record<string, unknown>>): DeviceClass[] {
  const main = exported["default"];
  if (main === undefined) {
    throw new Error(`${path}: no default export: export the device class with \`export default class\``);
  }
  if (!isDeviceClass(main)) {
    throw new Error(
      `${path}: the default export is no device: it must be a class that extends SysBusDevice.with(...)`,
    );
  }
  return [...new Set([main, ...Object.values(exported)])].filter(isDeviceClass);
}

/** What the bundler makes of a script, without what the host provides. */
const bundle = (path: string) =>
  Bun.build({
    entrypoints: [path],
    external: ["qemu-script"],
    target: "bun",
    metafile: true,
    throw: false,
  });

/** The files of a script, absolute: itself and what it imports; undefined if the bundler cannot tell. */
export async function filesOf(path: string): Promise<string[] | undefined> {
  const { metafile, success } = await bundle(path);
  const inputs = Object.keys(metafile?.inputs ?? {}).map((file) => resolve(file));
  return success ? [...new Set([path, ...inputs])] : undefined;
}

/** A missing import, with its place: only the bundler says where the import stands. */
async function placed(path: string, error: unknown): Promise<unknown> {
  if (!isA(error, ResolveMessage)) {
    return error;
  }
  const build = await bundle(path);
  return build.logs.find(({ position }) => position !== null) ?? error;
}

/** An error that has no place in the script gets at least the script's name. */
export function named(path: string, error: unknown): unknown {
  if (isA(error, ExitRequest) || hasSite(error)) {
    return error;
  }
  const message = oneLine(error);
  return message.includes(path) ? error : new Error(`${path}: ${message}`, { cause: error });
}

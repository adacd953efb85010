import { type Bank, compile } from "../device/bank.ts";
import { accessTrace } from "../device/bank-trace.ts";
import { describe } from "../device/describe.ts";
import { scriptedParent } from "../device/describe-state.ts";
import { type DeviceClass, QomObject } from "../device/device.ts";
import { DeclarationError } from "../device/errors.ts";
import { isIo } from "../device/regions.ts";
import { tableOf } from "../device/registers.ts";
import { initialState } from "../device/state.ts";
import { traceEvents } from "../device/trace.ts";
import { classes } from "../engine/instances.ts";
import { cstring, text } from "../native/convert.ts";
import { qemu } from "../native/library.ts";
import { scriptGlobals } from "./globals.ts";
import { ExitRequest, hasSite, isA, oneLine, report } from "./report.ts";

function isDeviceClass(value: unknown): value is DeviceClass {
  return typeof value === "function" && value.prototype instanceof QomObject && "spec" in value;
}

/**
 * Has the class a QOM type? A module that several scripts import is loaded for each of them, and its classes declare the
 * same each time.
 */
function isRegistered(cls: DeviceClass): boolean {
  return classes.get(cls.spec.type)?.description === describe(cls);
}

/** The code of each region that is served by code. @throws DeclarationError for one that has none */
function banksOf(cls: DeviceClass): (Bank | undefined)[] {
  return Object.entries(cls.spec.regions ?? {}).map(([key, region]) => {
    if (!isIo(region)) {
      return undefined;
    }
    const declared = tableOf(cls, key);
    if (declared === undefined && region.read === undefined && region.write === undefined) {
      throw new DeclarationError(
        `${cls.spec.type}: region ${key} has no registers: declare them with registers(${cls.name}, "${key}", ...)`,
      );
    }
    return compile(cls, key, declared?.table ?? {}, declared?.options);
  });
}

/** @throws DeclarationError for a link to a type that is not there, and not of the same script */
function checkLinks({ spec }: DeviceClass, coming: readonly DeviceClass[]): void {
  for (const [key, { target }] of Object.entries(spec.properties ?? {})) {
    if (target === undefined || target === spec.type || coming.some((cls) => cls.spec.type === target)) {
      continue;
    }
    if (qemu.script_type_exists(cstring(target)) === 0) {
      throw new DeclarationError(`${spec.type}: property ${key}: there is no type ${target} to link to`);
    }
  }
}

/** Makes a class a QOM type. */
function register(cls: DeviceClass, coming: readonly DeviceClass[]): void {
  const { spec, layout } = cls;
  const description = describe(cls);
  const parent = scriptedParent(cls);
  if (parent !== undefined && !isRegistered(parent)) {
    register(parent, coming);
  }
  checkLinks(cls, coming);
  const banks = banksOf(cls);
  const message = text(qemu.script_register_type(cstring(description), initialState(layout)));
  if (message) {
    throw new DeclarationError(message);
  }
  const keys = Object.keys(spec.regions ?? {});
  const regions = banks.map((bank, index) => bank && { bank, trace: accessTrace(cls, keys[index]!, bank) });
  classes.set(spec.type, { cls, regions, trace: traceEvents(spec.traces ?? {}), description });
}

async function importScript(path: string): Promise<Record<string, unknown>> {
  if (path.includes("?")) {
    throw new Error(`${path}: Bun cannot load a file whose path has a question mark`);
  }
  const graph = new Bun.ModuleGraph({
    globals: scriptGlobals(),
    onError: (error) => report(error, "timer or promise"),
  });
  return graph.import<Record<string, unknown>>(path);
}

/** A missing import, with its place: only the bundler says where the import stands. */
async function placed(path: string, error: unknown): Promise<unknown> {
  if (!isA(error, ResolveMessage)) {
    return error;
  }
  const build = await Bun.build({
    entrypoints: [path],
    external: ["qemu-script"],
    target: "bun",
    throw: false,
  });
  return build.logs.find(({ position }) => position !== null) ?? error;
}

/** An error that has no place in the script gets at least the script's name. */
function named(path: string, error: unknown): unknown {
  if (isA(error, ExitRequest) || hasSite(error)) {
    return error;
  }
  const message = oneLine(error);
  return message.includes(path) ? error : new Error(`${path}: ${message}`, { cause: error });
}

/**
 * Loads a script and registers the device classes it exports.
 *
 * @param path absolute
 * @returns the type name of the default export
 * @throws what the script throws, a build message with a position, or an Error that names the path.
 */
export async function load(path: string): Promise<string> {
  try {
    const exported = await importScript(path);
    const main = exported["default"];
    if (main === undefined) {
      throw new Error(`${path}: no default export: export the device class with \`export default class\``);
    }
    if (!isDeviceClass(main)) {
      throw new Error(
        `${path}: the default export is no device: it must be a class that extends SysBusDevice.with(...)`,
      );
    }
    const declared = [...new Set([main, ...Object.values(exported)])].filter(isDeviceClass);
    for (const cls of declared) {
      if (classes.get(cls.spec.type)?.cls !== cls) {
        register(cls, declared);
      }
    }
    return main.spec.type;
  } catch (error) {
    throw named(path, await placed(path, error));
  }
}

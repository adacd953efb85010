/** Declaring GPIO lines. */

import type { DeviceClass } from "./device.ts";
import { has } from "./members.ts";

/** An array of GPIO lines, made by {@link lines}. */
export interface Lines {
  /** Tells it from other declarations. */
  readonly is: "lines";
  /** How many lines. */
  readonly count: number;
  /** See {@link LinesOptions}. */
  readonly name: string | undefined;
  /** See {@link LinesOptions}. */
  readonly anonymous: boolean;
  /** See {@link InputOptions}. */
  readonly changed: string | undefined;
}

/** What may be said of an array of lines. */
export interface LinesOptions {
  /** As boards name it; the key if absent. */
  readonly name?: string;
  /** QEMU's unnamed lines, as qdev_init_gpio_in() and qdev_init_gpio_out() make them: one such array each way. */
  readonly anonymous?: boolean;
}

/** What may be said of an array of inputs. */
export interface InputOptions extends LinesOptions {
  /**
   * Method of the class, `(line: number, level: boolean) => void`, that is called instead of `gpioChanged()`. The
   * class is checked for it when the script is loaded.
   */
  readonly changed?: string;
}

/**
 * An array of GPIO lines, for `inputs` or `outputs` of a declaration.
 *
 * @param count 1 to 1024 lines
 */
export function lines(count: number, options: InputOptions = {}): Lines {
  const { name, anonymous = false, changed } = options;
  return { is: "lines", count, name, anonymous, changed };
}

/** What QEMU calls an array; `undefined` for its unnamed lines. */
export function lineName(key: string, { name, anonymous }: Lines): string | undefined {
  return anonymous ? undefined : (name ?? key);
}

/** The arrays as ScriptLines of qapi/script.json. */
export function describeLines(arrays: Readonly<Record<string, Lines>> = {}) {
  return Object.entries(arrays).map(([key, array]) => {
    const name = lineName(key, array);
    return { ...(name === undefined ? {} : { name }), count: array.count };
  });
}

const MOST_LINES = 1024;
/** QEMU's name for the lines of `irqs`. */
const IRQS = "sysbus-irq";

type Fail = (reason: string) => never;

function checkArray(key: string, array: Lines, fail: Fail): void {
  const { count, name, anonymous } = array;
  if (!Number.isInteger(count) || count < 1 || count > MOST_LINES) {
    fail(`${key}: ${count} lines: 1 to ${MOST_LINES} are possible`);
  }
  if (anonymous && name !== undefined) {
    fail(`${key}: anonymous lines have no name`);
  }
  const known = lineName(key, array);
  if (known !== undefined && (!/^[A-Za-z_][\w.-]*$/.test(known) || known === IRQS)) {
    fail(`${key}: '${known}' is no name for lines`);
  }
}

/** What is wrong with `inputs` and `outputs`. */
export function checkLines(cls: DeviceClass, fail: Fail): void {
  const { inputs = {}, outputs = {} } = cls.spec;
  // Unnamed lines there may be both ways.
  const seen = new Set<string>();
  for (const [way, arrays] of [
    ["inputs", inputs],
    ["outputs", outputs],
  ] as const) {
    for (const [key, array] of Object.entries(arrays)) {
      checkArray(`${way}.${key}`, array, fail);
      const name = lineName(key, array) ?? `unnamed ${way}`;
      if (seen.has(name)) {
        fail(`${way}.${key}: there are other lines called ${name}`);
      }
      seen.add(name);
    }
  }
  for (const [key, { changed }] of Object.entries(inputs)) {
    if (changed !== undefined && !has(cls, changed)) {
      fail(`inputs.${key}: ${cls.name} has no method ${changed}()`);
    }
  }
  for (const [key, { changed }] of Object.entries(outputs)) {
    if (changed !== undefined) {
      fail(`outputs.${key}: nothing calls ${changed}() when an output changes`);
    }
  }
}

/** The functions that serve a register: for each one of its own, in which all is constant. */

import type { Access } from "./access.ts";
import { type Masks, masksOf, nameBits, type Part, partsOf } from "./bits.ts";
import type { DeviceClass } from "./device.ts";
import { guestError, unimplemented } from "./log.ts";
import { memberOf } from "./members.ts";
import { stores } from "./register-check.ts";
import type { AnyRegister } from "./registers.ts";
import { fromSource } from "./source.ts";

export type Reader = (this: object, access: Access) => unknown;
export type Writer = (this: object, value: number, access: Access) => unknown;
type Action = (this: object) => unknown;

/** One register of a bank: of an array, one element. */
export interface One {
  readonly cls: DeviceClass;
  readonly register: AnyRegister;
  /** Among the registers of an array; undefined for a single one. */
  readonly index: number | undefined;
  /** As in `values`. */
  readonly place: number;
  /** For log lines: `pl011`, and `LCRH` or `LOAD[2]`. */
  readonly region: string;
  readonly label: string;
}

type AnyMethod = (this: object, ...args: unknown[]) => unknown;

/** The method, which gets the index first if there is one. */
function method({ cls, index }: One, name: string): AnyMethod {
  const own = memberOf(cls, name)!.value as AnyMethod;
  return index === undefined
    ? own
    : function (...args) {
        return own.call(this, index, ...args);
      };
}

function action(one: One, name: string | undefined): Action | undefined {
  return name === undefined ? undefined : method(one, name);
}

/** Source of what holds the value. */
function holder({ register, index }: One): string {
  const [field, inner] = (register.field ?? "").split(".").map((name) => `[${JSON.stringify(name)}]`);
  const held = index === undefined ? `this${field}` : `this${field}[${index}]`;
  return inner === undefined ? held : held + inner;
}

/** @param actions what `body` may call by name */
function build(
  parameters: string,
  body: string,
  actions: Readonly<Record<string, Action>> = {},
): (this: object, ...args: never[]) => unknown {
  return fromSource(`function (${parameters}) { ${body} }`, actions) as (this: object) => unknown;
}

const masksFor = ({ mode = "rw", mask = 0xffffffff, bits }: AnyRegister): Masks =>
  masksOf(mode, mask >>> 0, partsOf(bits ?? {}));

// --- reading ------------------------------------------------------------------------------------------------------

function fieldReader(one: One): Reader {
  const { rc, wo } = masksFor(one.register);
  const held = holder(one);
  const shown = wo === 0 ? held : `(${held} & ${~wo >>> 0}) >>> 0`;
  if (rc === 0) {
    return build("", `return ${shown};`) as Reader;
  }
  const cleared = rc === 0xffffffff ? "0" : `(${held} & ${~rc >>> 0}) >>> 0`;
  return build("", `const v = ${shown}; ${held} = ${cleared}; return v;`) as Reader;
}

function plainReader(one: One): Reader | undefined {
  const { register, place } = one;
  const { read, values, field, mode, writeOnly } = register;
  if (read) {
    return method(one, read) as Reader;
  }
  if (values) {
    return build("", `return ${values[place]! >>> 0};`) as Reader;
  }
  return field === undefined || mode === "wo" || writeOnly ? undefined : fieldReader(one);
}

/** What serves reads of the register, or undefined if it cannot be read. */
export function reader(one: One): Reader | undefined {
  if (one.register.mode === "reserved") {
    return () => {
      guestError(`${one.region}_read: ${one.label} is reserved`);
      return 0;
    };
  }
  const read = plainReader(one);
  const wasRead = action(one, one.register.wasRead);
  if (!read || !wasRead) {
    return read;
  }
  return function (access) {
    const value = read.call(this, access);
    if (value instanceof Promise) {
      return value.then(() => {
        wasRead.call(this);
        return value;
      });
    }
    wasRead.call(this);
    return value;
  };
}

// --- writing ------------------------------------------------------------------------------------------------------

/** Source that stores `v`, as the modes of the bits have it. */
function storing(held: string, { rw, w1c, w1s, w0c, wc }: Masks): string {
  const all = 0xffffffff;
  if (rw === all) {
    return `${held} = v;`;
  }
  const steps = [rw === 0 ? `let n = ${held};` : `let n = (${held} & ${~rw >>> 0}) | (v & ${rw});`];
  if (w1c !== 0) {
    steps.push(`n &= ~(v & ${w1c});`);
  }
  if (w1s !== 0) {
    steps.push(`n |= v & ${w1s};`);
  }
  if (w0c !== 0) {
    steps.push(`n &= v | ${~w0c >>> 0};`);
  }
  if (wc !== 0) {
    steps.push(`n &= ${~wc >>> 0};`);
  }
  return [...steps, `${held} = n >>> 0;`].join(" ");
}

function fieldWriter(one: One): Writer {
  const held = holder(one);
  const store = storing(held, masksFor(one.register));
  const changed = action(one, one.register.changed);
  const written = action(one, one.register.written);
  const look = changed ? `const o = ${held}; ${store} if (${held} !== o) changed.call(this);` : store;
  const body = written ? `${look} written.call(this);` : look;
  return build("v", body, { ...(changed && { changed }), ...(written && { written }) }) as Writer;
}

/** A method may do anything to the field, and later. */
function methodWriter(one: One): Writer {
  const write = method(one, one.register.write!) as Writer;
  const changed = action(one, one.register.changed);
  const written = action(one, one.register.written);
  if (!changed && !written) {
    return write;
  }
  const held = changed ? (build("", `return ${holder(one)};`) as Action) : () => undefined;
  function finish(device: object, before: unknown): void {
    if (changed && held.call(device) !== before) {
      changed.call(device);
    }
    written?.call(device);
  }
  return function (value, access) {
    const before = held.call(this);
    const done = write.call(this, value, access);
    return done instanceof Promise ? done.then(() => finish(this, before)) : finish(this, before);
  };
}

function plainWriter(one: One): Writer | undefined {
  const { register } = one;
  if (register.write) {
    return methodWriter(one);
  }
  if (register.ignoresWrites) {
    return build("", "") as Writer;
  }
  return stores(register) ? fieldWriter(one) : undefined;
}

/** Logs what the guest writes to bits that are not there. */
function watchBits(one: One, write: Writer, parts: readonly Part[]): Writer {
  const { reserved, unhandled } = masksFor(one.register);
  const watched = (reserved | unhandled) >>> 0;
  const where = `${one.region}_write: ${one.label}`;
  if (watched === 0) {
    return write;
  }
  return function (value, access) {
    if ((value & watched) !== 0) {
      const wrong = (value & reserved) >>> 0;
      const missing = (value & unhandled) >>> 0;
      if (wrong !== 0) {
        guestError(() => `${where}: reserved bits ${nameBits(parts, wrong)}`);
      }
      if (missing !== 0) {
        unimplemented(() => `${where}: bits that are not implemented: ${nameBits(parts, missing)}`);
      }
    }
    return write.call(this, value, access);
  };
}

/** What serves writes to the register, or undefined if it cannot be written. */
export function writer(one: One): Writer | undefined {
  const { register } = one;
  if (register.mode === "reserved") {
    return () => guestError(`${one.region}_write: ${one.label} is reserved`);
  }
  const write = plainWriter(one);
  if (!write) {
    return undefined;
  }
  return register.bits && !register.ignoresWrites ? watchBits(one, write, partsOf(register.bits)) : write;
}

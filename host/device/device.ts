import type { Checked, Declared, DeviceSpec } from "./spec.ts";
import { defineAccessors, type HasViews, type Layout, layOut, VIEWS } from "./state.ts";

/** Own properties of the device that the host is making. */
let making: PropertyDescriptorMap | undefined;

/** Makes an instance of `cls`; its constructor and field initializers find the device complete. */
export function make<T extends Device>(cls: new () => T, own: PropertyDescriptorMap): T {
  making = own;
  try {
    return new cls();
  } finally {
    making = undefined;
  }
}

/** Ancestor of every scripted device. */
export abstract class Device {
  constructor() {
    if (making === undefined) {
      throw new TypeError(
        `${new.target.name} cannot be made by a script: QEMU makes it, by -device or a board`,
      );
    }
    Object.defineProperties(this, making);
    making = undefined;
  }
}

/** A device class made by `with()`. */
export interface DeviceClass<S extends DeviceSpec = DeviceSpec, T = unknown> {
  new (): T;
  /** Of its instances. */
  readonly prototype: T;
  /** In TypeScript; the QOM type's is in {@link spec}. */
  readonly name: string;
  /** The declaration. */
  readonly spec: S;
  /** Where the fields of the state lie. */
  readonly layout: Layout;
}

/** A device on the system bus: memory-mapped regions, interrupt lines, clocks. */
export abstract class SysBusDevice extends Device {
  /** The QOM type that a direct subclass extends. */
  static readonly parent = "sys-bus-device";

  /**
   * The base class of a device with this declaration. Its fields, `config`, `irqs` and `clocks` are there, typed, from
   * the constructor on.
   */
  static with<const S extends DeviceSpec>(spec: S & Checked<S>): DeviceClass<S, SysBusDevice & Declared<S>> {
    const layout = layOut(spec.state ?? {});
    abstract class Declaration extends SysBusDevice {
      static readonly spec = spec;
      static readonly layout = layout;
      declare [VIEWS]: HasViews[typeof VIEWS];
    }
    defineAccessors(Declaration.prototype, layout);
    return Declaration as unknown as DeviceClass<S, SysBusDevice & Declared<S>>;
  }
}

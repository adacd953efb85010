import type { DeviceRef, PCIDeviceRef, SysBusDeviceRef } from "../qom/devices.ts";
import { makeScripted, type Settings } from "../qom/make.ts";
import type { ObjectRef } from "../qom/object.ts";
import { inheritFromC } from "./c-parent.ts";
import { DeclarationError } from "./errors.ts";
import type { Handle } from "./handle.ts";
import type { BaseName } from "./kinds.ts";
import { mergeSpecs } from "./merge.ts";
import type { Checked, Declared, DeviceSpec, Merged, SpecFor } from "./spec.ts";
import { defineAccessors, type HasViews, type Layout, layOut, VIEWS } from "./state.ts";

/** Own properties of the device that the host is making. */
let making: (PropertyDescriptorMap & { readonly [VIEWS]?: PropertyDescriptor }) | undefined;

/** Makes an instance of `cls`; its constructor and field initializers find the device complete. */
export function make<T extends QomObject>(cls: new () => T, own: PropertyDescriptorMap): T {
  making = own;
  try {
    return new cls();
  } finally {
    making = undefined;
  }
}

/** Key of a device's own QOM object, for the host. */
export const SELF: unique symbol = Symbol("QOM object");

export interface HasSelf {
  readonly [SELF]: Handle;
}

/** An abstract class, by what its instances are. */
type AbstractClass<T = unknown> = abstract new (...args: never[]) => T;

/** A class that can be declared further: one of the four bases, or one that a script made of them. */
export interface Base extends AbstractClass<QomObject> {
  readonly base: BaseName;
}

/** What a class declares by itself and inherits. */
export interface Declaring<S = DeviceSpec> {
  /** With what it inherits. */
  readonly spec: S;
  /** Without. */
  readonly ownSpec: DeviceSpec;
  /** Where the fields of the state lie. */
  readonly layout: Layout;
}

/** A class made by `with()`, or one that extends it and may be abstract. */
export type DeclaredClass = AbstractClass & Declaring;

/** A class made by `with()`. */
export interface DeviceClass<S = DeviceSpec, T = unknown> extends Declaring<S> {
  new (): T;
  /** Of its instances. */
  readonly prototype: T;
  /** In TypeScript; the QOM type's is in {@link spec}. */
  readonly name: string;
  /** The QOM type of the class that `with()` was called on first. */
  readonly base: BaseName;
  /** Declares a type that inherits from this one. */
  readonly with: typeof QomObject.with;
  /** Makes an object of the type. */
  readonly new: typeof QomObject.new;
}

type SpecOf<C> = C extends { readonly spec: infer S } ? S : Record<never, never>;
type InstanceOf<C> = C extends AbstractClass<infer T> ? T : never;
type ObjectOf<C> = InstanceOf<C> extends { readonly object: infer Ref } ? Ref : never;
type BaseOf<C> =
  InstanceOf<C> extends PCIDevice
    ? "pci-device"
    : InstanceOf<C> extends SysBusDevice
      ? "sys-bus-device"
      : InstanceOf<C> extends Device
        ? "device"
        : "object";

/** Tells the classes apart for the type checker, which would take those of the same shape for one. */
declare const LINEAGE: unique symbol;

/** Ancestor of every scripted type. */
export abstract class QomObject {
  /** The QOM type of the class that `with()` was called on first. */
  static readonly base: BaseName = "object";
  declare readonly [LINEAGE]: { readonly object: true };
  /** Its own object: its path, children, links and properties. */
  declare readonly object: ObjectRef;

  constructor() {
    if (making === undefined) {
      throw new TypeError(
        `${new.target.name} cannot be made by a script: QEMU makes it, by -device or a board`,
      );
    }
    // What every field of the state looks at comes first, before what is not a symbol: see makeParts().
    if (making[VIEWS]) {
      Object.defineProperty(this, VIEWS, making[VIEWS]);
    }
    Object.defineProperties(this, making);
    making = undefined;
  }

  /**
   * The class to extend for a type with this declaration, whose parent type is this class's: `SysBusDevice.with({...})`,
   * or `Parent.with({...})` where Parent is a device of a script. The declared fields, `config`, `irqs`, ... are there,
   * typed, from the constructor on, and so is what the parent declares.
   */
  static with<C extends Base, const S extends DeviceSpec>(
    this: C,
    spec: S & SpecFor<BaseOf<C>> & Checked<S, SpecOf<C>, BaseOf<C>>,
  ): DeviceClass<Merged<SpecOf<C>, S>, InstanceOf<C> & Declared<S>> {
    // biome-ignore lint/complexity/noThisInStatic: the class that is declared further, which may be a script's
    const parent = this as unknown as Partial<Declaring> & (new () => QomObject);
    const merged = mergeSpecs(parent.spec, spec);
    const layout = layOut(merged.state ?? {});
    abstract class Declaration extends parent {
      static override readonly spec: DeviceSpec = merged;
      static override readonly ownSpec: DeviceSpec = spec;
      static override readonly layout = layout;
      declare [VIEWS]: HasViews[typeof VIEWS];
    }
    const taken = Object.keys(spec.state ?? {}).find((name) => name in parent.prototype);
    if (taken !== undefined && parent.spec !== undefined) {
      throw new DeclarationError(
        `${spec.type}: the parent type has a member ${taken}, which the field of that name would hide`,
      );
    }
    const own = layout.slots.slice(parent.layout?.slots.length ?? 0);
    defineAccessors(Declaration.prototype, { ...layout, slots: own });
    if (spec.parent !== undefined) {
      inheritFromC(Declaration.prototype);
    }
    return Declaration as unknown as DeviceClass<Merged<SpecOf<C>, S>, InstanceOf<C> & Declared<S>>;
  }

  /**
   * Makes an object of the type that this class declares, with some of its properties. Nothing but the handle has it;
   * see {@link ObjectRef.addChild}. A device must then be realized, which makes the instance of this class.
   *
   * @throws QemuError if the class is abstract, or QEMU refuses a property
   */
  static new<C extends Base & { readonly spec: unknown }>(
    this: C,
    settings: Settings<SpecOf<C>> = {} as Settings<SpecOf<C>>,
  ): ObjectOf<C> {
    // biome-ignore lint/complexity/noThisInStatic: the class of the script
    const { spec } = this as unknown as Declaring;
    return makeScripted(spec, settings) as ObjectOf<C>;
  }
}

/** A device without a bus: properties, state, GPIO lines, clocks. */
export abstract class Device extends QomObject {
  static override readonly base: BaseName = "device";
  declare readonly object: DeviceRef;
  declare readonly [LINEAGE]: { readonly object: true; readonly device: true };
}

/** A device on the system bus: memory-mapped regions and interrupt lines, which a board connects. */
export abstract class SysBusDevice extends Device {
  static override readonly base: BaseName = "sys-bus-device";
  declare readonly object: SysBusDeviceRef;
  declare readonly [LINEAGE]: { readonly object: true; readonly device: true; readonly sysBus: true };
}

/** A device on a PCI bus: configuration space, BARs, INTx, MSI and MSI-X. */
export abstract class PCIDevice extends Device {
  static override readonly base: BaseName = "pci-device";
  declare readonly object: PCIDeviceRef;
  declare readonly [LINEAGE]: { readonly object: true; readonly device: true; readonly pci: true };
}

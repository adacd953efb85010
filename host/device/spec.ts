import type { CParent } from "./c-parent.ts";
import type { Chardev } from "./chardev.ts";
import type { ClockInput, ClockOutput, ClockSpec } from "./clocks.ts";
import type { DeviceTreeSpec } from "./device-tree.ts";
import type { Dma } from "./dma.ts";
import type { Fields, Property, ValueOf } from "./fields.ts";
import type { InputLines, OutputLines } from "./gpio.ts";
import type { FollowingLines, IrqLines, IrqSpec } from "./irq.ts";
import type { BaseName, SENSELESS } from "./kinds.ts";
import type { Lines } from "./lines.ts";
import type { PciOf } from "./pci.ts";
import type { MsiSpec, MsixSpec, PciSpec } from "./pci-spec.ts";
import type { Bit } from "./properties.ts";
import type {
  AliasRegionSpec,
  ContainerRegionSpec,
  IoRegionSpec,
  RamRegionSpec,
  RegionOf,
  RegionSpecs,
} from "./regions.ts";
import type { FieldsOf } from "./struct.ts";
import type { TraceEvent, TraceText } from "./trace.ts";

/** How a device's state migrates. */
export interface MigrationSpec {
  /** Of the section; the type's name if absent. */
  readonly name?: string;
  /** Of the section; 1 if absent. */
  readonly version?: number;
  /** Oldest version that can be loaded; the version if absent. */
  readonly minimum?: number;
  /** When the section migrates, by QEMU's names (MIG_PRI_*), each before those to its left; `default` if absent. */
  readonly priority?: "default" | "iommu" | "pci-bus" | "virtio-mem" | "gicv3-its" | "gicv3";
  /** A machine with this device can be neither migrated nor saved, because of this if a reason is given. */
  readonly unmigratable?: true | string;
  /**
   * Methods that say of the state that was loaded whether it makes sense, called before `postLoad()`: the first that
   * returns anything but true makes loading fail, and the device keeps the state that it had.
   */
  readonly validate?: readonly string[];
}

/** What a device is, as far as QEMU must know before it runs any of its code. */
export interface DeviceSpec {
  /** Name of its QOM type; users write it after `-device`. */
  readonly type: string;
  /** One line for `-device help`. */
  readonly description?: string;
  /** For other types to inherit from; QEMU makes no objects of it. */
  readonly abstract?: boolean;
  /** A type of QEMU's own, such as `pl011`, that lies between the class's and this one. */
  readonly parent?: string;
  /**
   * QOM interfaces that it implements: `nmi`, with the trait {@link NmiHandler}, or new ones without methods, by which
   * others find it (`qom-list-types implements=NAME`).
   */
  readonly interfaces?: readonly string[];
  /** Configuration, by name. */
  readonly properties?: Readonly<Record<string, Property>>;
  /** What migrates and survives; in the order of the migration stream. */
  readonly state?: Fields;
  /** How the state migrates; the section is called like the type, version 1, if absent. */
  readonly migration?: MigrationSpec;
  /**
   * Outgoing interrupt lines, in the order in which boards connect them; those that carry bits of a status as
   * `{ name: "RXINTR", bits: 0x10 }`, for `follow()`.
   */
  readonly irqs?: readonly (string | IrqSpec)[];
  /** Arrays of GPIO inputs: `{ pins: lines(8) }`. */
  readonly inputs?: Readonly<Record<string, Lines>>;
  /** Arrays of GPIO outputs. */
  readonly outputs?: Readonly<Record<string, Lines>>;
  /** Clock inputs. */
  readonly clocks?: readonly (string | ClockSpec)[];
  /** Clock outputs. */
  readonly clockOutputs?: readonly string[];
  /** Memory regions; boards know those that are inside no other by their order. */
  readonly regions?: RegionSpecs;
  /**
   * Trace events, for `-trace`, each with what makes its text: `{ timer_fired: (count: number) => `${count} left` }`.
   * An event that QEMU has already is that one.
   */
  readonly traces?: Readonly<Record<string, TraceText>>;
  /** For machines that describe themselves to the guest by a device tree. */
  readonly deviceTree?: DeviceTreeSpec;
  /** What a PCI device is on its bus. */
  readonly pci?: PciSpec;
}

/** What makes no sense in the declaration of an object of a kind. */
export type SpecFor<B extends BaseName> = Omit<DeviceSpec, (typeof SENSELESS)[B][number]>;

type MergedPart<P, S> = P extends readonly unknown[]
  ? S extends readonly unknown[]
    ? readonly [...P, ...S]
    : S
  : P extends object
    ? Omit<P, keyof S> & S
    : S;

/** The declaration S of a type whose parent declares P. */
export type Merged<P, S> = P extends DeviceSpec
  ? {
      readonly [K in keyof P | keyof S]: K extends keyof S
        ? K extends keyof P
          ? MergedPart<P[K], S[K]>
          : S[K]
        : K extends keyof P
          ? P[K]
          : never;
    }
  : S;

/** A part of the declaration; one with nothing in it if it is absent. */
type Part<S, K extends string> = K extends keyof S ? Exclude<S[K], undefined> : Record<never, never>;

/** Fields as members of the device. */
export type StateOf<S> = FieldsOf<Part<S, "state">>;

/** Words that the properties of P have bits in. */
type WordsOf<P> = { [K in keyof P]: P[K] extends Bit<infer W> ? W : never }[keyof P];

/** Values of the properties, fixed since realize; and the words that bits are in. */
export type ConfigOf<S> = {
  readonly [K in keyof Part<S, "properties">]: ValueOf<Part<S, "properties">[K]>;
} & { readonly [W in WordsOf<Part<S, "properties">>]: number };

/** Of a list whose entries are names, or have one. */
type EntryNames<V> = V extends readonly (infer E)[]
  ? E extends { readonly name: infer N extends string }
    ? N
    : E & string
  : never;

type Names<V> = V extends readonly (infer N extends string)[] ? N : never;

export type IrqsOf<S> = IrqLines<EntryNames<Part<S, "irqs">>> &
  (Part<S, "irqs"> extends readonly (infer L)[]
    ? [Extract<L, IrqSpec>] extends [never]
      ? unknown
      : FollowingLines
    : unknown);

export type InputsOf<S> = { readonly [K in keyof Part<S, "inputs">]: InputLines };

export type OutputsOf<S> = { readonly [K in keyof Part<S, "outputs">]: OutputLines };

export type ClocksOf<S> = { readonly [N in EntryNames<Part<S, "clocks">>]: ClockInput };

export type ClockOutputsOf<S> = { readonly [N in Names<Part<S, "clockOutputs">>]: ClockOutput };

export type TracesOf<S> = {
  readonly [N in keyof Part<S, "traces">]: Part<S, "traces">[N] extends (...args: infer A) => string
    ? TraceEvent<A>
    : never;
};

/** Keys of the regions whose accesses the device's code serves. */
export type RegionsOf<S> = {
  [K in keyof Part<S, "regions">]: Part<S, "regions">[K] extends { readonly kind: Exclude<Kind, "io"> }
    ? never
    : K;
}[keyof Part<S, "regions">] &
  string;

type Kind = "io" | "ram" | "rom" | "container" | "alias";

/** The shape of a region of its kind. */
type ShapeOf<R> = R extends { readonly kind: "ram" | "rom" }
  ? RamRegionSpec
  : R extends { readonly kind: "container" }
    ? ContainerRegionSpec
    : R extends { readonly kind: "alias" }
      ? AliasRegionSpec
      : IoRegionSpec;

/** A region has no unknown keys, and names others of the device. */
type CheckedRegion<R, Others> = Only<R, ShapeOf<R>> & {
  readonly inside?: { readonly region: Others };
  readonly of?: R extends { readonly kind: "alias" } ? Others : never;
};

interface HasPci<P> {
  /** Its end of the PCI bus. */
  readonly pci: PciOf<P>;
}

/** What a declaration adds to a device. */
export type Declared<S> = (S extends { readonly parent: string } ? CParent : unknown) &
  (S extends { readonly pci: infer P } ? HasPci<P> : unknown) &
  StateOf<S> & {
    /** Values of the properties, by key. */
    readonly config: ConfigOf<S>;
    /** The interrupt lines, by name. */
    readonly irqs: IrqsOf<S>;
    /** The arrays of GPIO inputs, by key. */
    readonly inputs: InputsOf<S>;
    /** The arrays of GPIO outputs, by key. */
    readonly outputs: OutputsOf<S>;
    /** The clock inputs, by name. */
    readonly clocks: ClocksOf<S>;
    /** The clock outputs, by name. */
    readonly clockOutputs: ClockOutputsOf<S>;
    /** The regions, by key. */
    readonly regions: { readonly [K in keyof Part<S, "regions">]: RegionOf<Part<S, "regions">[K]> };
    /** The trace events of `traces`, by name. */
    readonly trace: TracesOf<S>;
    /** Guest memory, as the device sees it. */
    readonly dma: Dma;
  };

type Only<T, Shape> = { readonly [K in Exclude<keyof T, keyof Shape>]: never };

/**
 * A function whose parameters have no types, anywhere in a declaration, keeps the compiler from seeing the rest of it: it
 * takes the declaration for any that there may be.
 */
interface Unseen {
  readonly "parameters of functions in a declaration need types, as in ({ offset }: TracedAccess) => ..., and the state fixed keys": never;
}

type IsAny<T> = 0 extends 1 & T ? true : false;

/** Has the state any keys that there may be? */
type IsUnseen<State> = IsAny<State> extends true ? false : string extends keyof State ? true : false;

/** What the shape of DeviceSpec cannot say, or else what is the matter. */
export type Checked<S, P = Record<never, never>, B extends BaseName = BaseName> =
  IsUnseen<Part<S, "state">> extends true ? Unseen : CheckedSeen<S, P, B>;

/** No unknown keys, no taken names, no line that was not declared. */
type CheckedSeen<S, P, B extends BaseName> = Only<S, SpecFor<B>> & {
  readonly parent?: P extends DeviceSpec ? never : string;
  readonly state?: { readonly [K in keyof Part<S, "state"> & (Taken | keyof Part<P, "state">)]: never };
  readonly irqs?: readonly (
    | Exclude<EntryNames<Part<S, "irqs">>, TakenLine>
    | (IrqSpec & { readonly name: Exclude<EntryNames<Part<S, "irqs">>, TakenLine> })
  )[];
  readonly migration?: Only<Part<S, "migration">, MigrationSpec>;
  readonly regions?: {
    readonly [K in keyof Part<S, "regions">]: CheckedRegion<
      Part<S, "regions">[K],
      Exclude<keyof Part<S, "regions"> | keyof Part<P, "regions">, K>
    >;
  };
  readonly pci?: Only<Part<S, "pci">, PciSpec> & {
    readonly msi?: Only<Part<Part<S, "pci">, "msi">, MsiSpec>;
    readonly msix?: Only<Part<Part<S, "pci">, "msix">, MsixSpec>;
  };
  readonly deviceTree?: Only<Part<S, "deviceTree">, DeviceTreeSpec> & {
    readonly interrupts?: readonly (EntryNames<Part<S, "irqs">> | EntryNames<Part<P, "irqs">>)[];
  };
};

type TakenLine = "drive" | "follow";

type Taken =
  | "init"
  | "unparent"
  | "finalize"
  | "nmi"
  | "config"
  | "object"
  | "irqs"
  | "inputs"
  | "outputs"
  | "clocks"
  | "clockOutputs"
  | "dma"
  | "pci"
  | "configRead"
  | "configWrite"
  | "regions"
  | "trace"
  | "realize"
  | "unrealize"
  | "reset"
  | "resetEnter"
  | "resetHold"
  | "resetExit"
  | "receive"
  | "receiveBreak"
  | "chardevEvent"
  | "gpioChanged"
  | "preSave"
  | "postSave"
  | "preLoad"
  | "postLoad"
  | "save"
  | "load"
  | "migrate"
  | "reloaded"
  | "retire"
  | "clockChanged"
  | "timerExpired";

export type { Chardev };

/** What a bench is made of: subjects that are compared, figures that one run of one of them gives, and targets. */

/** What is compared: unpatched QEMU, the library with QEMU's own UART, the library with the UART in TypeScript. */
export const SIDES = ["stock", "library", "script"] as const;
export type Side = (typeof SIDES)[number];

export interface Subject {
  readonly side: Side;
  readonly program: string;
  /** Its first arguments, which make it this subject. */
  readonly args: readonly string[];
}

export interface Figure {
  readonly title: string;
  readonly unit: string;
  /** Digits after the decimal point. */
  readonly digits: number;
}

/** What a subject should reach: a figure's median, by itself or compared with another subject's. */
export type Target = {
  readonly figure: string;
  readonly side: Side;
  readonly atMost: number;
} & ({ readonly compare: "value" } | { readonly compare: "ratio" | "difference"; readonly against: Side });

/** The figures of one run; one that a subject does not have is left out. */
export type Sample = Readonly<Record<string, number>>;

export interface Bench {
  readonly name: string;
  /** One line that says what is measured. */
  readonly about: string;
  /** The side that the table's ratios refer to. */
  readonly baseline: Side;
  readonly figures: Readonly<Record<string, Figure>>;
  readonly targets: readonly Target[];
  /** Does the linux guest have to be there? */
  readonly linux?: boolean;
  /** Called once before the first run, to make what runs need. */
  prepare?(): Promise<void>;
  run(subject: Subject): Promise<Sample>;
}

export const TITLES = {
  stock: "stock QEMU",
  library: "C in the library",
  script: "TypeScript",
} as const satisfies Record<Side, string>;

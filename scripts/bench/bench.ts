/** What a bench is made of: subjects that are compared, figures that one run of one of them gives, and targets. */

/** Unpatched QEMU, the library with devices in C, the library with devices in TypeScript. */
export const SIDES = ["stock", "library", "script"] as const;

/** Other ways to a device that is not C in QEMU; the bench `peers` has them. */
export const PEERS = ["unicornPython", "unicornBun", "callback", "socketC", "socketBun"] as const;

export type Side = (typeof SIDES)[number];
export type Peer = (typeof PEERS)[number];

/** What is compared: one column of a table. */
export type Column = Side | Peer;

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
  /** Of most figures less is better. */
  readonly moreIsBetter?: true;
}

/** What a subject should reach: a figure's median, by itself or compared with another subject's. */
export type Target = {
  readonly figure: string;
  readonly side: Side;
  readonly atMost: number;
} & ({ readonly compare: "value" } | { readonly compare: "ratio" | "difference"; readonly against: Side });

/** The figures of one run; one that a subject does not have is left out. */
export type Sample = Readonly<Record<string, number>>;

/** What the user may say about how benches run. */
export interface Settings {
  /** How long the bench `latency` accesses a device, each time. */
  readonly seconds: number;
}

export interface Bench {
  readonly name: string;
  /** Half a line that says what is measured. */
  readonly about: string;
  /** More about it, for those who read the table. */
  readonly details?: string;
  /** The side that the table's ratios refer to. */
  readonly baseline: Side;
  readonly figures: Readonly<Record<string, Figure>>;
  readonly targets: readonly Target[];
  /** Who takes part; all if absent. */
  readonly sides?: readonly Side[];
  /** Does the linux guest have to be there? */
  readonly linux?: boolean;
  /** At most so many rounds, however many are asked for: one takes long, or gives the same each time. */
  readonly rounds?: number;
  /** So many rounds for one that is asked for: what it measures varies much. */
  readonly repeats?: number;
  /** Called once before the first run, to make what runs need. */
  prepare?(settings: Settings): Promise<void>;
  run(subject: Subject): Promise<Sample>;
  /** Peers that this machine has, which take part in each round; asked for after {@link prepare}. */
  peers?(): Promise<readonly Peer[]>;
  runPeer?(peer: Peer): Promise<Sample>;
  /** More to tell than figures, as Markdown; asked for after the last run. */
  notes?(): string | undefined;
}

export const TITLES = {
  stock: "stock QEMU",
  library: "C in the library",
  script: "TypeScript",
  unicornPython: "Unicorn, callback in Python",
  unicornBun: "Unicorn in Bun, JSCallback",
  callback: "JSCallback alone",
  socketC: "process in C behind a socket",
  socketBun: "process in Bun behind a socket",
} as const satisfies Record<Column, string>;

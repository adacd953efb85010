/** The kinds of objects that scripts can make, by the name of their QOM type. */
export type BaseName = "object" | "device" | "sys-bus-device" | "pci-device";

/** Parts of a declaration that an object of a kind cannot have. */
export const SENSELESS = {
  object: [
    "irqs",
    "inputs",
    "outputs",
    "clocks",
    "clockOutputs",
    "regions",
    "migration",
    "deviceTree",
    "pci",
  ],
  device: ["irqs", "regions", "deviceTree", "pci"],
  "sys-bus-device": ["pci"],
  "pci-device": ["irqs", "deviceTree"],
} as const satisfies Record<BaseName, readonly string[]>;

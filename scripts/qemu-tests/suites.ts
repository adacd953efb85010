/** Those of QEMU's own tests that are run, and how: each is a program with many cases. */
import type { QTESTS } from "../lib/paths.ts";
import type { SideName } from "./sides.ts";

export interface Suite {
  readonly name: string;
  /** One line that says what is tested. */
  readonly about: string;
  readonly program: (typeof QTESTS)[number];
  /** Arguments of its own, before GLib's. */
  readonly args?: readonly string[];
  /** In a migration, this end of it is stock QEMU. */
  readonly stockIs?: "source" | "destination";
  /** Left out on other sides. */
  readonly sides?: readonly SideName[];
  /** The suite whose result with stock QEMU this one is compared with, if not its own. */
  readonly like?: string;
}

/** All cases, not only the few that QEMU's own CI takes without KVM. */
const MIGRATION = { program: "migration-test", args: ["--full"] } as const;

export const SUITES: readonly Suite[] = [
  { name: "boot-serial-test", program: "boot-serial-test", about: "a bare-metal guest writes to the UART" },
  {
    name: "device-introspect-test",
    program: "device-introspect-test",
    about: "types, their properties and help; with --slow on every board, with and without default devices",
  },
  {
    name: "qom-test",
    program: "qom-test",
    about: "every board: every property of every object is read",
  },
  { name: "test-hmp", program: "test-hmp", about: "every board: the monitor's commands for people" },
  { name: "qmp-cmd-test", program: "qmp-cmd-test", about: "the monitor's queries for programs; object-add" },
  { name: "migration-test", ...MIGRATION, about: "a guest that writes to the UART and to memory migrates" },
  {
    name: "migration-from-stock",
    ...MIGRATION,
    about: "the same, from stock QEMU to the TypeScript UART",
    stockIs: "source",
    sides: ["replaced"],
    like: "migration-test",
  },
  {
    name: "migration-to-stock",
    ...MIGRATION,
    about: "the same, from the TypeScript UART to stock QEMU",
    stockIs: "destination",
    sides: ["replaced"],
    like: "migration-test",
  },
];

import { type Mode, type Part, partsOf } from "./bits.ts";
import type { DeclaredClass, DeviceClass } from "./device.ts";
import { hex } from "./hex.ts";
import { stores } from "./register-check.ts";
import { type AnyRegister, tableOf } from "./registers.ts";
import type { RegionsOf } from "./spec.ts";

/** What the guest can do with it: its mode, or what its methods leave. */
function access(register: AnyRegister): string {
  const { field, mode, read, write, values, writeOnly, ignoresWrites } = register;
  const readable = read || values || (field !== undefined && mode !== "wo" && !writeOnly);
  const writable = write || stores(register);
  if (mode !== undefined && mode !== "rw") {
    return writeOnly ? `${mode}, not read` : mode;
  }
  return readable ? (writable ? "rw" : "ro") : writable ? "wo" : ignoresWrites ? "ignored" : "";
}

/** Its value after a reset, where the declaration says it. */
function reset({ layout }: DeviceClass, { field, values }: AnyRegister): string {
  if (values) {
    return values.map((value) => hex(value >>> 0)).join(" ");
  }
  const [name, inner] = (field ?? "").split(".");
  const slot = layout.slots.find((candidate) => candidate.name === name);
  const value = (slot?.layout?.slots.find((candidate) => candidate.name === inner) ?? slot)?.field.reset;
  return value === undefined ? "" : hex(Number(value));
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function bitRow({ name, high, low, mode, doc }: Part, whole: Mode): string {
  const range = high === low ? `${high}` : `${high}:${low}`;
  return row(["", `${name} [${range}]`, mode ?? whole, "", doc ?? ""]);
}

function rows(cls: DeviceClass, key: string, register: AnyRegister): string[] {
  const { at, count, stride = 4, values, doc = "", bits = {}, mode = "rw" } = register;
  const many = count ?? values?.length;
  const name = many === undefined ? key : `${key}[0..${many - 1}]`;
  const offset = many === undefined ? hex(at, 3) : `${hex(at, 3)} + ${stride} n`;
  const own = row([offset, name, access(register), reset(cls, register), doc]);
  return [own, ...partsOf(bits).map((part) => bitRow(part, mode))];
}

/**
 * The registers of a region as a Markdown table, by their offsets: name, what the guest can do, reset value and
 * description of each, with its named bits below it.
 */
export function registerTable<C extends DeclaredClass>(cls: C, region: RegionsOf<C["spec"]>): string {
  const table = Object.entries(tableOf(cls, region)?.table ?? {}).toSorted(([, a], [, b]) => a.at - b.at);
  const head = [
    row(["offset", "register", "access", "reset", "what"]),
    row(["---", "---", "---", "---", "---"]),
  ];
  return [
    ...head,
    ...table.flatMap(([key, register]) => rows(cls as unknown as DeviceClass, key, register)),
  ].join("\n");
}

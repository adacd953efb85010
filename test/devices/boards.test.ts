/**
 * The PL011 in TypeScript on every board that has one: in the place of each of QEMU's own, at the same address, with the
 * same lines to the same inputs and the same serial port, and it sends. docs/boards.md is the outcome.
 */

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Board, look, machines, type Uart } from "../lib/boards.ts";
import { paths } from "../lib/program.ts";
import { endAll } from "../lib/qemu.ts";

/** Some seventy machines are started, and a third of them twice. */
setDefaultTimeout(400_000);
afterEach(endAll);

/** QEMUs at the same time. */
const ABREAST = 2;

/** What is the same of a UART that the script stands in for, under a name for each. */
function told({ path, type, properties, id, sent }: Uart, scripted: boolean): Map<string, unknown> {
  const all = { path, type: scripted ? type : `${type}-ts`, ...properties, id, sent };
  return new Map(Object.entries(all));
}

/** The first thing that is not the same with the script, or undefined. */
function difference(ours: Board, theirs: Board): string | undefined {
  if (ours.uarts.length !== theirs.uarts.length) {
    return `${ours.uarts.length} UARTs`;
  }
  for (const [index, uart] of theirs.uarts.entries()) {
    const found = told(ours.uarts[index]!, true);
    for (const [name, value] of told(uart, false)) {
      if (!Bun.deepEquals(found.get(name), value)) {
        return `${uart.path}: ${name}: ${found.get(name)}, not ${value}`;
      }
    }
  }
  return ours.map.find((line, index) => line !== theirs.map[index]);
}

const types = (uarts: readonly Uart[]) => [...new Set(uarts.map(({ type }) => type))].join(", ");

/** A machine's row of the table; undefined if it has no such device. */
async function row(machine: string): Promise<string | undefined> {
  const theirs = await look(machine, false);
  const { uarts } = theirs;
  if (uarts.length === 0) {
    return undefined;
  }
  const result = await look(machine, true).then(
    (ours) => difference(ours, theirs) ?? "yes",
    (error: Error) => error.message,
  );
  const sent = uarts.filter((uart) => uart.sent !== undefined).length;
  return `| ${machine} | ${types(uarts)} | ${uarts.length} | ${sent} | ${result.replaceAll(/\s+/g, " ")} |`;
}

test("docs/boards.md says what becomes of every board's", async () => {
  const names = await machines();
  const rows: string[] = [];
  const waiting = names.values();
  const work = async () => {
    for (const name of waiting) {
      const text = await row(name);
      rows.push(...(text === undefined ? [] : [text]));
    }
  };
  await Promise.all(Array.from({ length: ABREAST }, work));
  const text = readFileSync(join(paths.root, "docs/boards.md"), "utf8");
  const table = [...text.matchAll(/^\| .*\|$/gm)].map(([line]) => line);
  const order = (line: string) => names.indexOf(line.split(" ")[1]!);
  expect(table.slice(2)).toEqual(rows.toSorted((a, b) => order(a) - order(b)));
});

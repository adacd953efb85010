/** The edit of `npm run demo:reload`: the UART sends all that it sends in capitals. */
import { readFileSync, writeFileSync } from "node:fs";
import { styleText } from "node:util";

const LINE = "const byte = value & 0xff;";
const EDITED = "const byte = String.fromCharCode(value & 0xff).toUpperCase().charCodeAt(0);";

/** A file, and what takes the place of which of its text. */
export interface Edit {
  readonly path: string;
  readonly from: string;
  readonly to: string;
}

/** @throws Error unless the script has the line to edit, once */
export function capitals(path: string): Edit {
  if (readFileSync(path, "utf8").split(LINE).length !== 2) throw new Error(`${path} has no line "${LINE}"`);
  return { path, from: LINE, to: EDITED };
}

export const reverse = ({ path, from, to }: Edit): Edit => ({ path, from: to, to: from });

/** Writes the file with the edit. */
export function save({ path, from, to }: Edit): void {
  writeFileSync(
    path,
    readFileSync(path, "utf8").replace(from, () => to),
  );
}

/** An edit that was not made yet as diff(1) shows one, with colours on a terminal. */
export function difference({ path, from, to }: Edit): string {
  const before = readFileSync(path, "utf8").split(from)[0]!;
  const line = before.split("\n").length;
  const indent = before.slice(before.lastIndexOf("\n") + 1);
  return [
    styleText("cyan", `@@ -${line} +${line} @@`),
    styleText("red", `-${indent}${from}`),
    styleText("green", `+${indent}${to}`),
  ].join("\n");
}

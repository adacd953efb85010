/** A sequence of operations as a file, which `npm run fuzz -- --replay FILE` does again. */

import { FuzzError } from "./error.ts";
import type { Subject } from "./pair.ts";
import type { Found } from "./run.ts";

export interface Story {
  readonly device: string;
  readonly board: string;
  readonly operations: readonly string[];
}

/** @returns a file's text: what was different is a comment */
export function tell({ twin, board }: Subject, { operations, difference }: Found): string {
  const { what, ours, theirs } = difference;
  const comment = (text: string) => text.trim().split("\n").join("\n#   ");
  return [
    `device ${twin.name}`,
    `board ${board}`,
    ...operations,
    `# Different ${what} after the last operation:`,
    `#   script: ${comment(ours)}`,
    `#   C:      ${comment(theirs)}`,
    "",
  ].join("\n");
}

/** @throws FuzzError if the text does not say what device and board it is about */
export function read(text: string): Story {
  const lines = text.split("\n").map((line) => line.replace(/#.*/, "").trim());
  const named = (what: string) => lines.find((line) => line.startsWith(`${what} `))?.slice(what.length + 1);
  const [device, board] = [named("device"), named("board")];
  if (device === undefined || board === undefined) {
    throw new FuzzError('a line "device NAME" and a line "board NAME" must be there');
  }
  const operations = lines.filter((line) => line !== "" && !/^(device|board) /.test(line));
  return { device, board, operations };
}

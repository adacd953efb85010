import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { script } from "../qemu.ts";
import type { Twin } from "./twin.ts";

/** A copy of a device with a fault. */
export function faulty({ script: path }: Twin, right: string, wrong: string): string {
  const text = readFileSync(path, "utf8");
  expect(text.split(right)).toHaveLength(2);
  return script(text.replace(right, wrong));
}

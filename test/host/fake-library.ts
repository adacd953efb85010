import { mock } from "bun:test";
import { SHARED_SIZE } from "../../host/native/abi.ts";
import * as library from "../../host/native/library.ts";

export interface Call {
  readonly name: string;
  readonly args: readonly unknown[];
}

type Answers = Readonly<Record<string, (...args: never[]) => unknown>>;

/**
 * Puts functions of this process in the place of libqemu's and records their calls. A function that is not among
 * `answers` returns 0.
 */
export function fakeLibrary(answers: Answers = {}): Call[] {
  const calls: Call[] = [];
  const qemu = new Proxy(answers, {
    get(_, name: string) {
      return (...args: never[]) => {
        calls.push({ name, args });
        return answers[name]?.(...args) ?? 0;
      };
    },
  });
  const words = new Uint32Array(SHARED_SIZE / 4);
  const doubles = new Float64Array(words.buffer, 0, Math.floor(SHARED_SIZE / 8));
  const shared = { qemu, words, doubles, rooms: new Int32Array(16), starved: new Uint8Array(16).fill(1) };
  mock.module("../../host/native/library.ts", () => ({ ...library, ...shared }));
  return calls;
}

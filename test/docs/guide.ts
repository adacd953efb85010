/** What a page of documentation shows: its files, and its sessions with shell, QEMU and guest. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../lib/program.ts";

/** Where pages say that this project is. */
const SHOWN_ROOT = "/path/to/qemu-script";

/** One line typed, and what comes back before the next. */
export interface Step {
  readonly typed: string;
  /** In another terminal; the answer still comes in the session's own. */
  readonly elsewhere: boolean;
  readonly answer: readonly string[];
}

/** A command of the shell and what is typed to it. */
export interface Session {
  readonly title: string;
  readonly command: string;
  /** What the command says before anything is typed. */
  readonly answer: readonly string[];
  readonly prompt: Prompt | undefined;
  readonly steps: readonly Step[];
}

/** How lines that are typed begin; `> ` stands for none. */
const PROMPTS = ["(qemu) ", "=> ", "> "] as const;
export type Prompt = (typeof PROMPTS)[number];

/** The prompt of another terminal. */
const ELSEWHERE = "other$ ";

export interface Page {
  /** Text by name, from blocks whose first line is a comment with the name. */
  readonly files: ReadonlyMap<string, string>;
  /** Functions of the shell, from the blocks that define some. */
  readonly shell: string;
  readonly sessions: readonly Session[];
  /** Language and text of every block. */
  readonly blocks: readonly Block[];
}

interface Block {
  readonly section: string;
  readonly language: string;
  readonly text: string;
}

export function readPage(name: string): Page {
  const text = readFileSync(join(paths.root, name), "utf8").replaceAll(SHOWN_ROOT, paths.root);
  const blocks = blocksOf(text);
  const files = new Map<string, string>();
  for (const block of blocks) {
    const file = fileOf(block);
    if (file !== undefined) {
      if (files.has(file)) {
        throw new Error(`${name}: there are two files ${file}`);
      }
      files.set(file, block.text);
    }
  }
  const shell = blocks.filter(({ language, text }) => language === "sh" && /^\w+\(\) \{/m.test(text));
  return {
    files,
    shell: shell.map(({ text }) => text).join(""),
    sessions: blocks.filter(({ language }) => language === "console").flatMap(sessionsOf),
    blocks,
  };
}

function blocksOf(page: string): Block[] {
  let section = "";
  return [...page.matchAll(/^## (.*)$|^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap((match) => {
    const [, title, language, text] = match;
    section = title ?? section;
    return language === undefined ? [] : [{ section, language, text: text! }];
  });
}

/** The name of the file that a block is, if it is one. */
export function fileOf({ text }: Block): string | undefined {
  return /^\/\/ ([\w.-]+\.\w+)\n/.exec(text)?.[1];
}

/** A block may have several commands, each with what follows it. */
function sessionsOf({ section, text }: Block): Session[] {
  return text.split(/^(?=\$ )/m).map((part) => {
    const lines = part
      .replace(/\\\n\s*/g, "")
      .trimEnd()
      .split("\n");
    const [command = "", ...rest] = lines;
    const prompt = PROMPTS.find((candidate) => rest.some((line) => line.startsWith(candidate)));
    const steps: { typed: string; elsewhere: boolean; answer: string[] }[] = [];
    const answer: string[] = [];
    for (const line of rest) {
      const begins = [prompt, ELSEWHERE].find((candidate) => candidate && line.startsWith(candidate));
      if (begins !== undefined) {
        steps.push({ typed: line.slice(begins.length), elsewhere: begins === ELSEWHERE, answer: [] });
      } else {
        (steps.at(-1)?.answer ?? answer).push(line);
      }
    }
    return { title: `${section}: ${command}`, command: command.slice(2), answer, prompt, steps };
  });
}

/** Is this what the page shows? There, `...` stands for whatever is in its place, also for whole lines. */
export function matches(shown: readonly string[], lines: readonly string[]): boolean {
  const pattern = shown.map((line) =>
    line.trim() === "..." ? "(?:.*\n)*?" : `${line.split("...").map(RegExp.escape).join(".*")}\n`,
  );
  return new RegExp(`^${pattern.join("")}$`).test(lines.map((line) => `${line}\n`).join(""));
}

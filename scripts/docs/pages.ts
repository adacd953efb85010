/** docs/api: one page for each file of host/ that device scripts import from, and an index. */

import { paragraphs, summary } from "./comment.ts";
import type { Item, Member, Module } from "./declarations.ts";

const NOTICE = "<!-- Made by `npm run docs` from the docstrings in host/. -->";

/** `device/irq.ts` has the page `irq.md`. */
const pageName = (path: string) =>
  path
    .replace(/^device\//, "")
    .replaceAll("/", "-")
    .replace(/ts$/, "md");

/** Where items are, as GitHub names the places: a second `chardev` on a page, after `Chardev`, is `chardev-1`. */
function places(modules: readonly Module[]): Map<string, string> {
  const all = new Map<string, string>();
  for (const { path, items } of modules) {
    const seen = new Map<string, number>();
    for (const { name } of items) {
      const anchor = name.toLowerCase();
      const before = seen.get(anchor) ?? 0;
      seen.set(anchor, before + 1);
      all.set(name, `${pageName(path)}#${before > 0 ? `${anchor}-${before}` : anchor}`);
    }
  }
  return all;
}

type Link = (name: string) => string | undefined;

/** Names of items link to their place; `Name.member` to the item. */
function linker(places: ReadonlyMap<string, string>): Link {
  return (name) => {
    const place = places.get(name.split(".", 1)[0]!);
    return place && `[\`${name}\`](${place})`;
  };
}

/** @returns text by file name */
export function pages(modules: readonly Module[]): Map<string, string> {
  const link = linker(places(modules));
  return new Map([
    ["README.md", index(modules, link)],
    ...modules.map((module) => [pageName(module.path), page(module, link)] as const),
  ]);
}

const lines = (...parts: readonly (string | readonly string[])[]) => `${parts.flat().join("\n\n")}\n`;

function index(modules: readonly Module[], link: Link): string {
  const about =
    'What device scripts import from "qemu-script", by topic: for whoever knows what to look for.\n' +
    "[device-guide.md](../device-guide.md) shows how to use it.";
  const topics = modules.map(({ path, items }) => {
    const rows = items.map(({ name, comment }) => `- ${link(name)}: ${summary(comment)}`);
    return `## [${title(path)}](${pageName(path)})\n\n${rows.join("\n")}`;
  });
  return lines(NOTICE, "# API", about, topics);
}

/** Words that are not written in small letters. */
const ACRONYMS = new Set(["c", "dma", "gpio", "irq", "pci", "qom"]);

function title(path: string): string {
  const words = pageName(path).replace(/\.md$/, "").split("-");
  return words
    .map((word, i) => {
      const first = i === 0 ? word.charAt(0).toUpperCase() + word.slice(1) : word;
      return ACRONYMS.has(word) ? word.toUpperCase() : first;
    })
    .join(" ");
}

function page({ path, comment, items }: Module, link: Link): string {
  const about = `From "qemu-script" (host/${path}). [All topics](README.md).`;
  return lines(
    NOTICE,
    `# ${title(path)}`,
    comment ? paragraphs(comment, link) : [],
    about,
    items.map((item) => section(item, link)),
  );
}

function section({ name, signature, comment, members }: Item, link: Link): string {
  const list = members.map((member) => bullet(member, link)).join("\n");
  return [
    `## ${name}`,
    `\`\`\`ts\n${signature}\n\`\`\``,
    ...(comment ? paragraphs(comment, link) : []),
    ...(list ? [list] : []),
  ].join("\n\n");
}

function bullet({ signatures, comment, members }: Member, link: Link, indent = ""): string {
  const deeper = `${indent}  `;
  const text = comment ? paragraphs(comment, link) : [];
  const shown = members.length > 0 ? signatures.map((text) => text.replace(/\{.*\}/, "{ ... }")) : signatures;
  // Two blanks at the end of a line break it.
  const head = `${indent}- ${shown.map((signature) => `\`${signature}\``).join(`  \n${deeper}`)}`;
  const body = text.join("\n\n").replace(/^(?=.)/gm, deeper);
  return [body ? `${head}  \n${body}` : head, ...members.map((member) => bullet(member, link, deeper))].join(
    "\n",
  );
}

/**
 * Everything public that nothing is said about, as `name` or `name.member`. A trait of one method is said to be what
 * the method is, and what is said of a class's member holds for the classes that extend it.
 */
export function undocumented(modules: readonly Module[]): string[] {
  const all = modules.flatMap(({ items }) => items);
  const says = (item: Item | undefined, member: string): boolean =>
    item !== undefined &&
    (item.members.some(({ name, comment }) => name === member && comment?.text) ||
      says(parentOf(item, all), member));
  return all.flatMap((item) => [
    ...(item.comment?.text ? [] : [item.name]),
    ...(item.comment?.text && item.members.length === 1 ? [] : item.members)
      .filter(({ name }) => !says(item, name))
      .map(({ name }) => `${item.name}.${name}`),
  ]);
}

/** The class or interface that one extends, if that is exported too. */
function parentOf({ signature }: Item, all: readonly Item[]): Item | undefined {
  const [, parent] = /\bextends (\w+)/.exec(signature.replace(/<[^>]*>/g, "")) ?? [];
  return all.find(({ name }) => name === parent);
}

/**
 * Which Debian mirror this machine uses, read from its apt configuration: both forms of it, one-line sources.list
 * and deb822 *.sources (sources.list(5)).
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface SourceEntry {
  readonly types: readonly string[];
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Options by their deb822 names in lower case: "signed-by", "trusted", "check-valid-until". */
  readonly options: Readonly<Record<string, string>>;
}

export interface Mirror {
  readonly uri: string;
  readonly options: Readonly<Record<string, string>>;
}

/** Suites of the Debian archive proper. The security archive has other ones and is no mirror of it. */
const ARCHIVE_SUITES =
  /^(bookworm|trixie|forky|sid|oldstable|stable|testing|unstable)(-updates|-backports|-proposed-updates)?$/;

/** How a mirror is trusted goes with it; which of its indexes are used (arch, lang, target) does not. */
const KEPT_OPTIONS = new Set(["signed-by", "trusted", "check-valid-until", "check-date", "allow-insecure"]);

/** `deb [signed-by=/path] http://mirror/debian trixie main contrib`, one per line. */
export function parseOneLine(text: string): SourceEntry[] {
  const entries: SourceEntry[] = [];
  for (const line of text.split("\n")) {
    const match = /^\s*(deb|deb-src)\s+(?:\[([^\]]*)\]\s*)?(.*)$/.exec(line.replace(/#.*/, ""));
    if (!match) continue;
    // A CD's name has blanks: cdrom:[Debian GNU/Linux 12 ...]/
    const [uri, suite, ...components] = (match[3] ?? "")
      .replace(/\[[^\]]*\]/g, "")
      .trim()
      .split(/\s+/);
    if (!uri || !suite) continue;
    entries.push({
      types: [match[1] ?? "deb"],
      uris: [uri],
      suites: [suite],
      components,
      options: Object.fromEntries(
        (match[2] ?? "")
          .split(/\s+/)
          .filter((option) => option.includes("="))
          .map((option) => [
            option.slice(0, option.indexOf("=")).toLowerCase(),
            option.slice(option.indexOf("=") + 1),
          ]),
      ),
    });
  }
  return entries;
}

/** Stanzas of `Name: value`, continued on indented lines, apart by empty lines. */
export function parseDeb822(text: string): SourceEntry[] {
  const entries: SourceEntry[] = [];
  const lines = text.split("\n").filter((line) => !line.startsWith("#"));
  for (const stanza of lines.join("\n").split(/\n[ \t]*\n/)) {
    const fields: Record<string, string> = {};
    let name = "";
    for (const line of stanza.split("\n")) {
      const field = /^([^\s:]+):\s*(.*)$/.exec(line);
      if (field) {
        name = (field[1] ?? "").toLowerCase();
        fields[name] = field[2] ?? "";
      } else if (name !== "" && /^[ \t]/.test(line)) fields[name] += `\n${line}`;
    }
    const { types, uris, suites, components, enabled, ...options } = fields;
    if (!types || !uris || !suites || /^(no|false|0|off)$/i.test(enabled ?? "")) continue;
    entries.push({
      types: words(types),
      uris: words(uris),
      suites: words(suites),
      components: words(components ?? ""),
      options,
    });
  }
  return entries;
}

/** Everything apt is configured to use, from a directory laid out as /etc/apt. */
export function readSources(directory = "/etc/apt"): SourceEntry[] {
  const entries = parseOneLine(textOf(join(directory, "sources.list")));
  for (const name of namesIn(join(directory, "sources.list.d"))) {
    const text = (): string => textOf(join(directory, "sources.list.d", name));
    if (name.endsWith(".list")) entries.push(...parseOneLine(text()));
    else if (name.endsWith(".sources")) entries.push(...parseDeb822(text()));
  }
  return entries;
}

/** The first configured mirror of the Debian archive; entries for a plain suite go before -updates and -backports. */
export function chooseMirror(entries: readonly SourceEntry[]): Mirror | undefined {
  const fitting = entries.filter(
    (entry) => entry.components.includes("main") && entry.suites.some((suite) => ARCHIVE_SUITES.test(suite)),
  );
  const plain = fitting.filter((entry) => entry.suites.some((suite) => !suite.includes("-")));
  for (const entry of [...plain, ...fitting]) {
    const uri = entry.uris.find((candidate) => !candidate.startsWith("cdrom:"));
    if (!uri) continue;
    const options = Object.entries(entry.options).filter(([name]) => KEPT_OPTIONS.has(name));
    return { uri, options: Object.fromEntries(options) };
  }
  return undefined;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

/** Results in a page of documentation: docs/performance.md. */
import { measuredTable, targetTable } from "./report.ts";
import type { Run } from "./results.ts";

const PLACES = /(<!-- bench (\w+) -->\n)[\s\S]*?(<!-- end -->)/g;

/** Names of places that tell of the whole run. */
const WHOLE = ["setting", "targets"];

/**
 * The page with what is between `<!-- bench NAME -->` and `<!-- end -->` replaced by that bench's table. What was not
 * measured stays as it is; so do `setting` and `targets` unless all was.
 */
export function updated(page: string, run: Run): string {
  const names = [...page.matchAll(PLACES)].map(([, , name = ""]) => name);
  const known = new Set(run.results.map(({ bench }) => bench.name));
  const all = names.every((name) => known.has(name) || WHOLE.includes(name));
  return page.replace(PLACES, (whole, begin: string, name: string, end: string) => {
    const text = all || !WHOLE.includes(name) ? textOf(name, run) : undefined;
    return text === undefined ? whole : `${begin}\n${text}\n\n${end}`;
  });
}

function textOf(name: string, { setting, results }: Run): string | undefined {
  if (name === "targets") return targetTable(results);
  if (name === "setting") {
    const { commit, date, cpu, cores, kernel } = setting;
    return `Commit ${commit}, ${date.slice(0, 10)}; ${cpu}, ${cores} cores, Linux ${kernel}.`;
  }
  const result = results.find(({ bench }) => bench.name === name);
  return result && measuredTable(result);
}

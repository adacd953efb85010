/** The picture of docs/performance.md: what one read of a register costs, of C, of scripts, and of other ways. */
import { UserError } from "../lib/errors.ts";
import type { Column } from "./bench.ts";
import type { Run } from "./results.ts";

interface Bar {
  readonly title: string;
  readonly ns: number;
  readonly kind: "c" | "script" | "peer";
}

/** Where each bar's figure is. */
const BARS = [
  ["stock QEMU, in C", "c", "access", "read_mis", "stock"],
  ["this QEMU, in C", "c", "access", "read_mis", "library"],
  ["TypeScript, direct register", "script", "access", "read_fr", "script"],
  ["TypeScript, getter", "script", "access", "read_mis", "script"],
  ["JSCallback of bun:ffi, alone", "peer", "peers", "read", "callback"],
  ["Unicorn, JSCallback in Bun", "peer", "peers", "read", "unicornBun"],
  ["Unicorn, callback in Python", "peer", "peers", "read", "unicornPython"],
  ["process in C behind a socket", "peer", "peers", "read", "socketC"],
  ["process in Bun behind a socket", "peer", "peers", "read", "socketBun"],
] as const satisfies readonly (readonly [string, Bar["kind"], string, string, Column])[];

const COLOURS = { c: "#8b949e", script: "#2f81f7", peer: "#d29922" } as const satisfies Record<
  Bar["kind"],
  string
>;

const WIDTH = 760;
const LEFT = 240;
const RIGHT = 90;
const ROW = 30;
const TOP = 60;
const FOOT = 40;

/** @throws UserError when not one of the figures was measured */
export function picture(run: Run): string {
  const bars = barsOf(run);
  if (bars.length === 0)
    throw new UserError("there is nothing to draw: --svg wants the benches access and peers");
  // A decade and more, up to what holds the longest bar.
  const decades = Math.max(1, Math.ceil(Math.log10(Math.max(...bars.map(({ ns }) => ns)) / FIRST)));
  const height = TOP + ROW * bars.length + FOOT;
  const body = [
    ...grid(decades, bars.length),
    ...bars.flatMap((bar, row) => drawn(bar, TOP + ROW * row, decades)),
  ];
  const { commit, cpu, date } = run.setting;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13">`,
    "<title>One guest read of a device's register, by what serves it</title>",
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(16, 26, "One guest read of a device's register, ns (logarithmic)", `font-size="16" fill="#1f2328"`),
    ...body,
    text(16, height - 12, `${commit}, ${date.slice(0, 10)}, ${cpu}`, `font-size="11" fill="#656d76"`),
    "</svg>",
    "",
  ].join("\n");
}

/** Where the scale begins, in ns. */
const FIRST = 10;

function barsOf({ results }: Run): Bar[] {
  return BARS.flatMap(([title, kind, bench, figure, side]) => {
    const result = results.find((candidate) => candidate.bench.name === bench);
    const ns = result?.sides.get(side)?.get(figure)?.median;
    return ns === undefined ? [] : [{ title, kind, ns }];
  });
}

function x(ns: number, decades: number): number {
  const share = Math.log10(Math.max(ns, FIRST) / FIRST) / decades;
  return LEFT + (WIDTH - LEFT - RIGHT) * share;
}

function grid(decades: number, rows: number): string[] {
  return Array.from({ length: decades + 1 }, (_, decade) => FIRST * 10 ** decade).flatMap((ns) => {
    const at = x(ns, decades).toFixed(1);
    const bottom = TOP + ROW * rows;
    return [
      `<line x1="${at}" y1="${TOP - 8}" x2="${at}" y2="${bottom}" stroke="#d0d7de"/>`,
      text(at, TOP - 12, ns.toLocaleString("en"), `text-anchor="middle" font-size="11" fill="#656d76"`),
    ];
  });
}

function drawn({ title, ns, kind }: Bar, y: number, decades: number): string[] {
  const end = x(ns, decades);
  const value = ns < 1000 ? ns.toFixed(0) : (Math.round(ns / 100) * 100).toLocaleString("en");
  return [
    text(LEFT - 10, y + 16, title, `text-anchor="end" fill="#1f2328"`),
    `<rect x="${LEFT}" y="${y + 2}" width="${(end - LEFT).toFixed(1)}" height="${ROW - 10}" fill="${COLOURS[kind]}"/>`,
    text((end + 6).toFixed(1), y + 16, value, `fill="#1f2328"`),
  ];
}

function text(at: number | string, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${at}" y="${y}" ${attributes}>${escaped}</text>`;
}

/** Some of QEMU's own tests; the script that runs all of them, and its parts. `npm run qemu-tests` has the rest. */

import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Case, CaseReader } from "../../scripts/qemu-tests/cases.ts";
import { differences, findings, json, type Row, table } from "../../scripts/qemu-tests/report.ts";
import { isChosen, runSuite } from "../../scripts/qemu-tests/runner.ts";
import { commandOf, type SideName, TITLES, Workplace } from "../../scripts/qemu-tests/sides.ts";
import { SUITES } from "../../scripts/qemu-tests/suites.ts";
import { TEST_MS } from "../lib/limit.ts";
import { PROGRAM, paths } from "../lib/program.ts";
import { endAll, folder } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const suite = (name: string) => SUITES.find((candidate) => candidate.name === name)!;
const cases = (prefix: string, ...names: string[]) => names.map((name) => `/aarch64/${prefix}/${name}`);

const place = await Workplace.make({
  replaced: commandOf("replaced"),
  loaded: commandOf("loaded"),
  /** Boards with this card do not start. */
  withoutRom: [...commandOf("replaced"), "-global", "virtio-net-pci.romfile=nowhere.rom"],
  withoutBoard: [...commandOf("replaced"), "-device", "edu"],
});
afterAll(() => place[Symbol.dispose]());

const job = (name: string, side: string, chosen: readonly string[]) => ({
  suite: suite(name),
  place,
  side,
  slow: false,
  chosen,
  log: join(folder(), "log"),
  limit: TEST_MS / 2,
});

const BOTH = ["replaced", "loaded"] as const;

/** What is run here of QEMU's tests. All cases where none are named. */
const SUBSET: readonly { name: string; sides: readonly SideName[]; chosen: readonly string[] }[] = [
  { name: "boot-serial-test", sides: BOTH, chosen: [] },
  { name: "device-introspect-test", sides: BOTH, chosen: [] },
  {
    name: "qom-test",
    sides: ["replaced"],
    chosen: cases("qom", "virt-10.0", "raspi3b", "realview-pb-a8", "sbsa-ref", "lm3s6965evb"),
  },
  { name: "qom-test", sides: ["loaded"], chosen: cases("qom", "virt-10.0", "lm3s6965evb") },
  { name: "test-hmp", sides: ["replaced"], chosen: cases("hmp", "virt-10.0", "realview-pb-a8") },
  { name: "test-hmp", sides: ["loaded"], chosen: cases("hmp", "virt-10.0", "none+2MB") },
  { name: "qmp-cmd-test", sides: ["replaced"], chosen: [] },
  { name: "qmp-cmd-test", sides: ["loaded"], chosen: cases("qmp", "qom-list-types", "query-scripts") },
  {
    name: "migration-test",
    sides: ["replaced"],
    chosen: cases(
      "migration",
      "precopy/unix/plain",
      "precopy/file/mapped-ram",
      "multifd/tcp/uri/plain/none",
      "analyze-script",
    ),
  },
];

describe("QEMU's own", () => {
  const runs = SUBSET.flatMap(({ name, sides, chosen }) =>
    sides.map((side) => [name, TITLES[side], chosen.join(" ") || "all cases", side, chosen] as const),
  );

  test.each(runs)("%s passes, %s: %s", async (name, _title, _chosen, side, chosen) => {
    const result = await runSuite(job(name, side, chosen));
    expect(result.cases.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
    expect(result.cases.length).toBeGreaterThanOrEqual(Math.max(chosen.length, 1));
    for (const choice of chosen) expect(result.cases.some(({ name }) => isChosen(name, [choice]))).toBeTrue();
  });
});

describe("a case that ends the program", () => {
  test("has failed, with what was printed; the others are run all the same", async () => {
    const boards = ["none", "virt-10.0", "netduino2"];
    const result = await runSuite(job("qom-test", "withoutRom", cases("qom", ...boards)));
    expect(new Map(result.cases.map(({ name, outcome }) => [name, outcome]))).toEqual(
      new Map([
        ["/aarch64/qom/none", "passed"],
        ["/aarch64/qom/netduino2", "passed"],
        ["/aarch64/qom/virt-10.0", "failed"],
      ]),
    );
    const words = result.cases.find(({ outcome }) => outcome === "failed")!.words;
    expect(words).toContain('qemu-system-aarch64: failed to find romfile "nowhere.rom"');
    expect(words.at(-1)).toBe("qom-test failed (signal SIGABRT)");
  });

  test("is all there is, if QEMU does not even start for the list of cases", async () => {
    const { cases } = await runSuite(job("qom-test", "withoutBoard", []));
    expect(cases).toMatchObject([{ name: "(start)", outcome: "failed" }]);
    expect(cases[0]!.words).toContain(
      "qemu-system-aarch64: -device edu: No 'PCI' bus found for device 'edu'",
    );
  });

  test("may do so by not coming to an end", async () => {
    const result = await runSuite({ ...job("boot-serial-test", "replaced", []), limit: 1 });
    expect(result.cases).toMatchObject([{ name: "/aarch64/boot-serial/virt", outcome: "failed" }]);
    expect(result.cases[0]!.words.at(-1)).toBe("no result within 0:00");
  });
});

describe("what a program says of its cases", () => {
  function read(text: string) {
    const found: Case[] = [];
    const reader = new CaseReader((one) => found.push(one));
    for (const line of text.split("\n")) reader.line(line);
    const { words } = reader.end();
    return { cases: found.map(({ name, outcome, words }) => [name, outcome, words]), words };
  }

  const text = [
    "# random seed: R02S",
    "1..4",
    "# Start of aarch64 tests",
    "# starting QEMU: exec ./qemu-system-aarch64",
    "ok 1 /aarch64/a",
    "warning: of no interest",
    "ok 2 /aarch64/b # SKIP PYTHON variable not set",
    "# ERROR:test.c:5:f: assertion failed: (1 == 2)",
    "not ok 3 /aarch64/c",
    "**",
    "Bail out! ERROR:test.c:9:g: 'p' should not be NULL",
    "test.c:199: QEMU ended",
  ].join("\n");

  test.each(["", "TAP version 13\n", "TAP version 14\n"])("is read, after %p", (head) => {
    expect(read(head + text)).toEqual({
      cases: [
        ["/aarch64/a", "passed", []],
        ["/aarch64/b", "skipped", ["PYTHON variable not set"]],
        ["/aarch64/c", "failed", ["# ERROR:test.c:5:f: assertion failed: (1 == 2)"]],
      ],
      words: ["**", "ERROR:test.c:9:g: 'p' should not be NULL", "test.c:199: QEMU ended"],
    });
  });
});

describe("the report", () => {
  const one = (name: string, outcome: Case["outcome"], ...words: string[]): Case => ({
    name,
    outcome,
    words,
    ms: 1,
  });
  const row = (name: string, sides: Partial<Record<SideName, readonly Case[]>>): Row => ({
    suite: suite(name),
    sides: new Map(Object.entries(sides).map(([side, cases]) => [side as SideName, { cases, ms: 61_000 }])),
  });
  const stock = [
    one("/a", "passed"),
    one("/b", "failed", "no"),
    one("/c", "skipped", "why"),
    one("/d", "passed"),
  ];

  test("tells where a side differs from stock QEMU, and whether that is bad", () => {
    const ours = [
      one("/a", "failed", "oops"),
      one("/b", "passed"),
      one("/c", "skipped", "why"),
      one("/e", "passed"),
    ];
    const rows = [row("qom-test", { stock, replaced: ours })];
    expect(differences(rows).map(({ name, ours, stock, bad }) => [name, ours, stock, bad])).toEqual([
      ["/a", "failed", "passed", true],
      ["/b", "passed", "failed", false],
      ["/e", "passed", "missing", false],
      ["/d", "missing", "passed", true],
    ]);
    expect(table(rows, ["stock", "replaced"])).toBe(
      [
        "| test     | stock QEMU    | pl011 replaced |",
        "| -------- | ------------- | -------------- |",
        "| qom-test | 2/1/1 in 1:01 | 2/1/1 in 1:01  |",
      ].join("\n"),
    );
    expect(findings(rows).split("\n")).toEqual([
      "qom-test, stock QEMU: /b failed",
      "    no",
      "qom-test, stock QEMU: /c skipped",
      "    why",
      "qom-test, pl011 replaced: /a failed",
      "    oops",
      "qom-test, pl011 replaced: /c skipped",
      "    why",
      "qom-test, pl011 replaced: /a failed, with stock QEMU passed",
      "qom-test, pl011 replaced: /b passed, with stock QEMU failed",
      "qom-test, pl011 replaced: /e passed, with stock QEMU missing",
      "qom-test, pl011 replaced: /d missing, with stock QEMU passed",
      "2 cases worse than with stock QEMU",
    ]);
    const written = JSON.parse(json({ date: "now", slow: false }, rows));
    expect(written.tests["qom-test"].stock.cases).toHaveLength(4);
    expect(written.differences).toHaveLength(4);
  });

  test("compares a migration from stock QEMU with one inside it", () => {
    const from = row("migration-from-stock", { replaced: [one("/a", "failed"), one("/b", "failed")] });
    const found = differences([row("migration-test", { stock: stock.slice(0, 2) }), from]);
    expect(found.map(({ name }) => name)).toEqual(["/a"]);
  });

  test("without stock QEMU, what fails differs", () => {
    const alone = row("qom-test", {
      loaded: [one("/a", "passed"), one("/b", "failed"), one("/c", "skipped")],
    });
    expect(differences([alone])).toMatchObject([{ name: "/b", bad: true }]);
    expect(findings([row("qom-test", { loaded: [one("/a", "passed")] })])).toBe("No case failed");
    expect(findings([row("qom-test", { stock, loaded: stock })])).toEndWith(
      "Nothing is worse than with stock QEMU",
    );
  });

  test("of a side that did not start says only that", () => {
    const rows = [row("qom-test", { stock, replaced: [one("(start)", "failed", "oops")] })];
    expect(differences(rows).map(({ name }) => name)).toEqual(["(start)"]);
  });
});

describe("npm run qemu-tests", () => {
  const start = (...args: string[]) =>
    Bun.spawn([process.execPath, join(paths.root, "scripts/qemu-tests.ts"), ...args], {
      env: { ...process.env, QEMU_SCRIPT_PROGRAM: PROGRAM.join(" ") },
      stdout: "pipe",
      stderr: "pipe",
    });

  async function end(child: ReturnType<typeof start>) {
    const [stdout, stderr, exitCode] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    return { stdout, stderr, exitCode };
  }

  test("prints a table", async () => {
    const { stdout, stderr, exitCode } = await end(start("--only", "boot-serial-test", "--side", "replaced"));
    expect(stderr).toContain("[step 1/1] boot-serial-test, pl011 replaced ...");
    expect(stdout).toMatch(/\| boot-serial-test \| 1\/0\/0 in \d+:\d\d +\|/);
    expect(stdout).toEndWith("\nNo case failed\n");
    expect(exitCode).toBe(0);
  });

  test("prints JSON, and fails if a case does", async () => {
    const child = Bun.spawn(
      [
        process.execPath,
        join(paths.root, "scripts/qemu-tests.ts"),
        "--json",
        "--side",
        "loaded",
        "--only",
        "qom-test",
      ],
      {
        env: { ...process.env, QEMU_SCRIPT_PROGRAM: [...PROGRAM, "-device", "edu"].join(" ") },
        stdout: "pipe",
        stderr: "ignore",
      },
    );
    expect(await child.exited).toBe(1);
    expect(JSON.parse(await child.stdout.text()).differences).toMatchObject([
      { suite: "qom-test", side: "loaded", name: "(start)", ours: "failed", bad: true },
    ]);
  });

  test("ends when it is interrupted, and leaves nothing", async () => {
    const before = new Set(readdirSync(tmpdir()));
    const child = start("--only", "qom-test", "--side", "replaced");
    const stderr = child.stderr.getReader();
    let told = "";
    while (!told.includes("qom-test, pl011 replaced")) {
      const { value, done } = await stderr.read();
      if (done) break;
      told += new TextDecoder().decode(value);
    }
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect(await child.stdout.text()).toBe("");
    const left = readdirSync(tmpdir()).filter((name) => name.startsWith("qemu-tests-") && !before.has(name));
    expect(left).toEqual([]);
  });

  test.each([
    [["--only", "nothing"], 'there is no test "nothing"; there are boot-serial-test'],
    [["--side", "left"], 'there is no side "left"; there are stock, replaced, loaded'],
    [["--only", "migration-to-stock", "--side", "loaded"], "migration-to-stock: not run on loaded"],
    [["--nonsense"], "--help tells how it is used"],
    [
      ["--only", "boot-serial-test", "--side", "replaced", "--case", "/a"],
      "there is no case /a in these tests",
    ],
  ])("%p is an error", async (args, message) => {
    const { exitCode, stdout, stderr } = await end(start(...args));
    expect(stderr).toContain(`error: ${message}`.replace("error: --help", "--help"));
    expect(stdout).toBe("");
    expect(exitCode).toBe(1);
  });

  test.each(["--help", "--list"])("%s names the tests", async (option) => {
    const { stdout, exitCode } = await end(start(option));
    for (const { name } of SUITES)
      expect(stdout).toContain(`\n  ${name} `.slice(option === "--list" ? 1 : 0));
    expect(exitCode).toBe(0);
  });
});

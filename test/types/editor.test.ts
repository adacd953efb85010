/** What README says an editor needs: one line of tsconfig.json, in any folder, with whatever else is set there. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { API } from "typescript/unstable/async";
import { TEST_MS } from "../lib/limit.ts";
import { paths } from "../lib/program.ts";
import { endAll, folder } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

/** The line that README documents, with this project's folder in place of the one it shows. */
function documented(): Record<string, unknown> {
  const readme = readFileSync(join(paths.root, "README.md"), "utf8");
  const line = /^"paths": .*$/m.exec(readme)![0];
  return JSON.parse(`{${line.replace("/path/to/qemu-script", paths.root)}}`);
}

/** A folder as a user has it: scripts and a tsconfig.json of its own. @returns its path */
function project(options: Record<string, unknown>, files: Readonly<Record<string, string>>): string {
  const at = folder();
  writeFileSync(
    join(at, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...documented(), ...options } }),
  );
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(at, name), text);
  }
  return at;
}

/** What the compiler says about a folder. */
async function errorsIn(at: string): Promise<string[]> {
  const compiler = Bun.spawn(
    [join(paths.root, "node_modules/.bin/tsc"), "-p", at, "--noEmit", "--pretty", "false"],
    {
      cwd: at,
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  const [output, status] = await Promise.all([compiler.stdout.text(), compiler.exited]);
  expect(status).toBeLessThanOrEqual(2);
  return output.split("\n").filter(Boolean);
}

const PACKAGE = { "package.json": '{ "type": "module" }' };

const STRICT = {
  strict: true,
  noImplicitOverride: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noFallthroughCasesInSwitch: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  exactOptionalPropertyTypes: true,
  isolatedModules: true,
  verbatimModuleSyntax: true,
  erasableSyntaxOnly: true,
  skipLibCheck: false,
};

/** What Bun's own API takes; without it, `setTimeout()` and the like are those of browsers. */
const BUN = { lib: ["esnext"], types: [join(paths.root, "node_modules/bun-types")] };

/** The devices of this project, as a user's own. */
const DEVICES = [...new Bun.Glob("devices/*.ts").scanSync({ cwd: paths.root, absolute: true })].sort();

describe("the documented line is all it takes", () => {
  test.each([
    ["by itself", {}],
    ["with every check there is, and no types of Bun's", { ...STRICT, types: [] }],
    ["with node's modules", { ...STRICT, module: "nodenext", target: "es2024" }],
    [
      "with a bundler's and Bun's types",
      { ...STRICT, ...BUN, module: "preserve", moduleResolution: "bundler" },
    ],
    ["with little checked", { strict: false, isolatedModules: false }],
  ])("%s", async (_, options) => {
    const at = project(options, PACKAGE);
    for (const device of DEVICES) {
      copyFileSync(device, join(at, basename(device)));
    }
    expect(await errorsIn(at)).toEqual([]);
  });

  test("with Bun's types, for a script that uses more than the device API", async () => {
    const at = project({ ...STRICT, ...BUN }, { ...PACKAGE, "serve.ts": SERVE });
    expect(await errorsIn(at)).toEqual([]);
  });
});

const SERVE = `import { SysBusDevice, u32 } from "qemu-script";

export default class Serve extends SysBusDevice.with({ type: "serve", state: { n: u32 } }) {
  readonly server = Bun.serve({ port: 0, fetch: () => new Response(String(this.n)) });
}
`;

const WRONG = `import { SysBusDevice, u32 } from "qemu-script";

export default class Wrong extends SysBusDevice.with({ type: "wrong", state: { count: u32 } }) {
  act() {
    this.count = "one";
  }
}
`;

test("a mistake in the user's script is an error", async () => {
  const errors = await errorsIn(project(STRICT, { ...PACKAGE, "wrong.ts": WRONG }));
  expect(errors).toEqual(["wrong.ts(5,5): error TS2322: Type 'string' is not assignable to type 'number'."]);
});

test("a declaration that the compiler cannot see through says why", async () => {
  const traces = 'traces: { counted: (count) => "count " + count }';
  const text = WRONG.replace("state: {", `${traces}, state: {`).replace('"one"', "1");
  const [first, second] = await errorsIn(project(STRICT, { ...PACKAGE, "wrong.ts": text }));
  expect(first).toStartWith("wrong.ts(3,54): error TS2345");
  expect(second).toContain("parameters of functions in a declaration need types");
  const typed = text.replace("(count)", "(count: number)");
  expect(await errorsIn(project(STRICT, { ...PACKAGE, "right.ts": typed }))).toEqual([]);
});

test("an editor completes what the declaration declares, and shows the docstrings", async () => {
  const text = WRONG.replace('count = "one"', "");
  const at = project({}, { ...PACKAGE, "device.ts": text });
  const api = new API({ cwd: at });
  try {
    const snapshot = await api.updateSnapshot({ openProject: join(at, "tsconfig.json") });
    const [opened] = snapshot.getProjects();
    const { checker } = opened!;
    const completions = await checker.getCompletionsAtPosition(
      join(at, "device.ts"),
      text.indexOf("this.") + 5,
    );
    const names = completions?.entries.map(({ name }) => name) ?? [];
    expect(names).toEqual(expect.arrayContaining(["count", "config", "irqs", "act"]));
    const symbol = await checker.getSymbolAtPosition(join(at, "device.ts"), text.indexOf("u32 }"));
    const declared = await checker.getAliasedSymbol(symbol!);
    expect(await declared.getDocumentationComment(checker)).toContain("32 bits");
  } finally {
    await api.close();
  }
});

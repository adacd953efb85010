/** What users get wrong before the guest runs: one clear line on stderr, exit status 1, and no guest. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { bareMetal, guest } from "../lib/guest-code.ts";
import { TEST_MS } from "../lib/limit.ts";
import { NAME } from "../lib/program.ts";
import { endAll, folder, Qemu, script } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const IMPORT = 'import { registers, string, SysBusDevice, u32 } from "qemu-script";';

/** A device with nothing wrong, but for what the arguments say. */
function plain({ type = "plain-ts", registers = 'A: { at: 0, field: "a" }', body = "" } = {}): string {
  return `${IMPORT}
export default class Plain extends SysBusDevice.with({
  type: "${type}",
  properties: { level: u32({ default: 3 }), label: string() },
  state: { a: u32(0) },
  regions: { regs: { size: 0x10 } },
}) {
  static { registers(Plain, "regs", { ${registers} }); }
${body}
}
`;
}

/** Runs a guest that would print, with these options. */
async function refusal(args: readonly string[]): Promise<string> {
  const machine = bareMetal(guest("hello")).map((word) => (word === "chardev:console" ? "stdio" : word));
  const { status, signal, stdout, stderr } = await Qemu.run([...machine, ...args]);
  expect({ status, signal, stdout }).toEqual({ status: 1, signal: null, stdout: "" });
  expect(stderr).toEndWith("\n");
  return stderr.slice(0, -1);
}

/** Both ways to name a script: the same complaint after the option. */
const OPTIONS = [
  { option: "-script", argument: (path: string, rest = "") => `path=${path}${rest}` },
  { option: "-device", argument: (path: string, rest = "") => `script,path=${path}${rest}` },
] as const;

describe.each(OPTIONS)("$option", ({ option, argument }) => {
  const complaint = async (path: string) => {
    const line = await refusal([option, argument(path)]);
    const start = `${NAME}: ${option} ${argument(path)}: `;
    expect(line).toStartWith(start);
    return line.slice(start.length);
  };

  test("without a path", async () => {
    const word = option === "-script" ? "" : "script";
    for (const empty of [word, argument("")]) {
      const args = option === "-script" && empty === "" ? [option, "replaces=pl011"] : [option, empty];
      expect(await refusal(args)).toBe(
        `${NAME}: ${args.join(" ")}: 'script' needs path=FILE, the script to load`,
      );
    }
  });

  test("no such file", async () => {
    const path = `${folder()}/missing.ts`;
    expect(await complaint(path)).toBe(`${path}: No such file or directory`);
  });

  test("a directory", async () => {
    const path = folder();
    expect(await complaint(path)).toBe(`${path}: Is a directory`);
  });

  test("a file that cannot be read, or is no script", async () => {
    const path = script("\x7fELF\x02\x01\x01\0\0\0");
    expect(await complaint(path)).toStartWith(`${path}:1:1: `);
  });

  test("a syntax error", async () => {
    const path = script("const x = 1;\nconst y = ;\n");
    expect(await complaint(path)).toStartWith(`${path}:2:11: `);
  });

  test("two syntax errors: the first is named", async () => {
    const path = script("const x = 1;\nconst y = {;\nconst z = ;\n");
    expect(await complaint(path)).toStartWith(`${path}:2:12: `);
  });

  test("a syntax error in a module that it imports", async () => {
    const module = script("\n\nexport const a = ;\n", "module.ts");
    expect(await complaint(script(`import "${module}";\n${plain()}`))).toStartWith(`${module}:3:18: `);
  });

  test("a module that is not there", async () => {
    const path = script(`// a comment\nimport "./missing.ts";\n${plain()}`);
    expect(await complaint(path)).toMatch(new RegExp(`^${path}:2:\\d+: .*\\./missing\\.ts`));
  });

  test("a name that qemu-script does not export", async () => {
    const path = script(`import { nonsense } from "qemu-script";\nexport default nonsense;\n`);
    expect(await complaint(path)).toMatch(new RegExp(`^${path}:.*nonsense`));
  });

  test("a throw while it loads, at the line of the source", async () => {
    const path = script(`interface Gone {
  a: number;
}
const kept: Gone = { a: 1 };
throw new Error(\`broken on purpose: \${kept.a}\`);
`);
    expect(await complaint(path)).toMatch(new RegExp(`^${path}:5:(7|11): broken on purpose: 1$`));
  });

  test("a throw of no Error", async () => {
    const path = script('throw "just text";\n');
    expect(await complaint(path)).toMatch(new RegExp(`^${path}:.*just text`));
  });

  test("a rejected promise at the top level", async () => {
    const path = script('\nawait Promise.reject(new Error("too late"));\n');
    expect(await complaint(path)).toMatch(new RegExp(`^${path}:2:\\d+: too late$`));
  });

  test("no default export", async () => {
    const path = script("export const device = 1;\n");
    expect(await complaint(path)).toBe(
      `${path}: no default export: export the device class with \`export default class\``,
    );
  });

  test.each([
    ["a class of its own", "class X {}"],
    ["a number", "42"],
    ["an object", "{ type: 'x' }"],
    ["null", "null"],
    ["a function", "function () {}"],
  ])("a default export that is no device: %s", async (_, value) => {
    const path = script(`export default ${value};\n`);
    expect(await complaint(path)).toBe(
      `${path}: the default export is no device: it must be a class that extends SysBusDevice.with(...)`,
    );
  });

  test("a type that QEMU has", async () => {
    const path = script(plain({ type: "pl011" }));
    expect(await complaint(path)).toBe(`${path}: there is a type 'pl011' already`);
  });

  test("a type that another script has", async () => {
    const first = script(plain());
    const second = script(plain());
    const line = await refusal(["-script", `path=${first}`, option, argument(second)]);
    expect(line).toBe(
      `${NAME}: ${option} ${argument(second)}: ${second}: there is a type 'plain-ts' already`,
    );
  });

  test.each(["", "x", "two words", "9lives", "a/b"])("a name that is none for a type: %p", async (type) => {
    const path = script(plain({ type }));
    expect(await complaint(path)).toBe(`${path}: '${type}' is no name for a type`);
  });

  test.each([
    ["overlap", 'A: { at: 0, field: "a" }, B: { at: 0, field: "a" }', "offset 0x0 is taken by A"],
    [
      "leave the region",
      'B: { at: 0x10, field: "a" }',
      "offset 0x10 is outside the region, which has 0x10 bytes",
    ],
    ["are misaligned", 'B: { at: 2, field: "a" }', "offset 0x2 is not a multiple of 4"],
    ["name a method that is not there", 'B: { at: 4, read: "nope" }', "read: Plain has no method nope()"],
    ["name a field that is not there", 'B: { at: 4, field: "nope" }', "field: Plain has no nope"],
  ])("registers that %s", async (_, registers, reason) => {
    const path = script(plain({ registers }));
    expect(await complaint(path)).toBe(`${path}: plain-ts: register B of regs: ${reason}`);
  });
});

describe("-device script,...", () => {
  const complaint = async (text: string, rest: string) => {
    const path = script(text);
    const option = `-device script,path=${path}${rest}`;
    const line = await refusal(option.split(" "));
    expect(line).toStartWith(`${NAME}: ${option}: `);
    return { path, message: line.slice(`${NAME}: ${option}: `.length) };
  };

  test("an unknown property", async () => {
    const { message } = await complaint(plain(), ",colour=red");
    expect(message).toBe("Property 'plain-ts.colour' not found");
  });

  test("a bad property value", async () => {
    const { message } = await complaint(plain(), ",level=high");
    expect(message).toBe("Parameter 'level' expects integer");
  });

  test("a bad property value, in JSON", async () => {
    const path = script(plain());
    const json = JSON.stringify({ driver: "script", path, level: "high" });
    expect(await refusal(["-device", json])).toBe(
      `${NAME}: -device ${json}: Parameter 'level' expects uint64`,
    );
  });

  test("no path, in JSON", async () => {
    const json = '{"driver":"script"}';
    expect(await refusal(["-device", json])).toBe(
      `${NAME}: -device ${json}: 'script' needs path=FILE, the script to load`,
    );
  });

  test("no such character device", async () => {
    const text = plain().replace("label: string()", "line: chardev()").replace("string,", "chardev,");
    const { message } = await complaint(text, ",line=nobody");
    expect(message).toContain("nobody");
  });

  test("a throw in realize", async () => {
    const body = '  realize() {\n    throw new Error("not with these properties");\n  }';
    const { path, message } = await complaint(plain({ body }), "");
    expect(message).toMatch(new RegExp(`^${path}:10:\\d+: not with these properties$`));
  });

  test("a throw in the constructor", async () => {
    const body = "  table = [1].map(() => { throw new RangeError('no such table'); });";
    const { path, message } = await complaint(plain({ body }), "");
    expect(message).toMatch(new RegExp(`^${path}:9:\\d+: RangeError: no such table$`));
  });

  test("a throw in realize of the board's device", async () => {
    const body = '  realize() {\n    throw new Error("no board for me");\n  }';
    // Boards may set what the type has that it replaces.
    const text = plain({ body })
      .replace("label: string()", "migrateTickOffset: string()")
      .replace("state:", 'irqs: ["irq"], state:');
    const path = script(text);
    const line = await refusal(["-script", `path=${path},replaces=pl031`]);
    expect(line).toMatch(new RegExp(`^${NAME}: (.*: )?${path}:10:\\d+: no board for me$`));
  });
});

describe("-script path=...,replaces=...", () => {
  const complaint = async (rest: string) => {
    const argument = `path=${script(plain())}${rest}`;
    const line = await refusal(["-script", argument]);
    expect(line).toStartWith(`${NAME}: -script ${argument}: `);
    return line.slice(`${NAME}: -script ${argument}: `.length);
  };

  test("an unknown type", async () => {
    expect(await complaint(",replaces=nonsense")).toBe("there is no type 'nonsense' to replace");
  });

  test("a type that is no device", async () => {
    expect(await complaint(",replaces=tcg-accel")).toBe("'tcg-accel' is no device");
  });

  test("an abstract type", async () => {
    expect(await complaint(",replaces=sys-bus-device")).toBe(
      "'sys-bus-device' is abstract: QEMU makes no objects of it",
    );
  });

  test.each([
    [
      "fewer lines",
      'irqs: ["one", "two"], state:',
      "'pl011' has 0 inputs and 6 outputs 'sysbus-irq', which boards may connect: 'plain-ts' has 0 and 2",
    ],
    [
      "fewer regions",
      'irqs: ["1", "2", "3", "4", "5", "6"], state:',
      "'pl011' has 1 regions, which boards may map: 'plain-ts' has 0",
    ],
  ])("%s than what it replaces", async (what, declared, message) => {
    const text = plain()
      .replace("label: string()", "chardev: chardev(), migrateClk: string()")
      .replace("import {", "import { chardev,")
      .replace("state:", declared);
    const path = script(what === "fewer regions" ? text.replace(/ {2}regions.*\n|.*static.*\n/g, "") : text);
    const line = await refusal(["-script", `path=${path},replaces=pl011`]);
    expect(line).toBe(`${NAME}: ${message}`);
  });

  test("by a type that no script declares", async () => {
    for (const type of ["nonsense", "pl011"]) {
      expect(await complaint(`,replaces=pl011,by=${type}`)).toBe(`no script declares a type '${type}'`);
    }
  });

  test("by a type, and nothing that it replaces", async () => {
    expect(await complaint(",by=plain-ts")).toBe("by=plain-ts needs replaces=TYPE, the type to replace");
  });

  test("a parameter that it does not have", async () => {
    expect(await complaint(",colour=red")).toBe("Invalid parameter 'colour'");
  });
});

test("-daemonize is refused, scripts or not", async () => {
  for (const more of [[], ["-script", `path=${script(plain())}`]]) {
    const line = await refusal(["-daemonize", ...more]);
    expect(line).toMatch(new RegExp(`^${NAME}: -daemonize:? cannot be used: .*fork`));
  }
});

test("a script given twice is loaded once", async () => {
  const text = `console.log("loading");\n${plain()}`;
  const path = script(text);
  const args = [
    "-M",
    "none",
    "-script",
    `path=${path}`,
    "-script",
    `path=${path}`,
    "-device",
    "plain-ts,help",
  ];
  const { status, stdout, stderr } = await Qemu.run(args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "loading\n" });
  expect(stdout).toContain("level=<uint32>");
});

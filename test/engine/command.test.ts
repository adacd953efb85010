/** The command is QEMU's: options, help, messages, exit status; and what scripts add to it. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bareMetal, guest } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { Poker } from "../lib/poker.ts";
import { device, NAME, PL011, STOCK } from "../lib/program.ts";
import { endAll, folder, HEADLESS, Qemu } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const LIVES = device("lives");

const onStdio = (image: string) =>
  bareMetal(image).map((word) => (word === "chardev:console" ? "stdio" : word));

/** Path of the first object of a type below /machine. */
async function find({ qmp }: Qemu, type: string, path = "/machine"): Promise<string | undefined> {
  const children = await qmp.execute<{ name: string; type: string }[]>("qom-list", { path });
  for (const child of children) {
    if (child.type === `child<${type}>`) {
      return `${path}/${child.name}`;
    }
    const found = child.type.startsWith("child<")
      ? await find({ qmp } as Qemu, type, `${path}/${child.name}`)
      : undefined;
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

describe("without a script", () => {
  test("--version", async () => {
    const { status, stdout, stderr } = await Qemu.run(["--version"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^QEMU emulator version 10\.0\./);
  });

  test("-help tells of -script", async () => {
    const { status, stdout, stderr } = await Qemu.run(["-help"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("\n-script path=file[,replaces=type[,by=type]][,watch=on|off]\n");
    expect(stdout).toContain("usage: ");
  });

  test.each(["-M", "-cpu", "-accel"])("%s help", async (option) => {
    const machine = option === "-cpu" ? ["-M", "virt"] : [];
    const { status, stdout, stderr } = await Qemu.run([...machine, option, "help"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/virt|cortex-a76|tcg/);
  });

  test.each([
    [["-nonsense"], "-nonsense: invalid option"],
    [["-M", "nonsense"], 'unsupported machine type: "nonsense"'],
    [
      ["-M", "virt", ...HEADLESS, "-device", "nonsense"],
      "-device nonsense: 'nonsense' is not a valid device model name",
    ],
    [["-M", "virt", ...HEADLESS, "-kernel", "/nonsense"], "could not load kernel '/nonsense'"],
    [["-m"], "-m: requires an argument"],
  ])("%j is refused as QEMU does", async (args, message) => {
    const { status, stdout, stderr } = await Qemu.run(args);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toStartWith(`${NAME}: ${message}`);
  });

  test.skipIf(STOCK === undefined)("what it prints is what a QEMU without scripts prints", async () => {
    const others = [
      ["--version"],
      ["-M", "help"],
      ["-M", "virt", "-cpu", "help"],
      ["-nonsense"],
      ["-trace", "help"],
      ["-d", "help"],
    ];
    for (const args of others) {
      expect(await Qemu.run(args)).toEqual(await Qemu.run(args, { program: [STOCK!] }));
    }
  });

  test.skipIf(STOCK === undefined)("-help differs by -script alone", async () => {
    const lines = async (program?: string) => {
      const { stdout } = await Qemu.run(["-help"], program === undefined ? {} : { program: [program] });
      return stdout.split("\n");
    };
    const ours = await lines();
    const stock = new Set(await lines(STOCK!));
    expect(ours.filter((line) => !stock.has(line))).toEqual([
      "-script path=file[,replaces=type[,by=type]]",
      expect.stringContaining("TypeScript"),
      expect.stringContaining("device"),
    ]);
  });

  test("a guest runs and prints on stdout", async () => {
    const { status, stdout, stderr } = await Qemu.run(onStdio(guest("hello")));
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "hello\n", stderr: "" });
  });

  test("words are QEMU's as they are typed", async () => {
    const name = 'two words, äöü "quoted" --version';
    const qemu = await Qemu.start({
      args: ["-M", "none", ...HEADLESS, "-name", name.replaceAll(",", ",,")],
    });
    expect(await qemu.qmp.execute("query-name")).toEqual({ name });
  });

  test("without its library it says what to do", async () => {
    const env = { QEMU_SCRIPT_LIBRARY: "/nonsense.so" };
    const { status, stdout, stderr } = await Qemu.run(["--version"], { env });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^qemu-system-aarch64: cannot open \/nonsense\.so: .*npm run build.*\n$/);
  });

  test("the folder where it is started has no say", async () => {
    const at = folder();
    writeFileSync(join(at, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
    writeFileSync(join(at, "preload.ts"), 'console.log("preloaded");\n');
    writeFileSync(join(at, ".env"), "QEMU_SCRIPT_LIBRARY=/nonsense\n");
    writeFileSync(join(at, "package.json"), "{ nonsense");
    const { status, stdout, stderr } = await Qemu.run(["-M", "none", "--version"], { cwd: at });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).not.toContain("preloaded");
  });
});

describe("help for scripted types", () => {
  const OPTIONS = [
    "chardev=<str>          - the other end of the serial line",
    "migrate-clk=<bool>     - on/off (default: on)",
  ];

  test("-device help lists them", async () => {
    const { status, stdout } = await Qemu.run(["-M", "virt", "-script", `path=${PL011}`, "-device", "help"]);
    expect(status).toBe(0);
    expect(stdout).toContain('name "pl011-ts", bus System, desc "ARM PrimeCell UART (PL011), in TypeScript"');
  });

  test.each([
    ["by its type", ["-script", `path=${PL011}`, "-device", "pl011-ts,help"]],
    ["by its script", ["-device", `script,path=${PL011},help`]],
    ["before -script", ["-device", "pl011-ts,help", "-script", `path=${PL011}`]],
  ])("properties, %s", async (_, args) => {
    const { status, stdout, stderr } = await Qemu.run(args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toStartWith("pl011-ts options:\n");
    for (const line of OPTIONS) {
      expect(stdout).toContain(`  ${line}\n`);
    }
  });

  test("in the monitor, also for what is not there", async () => {
    const qemu = await Qemu.start({ args: ["-M", "none", ...HEADLESS] });
    await qemu.qmp.human("device_add script,help").catch(() => {});
    await qemu.qmp.human("device_add script,path=/nonsense,help").catch(() => {});
    expect(await qemu.qmp.human(`device_add script,path=${PL011},help`)).toContain(OPTIONS[0]!);
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });
});

describe("-device", () => {
  const uart = { driver: "script", path: PL011, id: "u0", "migrate-clk": false };

  test.each([
    ["plain", `script,path=${PL011},id=u0,migrate-clk=off`],
    ["in JSON", JSON.stringify(uart)],
  ])("%s", async (_, option) => {
    const qemu = await Qemu.start({ args: ["-M", "virt", ...HEADLESS, "-S", "-device", option] });
    const path = "/machine/peripheral/u0";
    expect(await qemu.qmp.execute<string>("qom-get", { path, property: "type" })).toBe("pl011-ts");
    expect(await qemu.qmp.execute<boolean>("qom-get", { path, property: "migrate-clk" })).toBe(false);
  });

  test("in a file for -readconfig", async () => {
    const config = join(folder(), "machine.cfg");
    writeFileSync(config, `[device "u0"]\n  driver = "script"\n  path = "${PL011}"\n`);
    const qemu = await Qemu.start({ args: ["-M", "virt", ...HEADLESS, "-S", "-readconfig", config] });
    const path = "/machine/peripheral/u0";
    expect(await qemu.qmp.execute<string>("qom-get", { path, property: "type" })).toBe("pl011-ts");
  });

  test("the same script twice: one type, two devices", async () => {
    const args = ["-device", `script,path=${PL011},id=u0`, "-device", `script,path=${PL011},id=u1`];
    const qemu = await Qemu.start({
      args: ["-M", "virt", ...HEADLESS, "-S", ...args, "-device", "pl011-ts,id=u2"],
    });
    for (const id of ["u0", "u1", "u2"]) {
      const path = `/machine/peripheral/${id}`;
      expect(await qemu.qmp.execute<string>("qom-get", { path, property: "type" })).toBe("pl011-ts");
    }
  });

  test("the same ID twice is refused", async () => {
    const args = ["-device", `script,path=${PL011},id=u0`, "-device", `script,path=${PL011},id=u0`];
    const { status, stderr } = await Qemu.run(["-M", "virt", ...HEADLESS, ...args]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/Duplicate (device )?ID 'u0'/i);
  });

  test("a board without a place for it", async () => {
    const { status, stderr } = await Qemu.run([
      "-M",
      "raspi3b",
      ...HEADLESS,
      "-device",
      `script,path=${PL011}`,
    ]);
    expect(status).toBe(1);
    expect(stderr).toStartWith(`${NAME}: -device script,path=${PL011}: `);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});

describe("device_add while a guest runs", () => {
  const refused = async (args: Record<string, unknown>) => {
    const qemu = await Qemu.start({ args: bareMetal(guest("spin")), lines: ["console"] });
    await qemu.line("console").text.waitFor("spinning", SOON_MS);
    const error = await qemu.qmp.execute("device_add", args).catch((reason: Error) => reason.message);
    expect(await qemu.qmp.execute("query-status")).toMatchObject({ status: "running" });
    return error;
  };

  test("QEMU has no hot-plug for the system bus", async () => {
    expect(await refused({ driver: "script", path: PL011 })).toBe(
      "Bus 'main-system-bus' does not support hotplugging",
    );
  });

  test("no such file", async () => {
    expect(await refused({ driver: "script", path: "/nonsense.ts" })).toBe(
      "/nonsense.ts: No such file or directory",
    );
  });

  test("no path", async () => {
    expect(await refused({ driver: "script" })).toBe("'script' needs path=FILE, the script to load");
  });

  test("a script that throws", async () => {
    const path = join(folder(), "throws.ts");
    writeFileSync(path, '\nthrow new Error("not now");\n');
    expect(await refused({ driver: "script", path })).toMatch(/throws\.ts:2:\d+: not now$/);
  });

  test("the type is there afterwards, the guest goes on", async () => {
    const poker = await Poker.start(LIVES, { smp: 2 });
    for (let i = 0; i < 5; i++) {
      await poker.qemu.qmp.execute("device_add", { driver: "script", path: PL011 }).catch(() => {});
      await poker.write(0, i);
      expect(await poker.read(0)).toBe(i);
    }
    const typename = "pl011-ts";
    expect(await poker.qemu.qmp.execute("device-list-properties", { typename })).toBeArray();
  });
});

describe("-script ...,replaces=", () => {
  const replaced = (rest: readonly string[], machine = "virt") =>
    Qemu.start({
      args: ["-M", machine, ...HEADLESS, "-S", "-script", `path=${PL011},replaces=pl011`, ...rest],
    });

  const clkMigrates = async (qemu: Qemu) =>
    qemu.qmp.execute<boolean>("qom-get", {
      path: await find(qemu, "pl011-ts"),
      property: "migrate-clk",
    });

  test("the board's console is the script's", async () => {
    const machine = onStdio(guest("hello"));
    const { status, stdout, stderr } = await Qemu.run([
      ...machine,
      "-script",
      `path=${PL011},replaces=pl011`,
    ]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "hello\n" });
    expect(stderr).toBe("");
  });

  test("there is no object of the old type left", async () => {
    const qemu = await replaced([]);
    expect(await find(qemu, "pl011")).toBeUndefined();
    expect(await find(qemu, "pl011-ts")).toBeString();
    expect(await clkMigrates(qemu)).toBe(true);
  });

  test.each(["pl011", "pl011-ts"])("-global %s.migrate-clk reaches it", async (type) => {
    expect(await clkMigrates(await replaced(["-global", `${type}.migrate-clk=off`]))).toBe(false);
  });

  test("a machine's compatibility property reaches it", async () => {
    expect(await clkMigrates(await replaced([], "virt-5.1"))).toBe(false);
    expect(await clkMigrates(await replaced([], "virt-5.2"))).toBe(true);
  });

  test.each(["raspi3b", "musca-a"])("a UART that %s embeds", async (machine) => {
    const qemu = await replaced([], machine);
    expect(await find(qemu, "pl011")).toBeUndefined();
    expect(await find(qemu, "pl011-ts")).toBeString();
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });

  test("another type of the script than its default one, which is there too", async () => {
    const args = ["-M", "lm3s811evb", ...HEADLESS, "-S"];
    const other = ["-script", `path=${PL011},replaces=pl011_luminary,by=pl011_luminary-ts`];
    const qemu = await Qemu.start({ args: [...args, ...other, "-script", `path=${PL011},replaces=pl011`] });
    const tree = await qemu.qmp.human("info qom-tree /machine/soc");
    expect(tree.match(/\(pl011\S*\)/g)).toEqual(["(pl011_luminary-ts)", "(pl011_luminary-ts)"]);
  });

  test("one that does not fit where it is embedded is refused", async () => {
    const args = ["-M", "raspi3b", ...HEADLESS, "-script", `path=${device("big")},replaces=pl011`];
    const { status, signal, stderr } = await Qemu.run(args);
    expect({ status, signal }).toEqual({ status: 1, signal: null });
    expect(stderr).toMatch(
      /^qemu-system-aarch64: 'big-ts' cannot replace 'pl011' here: the board embeds it in \d+ bytes, \d+ are needed\n$/,
    );
  });

  test("one that lacks what the board sets is refused", async () => {
    const args = ["-M", "virt", ...HEADLESS, "-script", `path=${device("alive")},replaces=pl011`];
    const { status, signal, stderr } = await Qemu.run(args);
    expect({ status, signal }).toEqual({ status: 1, signal: null });
    expect(stderr).toMatch(
      /: 'pl011' has a property '[a-z-]+', which boards may set and 'alive-ts' lacks\n$/,
    );
  });
});

describe("paths of scripts", () => {
  const expectLoaded = async (path: string, cwd?: string) => {
    const args = ["-device", `script,path=${path.replaceAll(",", ",,")},help`];
    const { status, stdout, stderr } = await Qemu.run(args, cwd === undefined ? {} : { cwd });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("alive-ts options:");
  };

  test.each(["two words.ts", "ä€.ts", "a#b.ts", "100%.ts", "a,b.ts", "quote'\".ts", "no-suffix"])(
    "%s",
    async (name) => {
      const path = join(folder(), name);
      copyFileSync(device("alive"), path);
      await expectLoaded(path);
    },
  );

  test("a question mark, which Bun cannot load", async () => {
    const path = join(folder(), "a?b=c.ts");
    copyFileSync(device("alive"), path);
    const { status, stderr } = await Qemu.run(["-device", `script,path=${path},help`]);
    expect(status).toBe(1);
    expect(stderr).toEndWith(`${path}: Bun cannot load a file whose path has a question mark\n`);
  });

  test("relative", async () => {
    const at = folder();
    mkdirSync(join(at, "sub"));
    copyFileSync(device("alive"), join(at, "sub", "x.ts"));
    await expectLoaded("sub/x.ts", at);
    await expectLoaded("./sub/../sub/x.ts", at);
    await expectLoaded("x.ts", join(at, "sub"));
  });

  test("through a symbolic link, with imports beside the file", async () => {
    const at = folder();
    const real = join(at, "real");
    mkdirSync(real);
    copyFileSync(device("alive"), join(real, "device.ts"));
    writeFileSync(join(real, "main.ts"), 'export { default } from "./device.ts";\n');
    symlinkSync(join(real, "main.ts"), join(at, "link.ts"));
    await expectLoaded(join(at, "link.ts"));
  });

  test("JavaScript", async () => {
    const path = join(folder(), "x.js");
    writeFileSync(
      path,
      `import { registers, SysBusDevice, u32 } from "qemu-script";
export default class X extends SysBusDevice.with({
  type: "alive-ts", state: { a: u32 }, regions: { regs: { size: 16 } },
}) { static { registers(X, "regs", { A: { at: 0, field: "a" } }); } }
`,
    );
    await expectLoaded(path);
  });
});

describe("the end", () => {
  const start = (name: string, rest: readonly string[] = []) =>
    Qemu.start({
      args: [...bareMetal(guest(name)), "-device", `script,path=${LIVES}`, ...rest],
      lines: ["console"],
      // Some guests end before a QMP session has begun.
      withoutQmp: name === "hello",
    });

  test("quit over QMP", async () => {
    for (const name of ["spin", "sleep"]) {
      const qemu = await start(name);
      await qemu.line("console").text.waitFor("ing\n", SOON_MS);
      expect(await qemu.quit()).toEqual({ status: 0, signal: null });
    }
  });

  test("quit before the guest ran", async () => {
    const qemu = await start("spin", ["-S"]);
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });

  test("the guest switches itself off", async () => {
    const qemu = await start("hello");
    expect(await qemu.waitForExit(SOON_MS)).toEqual({ status: 0, signal: null });
    expect(qemu.line("console").text.all).toBe("hello\n");
  });

  test("the guest switches itself off, with -no-shutdown", async () => {
    const poker = await Poker.start(LIVES, { args: ["-no-shutdown"] });
    await poker.powerOff();
    const { qemu } = poker;
    await qemu.qmp.waitForEvent("SHUTDOWN");
    expect(await qemu.qmp.execute("query-status")).toMatchObject({ status: "shutdown" });
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  });

  test.each([0, 7, 255])("the guest ends with status %d by semihosting", async (status) => {
    const image = guest("exit", { STATUS: status });
    const args = [...bareMetal(image), "-semihosting", "-device", `script,path=${LIVES}`];
    const qemu = await Qemu.start({ args, lines: ["console"], withoutQmp: true });
    expect(await qemu.waitForExit(SOON_MS)).toEqual({ status, signal: null });
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s, as QEMU ends", async (signal) => {
    for (const name of ["spin", "sleep"]) {
      const qemu = await start(name);
      await qemu.line("console").text.waitFor("ing\n", SOON_MS);
      qemu.signal(signal);
      expect((await qemu.qmp.waitForEvent("SHUTDOWN")).data).toMatchObject({ reason: "host-signal" });
      expect(await qemu.waitForExit(SOON_MS)).toEqual({ status: 0, signal: null });
      expect(qemu.stderr.lines.at(-1)).toMatch(
        new RegExp(`^${NAME}: terminating on signal \\d+ from pid ${process.pid} `),
      );
    }
  });

  test("the pid file is gone", async () => {
    const at = folder();
    for (const end of ["quit", "SIGTERM"] as const) {
      const file = join(at, end);
      const qemu = await start("spin", ["-pidfile", file]);
      expect(Number(await Bun.file(file).text())).toBe(qemu.pid);
      if (end === "SIGTERM") {
        qemu.signal(end);
        await qemu.waitForExit(SOON_MS);
      } else {
        await qemu.quit();
      }
      expect(existsSync(file)).toBe(false);
    }
  });

  test("the last bytes of the guest reach stdout", async () => {
    for (let i = 0; i < 10; i++) {
      const script = ["-script", `path=${PL011},replaces=pl011`];
      const { status, stdout } = await Qemu.run([...onStdio(guest("hello")), ...script]);
      expect({ status, stdout }).toEqual({ status: 0, stdout: "hello\n" });
    }
  });
});

describe("on a terminal", () => {
  /** Runs a shell command on a terminal of its own. */
  async function onTerminal(command: string, type: (shown: string, write: (text: string) => void) => void) {
    let shown = "";
    const child = Bun.spawn(["sh", "-c", command], {
      terminal: {
        data(terminal, bytes) {
          shown += Buffer.from(bytes).toString("latin1");
          type(shown, (text) => terminal.write(text));
        },
      },
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), SOON_MS);
    await child.exited;
    clearTimeout(timer);
    return shown;
  }

  const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(" ");

  const machine = (name: string) => {
    const words = bareMetal(guest(name)).map((word) => (word === "chardev:console" ? "mon:stdio" : word));
    return [...words, "-script", `path=${PL011},replaces=pl011`];
  };

  const settings = (program: readonly string[]) => `stty -g; ${quoted(program)}; echo "status $?"; stty -g`;

  test.each([
    ["the guest switches itself off", "hello", undefined, 0],
    ["Ctrl-A x ends it", "spin", "\x01x", 0],
  ])("its settings are as before when %s", async (_, name, keys, status) => {
    const { PROGRAM } = await import("../lib/program.ts");
    let typed = false;
    const shown = await onTerminal(settings([...PROGRAM, ...machine(name)]), (sofar, write) => {
      if (keys !== undefined && !typed && sofar.includes("spinning")) {
        typed = true;
        write(keys);
      }
    });
    const lines = shown.split("\r\n").filter((line) => line !== "");
    expect(shown).toContain(`status ${status}`);
    expect(lines.at(-1)).toMatch(/^[0-9a-f:]+$/);
    expect(lines.at(-1)).toBe(lines[0]!);
  });

  test("Ctrl-C is the guest's", async () => {
    const { PROGRAM } = await import("../lib/program.ts");
    let step = 0;
    const words = bareMetal(guest("poker", { BUSY: 0 })).map((word) =>
      word === "chardev:console" ? "mon:stdio" : word,
    );
    const program = [...PROGRAM, ...words, "-script", `path=${PL011},replaces=pl011`];
    const shown = await onTerminal(settings(program), (sofar, write) => {
      if (step === 0 && sofar.includes("ready")) {
        step = 1;
        // The guest takes no notice of the character; the settings of the terminal would.
        write("\x03\nr 9000018\n");
      } else if (step === 1 && /[0-9a-f]{16} [0-9a-f]{16}/.test(sofar)) {
        step = 2;
        write("o\n");
      }
    });
    expect(shown).toContain("status 0");
    expect(step).toBe(2);
  });
});

/** Errors on their way between QEMU and scripts. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { TEST_MS } from "../lib/limit.ts";
import { NAME } from "../lib/program.ts";
import { endAll, HEADLESS, Qemu, script } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];

/** Outer makes an Inner, whose realize() throws; each line of the script that matters is named. */
const SOURCE = `import { DeviceRef, ObjectRef, QemuError, SysBusDevice, string } from "qemu-script";
export class Inner extends SysBusDevice.with({ type: "inner" }) {
  realize() {
    throw new Error("not in the mood");
  }
}
export class Adviser extends SysBusDevice.with({ type: "adviser" }) {
  realize() {
    throw new QemuError("cannot be", "Take another.\\n");
  }
}
export default class Outer extends SysBusDevice.with({ type: "outer", properties: { what: string() } }) {
  realize() {
    this[this.config.what]();
  }
  property() {
    this.object.get("nothing");
  }
  hinted() {
    throw new QemuError("no such frobnicator", "Try one of these: a, b\\n");
  }
  nested() {
    DeviceRef.new("inner").realize();
  }
  wrapped() {
    try {
      this.nested();
    } catch (error) {
      throw new Error("no inner device", { cause: error });
    }
  }
  caught() {
    try {
      this.nested();
    } catch (error) {
      console.log(error instanceof QemuError, error.message, JSON.stringify(error.hint));
    }
    ObjectRef.machine().get("type");
  }
  advised() {
    try {
      DeviceRef.new("adviser").realize();
    } catch (error) {
      console.log(error instanceof QemuError, JSON.stringify(error.hint));
      throw error;
    }
  }
  later() {
    setTimeout(() => {
      this.object.get("nothing");
    }, 1);
  }
}
`;

const lineOf = (text: string) => SOURCE.slice(0, SOURCE.indexOf(text)).split("\n").length;

async function run(what: string) {
  const path = script(SOURCE);
  const args = [...MACHINE, "-device", `script,path=${path},what=${what}`];
  const { status, stderr } = await Qemu.run(args);
  return {
    path,
    status,
    lines: stderr.trimEnd().split("\n"),
    prefix: `${NAME}: ${args.at(-2)} ${args.at(-1)}: `,
  };
}

describe("realize() refuses the device with", () => {
  test("QEMU's own reason, and where the script asked for it", async () => {
    const { path, status, lines, prefix } = await run("property");
    expect(status).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toStartWith(`${prefix}${path}:${lineOf("this.object.get")}:`);
    expect(lines[0]).toEndWith(": Property 'outer.nothing' not found");
  });

  test("a hint, which QEMU prints as its own", async () => {
    const { path, status, lines, prefix } = await run("hinted");
    expect(status).toBe(1);
    expect(lines[0]).toStartWith(`${prefix}${path}:${lineOf('throw new QemuError("no such')}:`);
    expect(lines[0]).toEndWith(": no such frobnicator");
    expect(lines.slice(1)).toEqual(["Try one of these: a, b"]);
  });

  test("another's hint, which came and went through QEMU", async () => {
    const { path, status, lines, prefix } = await run("advised");
    expect(status).toBe(1);
    expect(lines[0]).toBe('true "Take another.\\n"');
    expect(lines[1]).toStartWith(`${prefix}${path}:${lineOf('throw new QemuError("cannot be"')}:`);
    expect(lines[1]).toEndWith(": cannot be");
    expect(lines.slice(2)).toEqual(["Take another."]);
  });

  test("what another device's script threw, once, with the place where it threw it", async () => {
    const { path, status, lines, prefix } = await run("nested");
    expect(status).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toStartWith(`${prefix}${path}:${lineOf('throw new Error("not in')}:`);
    expect(lines[0]!.split("not in the mood")).toHaveLength(2);
    expect(lines[0]!.split(path)).toHaveLength(3);
  });

  test("an error of its own about that", async () => {
    const { path, lines, prefix } = await run("wrapped");
    expect(lines[0]).toStartWith(`${prefix}${path}:${lineOf('throw new Error("no inner')}:`);
    expect(lines[0]).toEndWith(": no inner device");
  });
});

describe("QEMU's errors in a script", () => {
  const start = (what: string) => {
    const path = script(SOURCE);
    return { path, qemu: Qemu.start({ args: [...MACHINE, "-device", `script,path=${path},what=${what}`] }) };
  };

  test("are caught, and leave nothing behind", async () => {
    const { path, qemu } = start("caught");
    const { stderr } = await qemu;
    expect(stderr.lines).toEqual([
      expect.stringMatching(
        new RegExp(
          `^true ${RegExp.escape(path)}:${lineOf('throw new Error("not in')}:\\d+: not in the mood ""$`,
        ),
      ),
    ]);
  });

  test("are reported with the script's place, from a timer", async () => {
    const { path, qemu } = start("later");
    const { stderr } = await qemu;
    await stderr.waitFor("not found", 5000);
    expect(stderr.lines[0]).toStartWith(`${NAME}: ${path}:${lineOf("setTimeout") + 1}:`);
    expect(stderr.lines[0]).toEndWith(": Property 'outer.nothing' not found (timer or promise)");
  });
});

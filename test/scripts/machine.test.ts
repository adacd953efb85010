import { describe, expect, test } from "bun:test";
import { commandLine } from "../../scripts/lib/machine.ts";
import { pathsUnder, shown } from "../../scripts/lib/paths.ts";
import { missingFrom } from "../../scripts/lib/system-packages.ts";
import { countLine, readCounts } from "../../scripts/lib/test-report.ts";

describe("QEMU's command line", () => {
  const paths = pathsUnder("/a,b", {});

  test("the board's UART is the scripted one; a comma in a path does not end the option", () => {
    const { program, args } = commandLine({ guest: "u-boot", extra: ["-d", "int"] }, paths);
    expect(program).toBe("/a,b/build/qemu-system-aarch64");
    expect(args.join(" ")).toContain("-script path=/a,,b/devices/pl011.ts,replaces=pl011");
    expect(args.join(" ")).toEndWith("-bios /a,b/build/guests/u-boot/u-boot.bin -d int");
  });

  test("the script may be another one, and be watched or not", () => {
    const script = (watch?: boolean) => {
      const { args } = commandLine(
        { guest: "linux", uart: "/c,d.ts", ...(watch !== undefined && { watch }) },
        paths,
      );
      return args[args.indexOf("-script") + 1];
    };
    expect(script()).toBe("path=/c,,d.ts,replaces=pl011");
    expect(script(true)).toBe("path=/c,,d.ts,replaces=pl011,watch=on");
    expect(script(false)).toBe("path=/c,,d.ts,replaces=pl011,watch=off");
  });

  test("stock QEMU gets no script", () => {
    const { program, args } = commandLine({ guest: "linux", stock: true, smp: 2, memory: "1G" }, paths);
    expect(program).toBe("/a,b/build/stock/qemu-system-aarch64");
    expect(args).not.toContain("-script");
    expect(args.join(" ")).toStartWith("-M virt -cpu cortex-a57 -m 1G -nographic -nic none -smp 2 -kernel");
  });

  test("STOCK_QEMU names another one", () => {
    expect(pathsUnder("/p", { STOCK_QEMU: "/usr/bin/qemu" }).stockQemu).toBe("/usr/bin/qemu");
  });
});

test("paths of the project are shown relative to it", () => {
  expect(shown("/p/build/logs/x.log", "/p")).toBe("build/logs/x.log");
  expect(shown("/other/x", "/p")).toBe("/other/x");
});

test("missing packages", () => {
  const installed = "gcc installed\nbison config-files\npkg-config installed\n";
  expect(missingFrom(["gcc", "bison", "flex"], installed)).toEqual(["bison", "flex"]);
});

test("the counts of bun test's summary", () => {
  const line = (...summary: string[]): string | undefined => {
    const counts = readCounts(["(pass) it prints", " 7 pass", "more", "", ...summary, ""].join("\n"));
    return counts && countLine(counts);
  };
  expect(
    line(
      " 9 pass",
      " 1 skip",
      " 1 todo",
      " 1 fail",
      " 40 expect() calls",
      "Ran 12 tests across 3 files. [1s]",
    ),
  ).toBe("9 passed, 1 failed, 2 skipped");
  expect(line("\x1b[32m 3 pass\x1b[0m", " 0 fail", "Ran 3 tests across 1 file. \x1b[2m[1ms]")).toBe(
    "3 passed, 0 failed",
  );
  expect(line(" 3 pass")).toBeUndefined();
});

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

test("the counts of bun test's report", () => {
  const report = (attributes: string): string =>
    `<?xml version="1.0"?>\n<testsuites name="bun test" ${attributes}>`;
  expect(
    countLine(readCounts(report('tests="12" assertions="40" failures="1" skipped="2" time="0.1"'))),
  ).toBe("9 passed, 1 failed, 2 skipped");
  expect(countLine(readCounts(report('tests="3" assertions="4" failures="0" skipped="0"')))).toBe(
    "3 passed, 0 failed",
  );
});

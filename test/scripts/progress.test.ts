import { describe, expect, test } from "bun:test";
import { duration, progressLine, StepProgress } from "../../scripts/lib/progress.ts";
import { ninjaStatus } from "../../scripts/lib/qemu-build.ts";

test.each([
  [7_400, "0:07"],
  [130_000, "2:10"],
  [3_723_000, "1:02:03"],
  [-5, "0:00"],
])("%d ms are %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

describe("the line of a step", () => {
  const state = { index: 2, steps: 9, title: "building libqemu", startedAt: 0 };

  test("has counts, percent, elapsed and left when the tool says how much there is", () => {
    const line = progressLine(
      { ...state, done: 812, total: 1870, samples: [{ done: 0, at: 10_000 }] },
      130_000,
    );
    expect(line).toBe("[step 2/9] building libqemu  812/1870  43%  elapsed 2:10  left 2:36");
  });

  test("estimates from the whole and from the last half minute", () => {
    const samples = [
      { done: 0, at: 0 },
      { done: 90, at: 90_000 },
    ];
    // 100 s for 91 of 100, so 10 s left; the last took 10 s, so 90 s left.
    const line = progressLine({ ...state, done: 91, total: 100, samples }, 100_000);
    expect(line).toEndWith("elapsed 1:40  left 0:50");
  });

  test("shows percent alone when that is the tool's unit", () => {
    const line = progressLine({ ...state, done: 37.5, total: 100, unit: "%" }, 5_000);
    expect(line).toBe("[step 2/9] building libqemu  37%  elapsed 0:05");
  });

  test("has only the time when nothing is known", () => {
    expect(progressLine(state, 5_000)).toBe("[step 2/9] building libqemu  elapsed 0:05");
  });
});

describe("a reporter", () => {
  const recorder = (isTTY: boolean) => {
    const text: string[] = [];
    return { text, isTTY, columns: 60, write: (part: string) => text.push(part) };
  };

  test("prints nothing for a step that has nothing to do", () => {
    const out = recorder(false);
    new StepProgress(1, 2, "patching", out).finish();
    expect(out.text).toEqual([]);
  });

  test("prints whole lines, and few, where there is no terminal", () => {
    const out = recorder(false);
    const progress = new StepProgress(1, 2, "building", out);
    for (let done = 1; done <= 1000; done++) progress.update(done, 1000);
    progress.finish();
    expect(out.text).toEqual(["[step 1/2] building ...\n", "[step 1/2] building  done in 0:00\n"]);
  });

  test("redraws one line on a terminal, no wider than it", () => {
    const out = recorder(true);
    const progress = new StepProgress(
      1,
      2,
      "a title that is so long that it does not fit into the line",
      out,
    );
    progress.update(1, 1000);
    progress.finish();
    const drawn = out.text.slice(0, -1).join("");
    expect(drawn).not.toContain("\n");
    for (const line of drawn.split("\r")) expect(line.replace("\x1b[K", "").length).toBeLessThan(60);
    expect(out.text.at(-1)).toEndWith("done in 0:00\n");
  });
});

test("ninja's status lines", () => {
  expect(ninjaStatus("[812/1870] Compiling C object libqemu.a.p/x.c.o")).toEqual({ done: 812, total: 1870 });
  expect(ninjaStatus("../x.c:3: warning: [1/2] x")).toBeUndefined();
});

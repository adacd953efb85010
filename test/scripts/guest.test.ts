import { describe, expect, test } from "bun:test";
import { spawnSync } from "bun";
import { Guest, GuestError } from "../../scripts/lib/guest.ts";
import { commandResult, typedLines } from "../../scripts/lib/linux-shell.ts";

const SOON = 10_000;

/** A stand-in for QEMU: a shell script whose standard input and output are the serial line. */
const guestOf = (script: string): Guest => Guest.spawn("sh", ["-c", script]);

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

describe("Guest", () => {
  test("waits, types, and goes on after the match", async () => {
    await using guest = guestOf("printf 'boot\\n=> '; read line; printf 'got %s\\n=> ' \"$line\"; read line");
    expect(text(await guest.waitFor("=> ", SOON))).toBe("boot\n=> ");
    guest.type("version\n");
    expect(text(await guest.waitFor(/got (\w+)\n/, SOON))).toBe("got version\n");
    expect(text(await guest.waitFor("=> ", SOON))).toBe("=> ");
    expect(guest.transcript).toBe("boot\n=> got version\n=> ");
  });

  test("finds a string that comes in pieces, and one beyond ASCII", async () => {
    await using guest = guestOf("printf 'pro'; read go; printf 'mpt\\303\\274'; read end");
    const found = guest.waitFor("promptü", SOON);
    await guest.waitFor("pro", 1).catch(() => {});
    guest.type("\n");
    expect(text(await found)).toBe("promptü");
  });

  test("says what it waited for and shows everything when the time is up", async () => {
    await using guest = guestOf("echo console; echo message >&2; read end");
    await guest.waitFor("console\n", SOON);
    const error = await guest.waitFor("login:", 100).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(GuestError);
    if (!(error instanceof GuestError)) return;
    expect(error.message).toStartWith('"login:" did not come within 0.1 s\n');
    expect(error.transcript).toContain("console");
  });

  test("fails at once when the guest ends", async () => {
    await using guest = guestOf("echo gone; echo why >&2; exit 4");
    await expect(guest.waitFor("login:", SOON)).rejects.toThrow(
      /"login:" did not come before QEMU ended \(status 4\).*gone.*why/s,
    );
    await expect(guest.waitFor("login:", SOON)).rejects.toThrow("before QEMU ended");
    expect(await guest.exited).toEqual({ status: 4, signal: null });
  });

  test("an error's transcript does nothing to a terminal", async () => {
    await using guest = guestOf("printf 'a\\r\\nb\\033[6n\\tc\\177'");
    await guest.exited;
    expect(guest.everything()).toBe("--- the guest's console ---\na\nb^[[6n\tc^?\n");
  });

  test("output that is there when the guest ends still matches", async () => {
    await using guest = guestOf("echo last");
    await guest.exited;
    expect(text(await guest.waitFor("last\n", SOON))).toBe("last\n");
  });

  test("Ctrl-A is doubled for the guest, not for QEMU", async () => {
    await using guest = guestOf("head -c 4 | od -An -c; read end");
    guest.type("\x01b");
    guest.send("\x01");
    expect(text(await guest.waitFor("\n", SOON))).toContain("001 001   b 001");
  });

  test("is ended when it goes out of scope", async () => {
    const guest = guestOf("trap '' TERM; echo up; while :; do read x || sleep 0.02; done");
    await guest.waitFor("up", SOON);
    guest.kill("SIGKILL");
    await guest[Symbol.asyncDispose]();
    expect((await guest.exited).signal).toBe("SIGKILL");
  });
});

describe("a command typed at the shell", () => {
  /** Has a shell here run the lines, as the guest's would. */
  const result = (command: string, mark = "m-1") => {
    const { stdout } = spawnSync(["bash", "-c", typedLines(command, mark).join("\n")], { stdin: "ignore" });
    const console = stdout.toString("latin1").replaceAll("\n", "\r\n");
    const begin = `<begin ${mark}>\r\n`;
    const printed = Buffer.from(console.slice(console.indexOf(begin) + begin.length), "latin1");
    const { output, status } = commandResult(printed, mark);
    return { output: text(output), status };
  };

  test.each([
    ["echo hello", "hello\n", 0],
    ["printf 'no newline'", "no newline", 0],
    ["true", "", 0],
    ['echo "it\'s" $((1+1)) `echo x`', "it's 2 x\n", 0],
    ["echo a; exit 3", "a\n", 3],
    ["echo a # comment", "a\n", 0],
    ["printf '%s' 'a\\tb\\\\'", "a\\tb\\\\", 0],
    ["echo one\necho\ttwo", "one\ntwo\n", 0],
    ["echo grüße", "grüße\n", 0],
    ["printf '<end m-1 7>\\n'", "<end m-1 7>\n", 0],
    ["echo 100%", "100%\n", 0],
    ["(", "", 2],
  ])("%j", (command, output, status) => {
    const got = result(command);
    expect(got.output).toBe(output);
    expect(got.status === 0).toBe(status === 0);
  });

  test("what is typed does not hold the marks it prints, and no control characters", () => {
    for (const line of typedLines("echo <begin m-1>\n\t\x03", "m-2")) {
      expect(line).not.toContain("<begin m-2");
      expect(line).not.toContain("<end m-2");
      expect(line).toMatch(/^[ -~]*$/);
    }
  });

  test("a long command is typed in pieces that the shell's line editor takes", () => {
    const words = Array.from({ length: 1000 }, (_, i) => `w'${i}`).map((word) => `"${word}"`);
    const command = `echo ${words.join(" ")}`;
    for (const line of typedLines(command, "m-1")) expect(line.length).toBeLessThan(1000);
    expect(result(command).output).toBe(`${words.join(" ").replaceAll('"', "")}\n`);
  });
});

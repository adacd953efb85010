/** The busybox shell that the linux guest boots to, driven over its console. */
import { type Guest, GuestError } from "./guest.ts";

/** The guest's end of a serial line. */
export type Console = Pick<Guest, "waitFor" | "type">;

export interface CommandResult {
  /** What the command printed, byte for byte, but with the console's CR LF turned back into LF. */
  readonly output: Uint8Array;
  readonly status: number;
}

/** Busybox's prompt where the shell starts; it asks the terminal for the cursor position right after it. */
const PROMPT = /(?:^|\n)~ # /;

/** How much of a command is typed on one line: busybox reads at most 1,024 bytes of a line. */
const PIECE = 400;

let commands = 0;

/** Waits for the shell and keeps the kernel from printing into what commands print. */
export async function awaitShell(guest: Console, timeout: number): Promise<void> {
  await guest.waitFor(PROMPT, timeout, "the shell's prompt");
  guest.type("dmesg -n 1\r");
  await guest.waitFor(PROMPT, timeout);
}

/** Runs a command in a subshell of the guest's shell. @throws GuestError when it does not end in time. */
export async function runCommand(guest: Console, command: string, timeout: number): Promise<CommandResult> {
  commands += 1;
  const mark = `${process.pid}-${commands}`;
  const lines = typedLines(command, mark);
  for (const line of lines.slice(0, -1)) {
    guest.type(`${line}\r`);
    await guest.waitFor(PROMPT, timeout);
  }
  guest.type(`${lines.at(-1)}\r`);
  await guest.waitFor(`<begin ${mark}>\r\n`, timeout);
  const printed = await guest.waitFor(`<end ${mark} `, timeout);
  const status = await guest.waitFor(/\d+>\r\n/, timeout);
  return commandResult(Buffer.concat([printed, status]), mark);
}

/** Switches the machine off. @throws GuestError when QEMU does not end in time, or not with status 0. */
export async function powerOff(guest: Guest, timeout: number): Promise<void> {
  guest.type("poweroff -f\r");
  const { status, signal } = await guest.waitForExit(timeout);
  if (status !== 0)
    throw new GuestError(`QEMU ended badly (${signal ?? `status ${status}`})`, guest.everything());
}

/**
 * The lines to type for a command. The last prints a mark, what the command prints, and a mark with its status; the
 * ones before it, if the command is long, put it into a variable, since the shell takes no longer lines. The console
 * echoes what is typed, so no line may contain the marks: printf puts them together. A subshell keeps `exit` from
 * ending init.
 */
export function typedLines(command: string, mark: string): string[] {
  const pieces = escaped(command).match(new RegExp(`.{1,${PIECE}}`, "g")) ?? [""];
  const short = pieces.length === 1;
  const assignments = short
    ? []
    : ["_typed=", ...pieces.map((piece) => `_typed=$_typed${shellQuoted(piece)}`)];
  const text = short ? shellQuoted(pieces[0] ?? "") : '"$_typed"';
  const last =
    `printf '<%s ${mark}>\\n' begin; ` +
    `(eval "$(printf %b ${text})"); ` +
    `printf '<%s ${mark} %d>\\n' end $?`;
  return [...assignments, last];
}

/** Cuts the end mark off what came after the begin mark. */
export function commandResult(printed: Uint8Array, mark: string): CommandResult {
  const text = Buffer.from(printed).toString("latin1");
  const end = text.lastIndexOf(`<end ${mark} `);
  const status = Number.parseInt(text.slice(end + `<end ${mark} `.length), 10);
  return { output: Buffer.from(text.slice(0, end).replaceAll("\r\n", "\n"), "latin1"), status };
}

/** For printf %b: a shell that edits lines acts on control characters, and on bytes above ASCII by its locale. */
function escaped(command: string): string {
  let text = "";
  for (const byte of Buffer.from(command, "utf8")) {
    const char = String.fromCharCode(byte);
    if (char === "\\") text += "\\\\";
    else if (byte < 0x20 || byte > 0x7e) text += `\\0${byte.toString(8).padStart(3, "0")}`;
    else text += char;
  }
  return text;
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

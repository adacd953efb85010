/** Linux, whose driver works by interrupts, on the PL011 in TypeScript and on QEMU's own. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS } from "../lib/limit.ts";
import { endAll, folder, type Qemu } from "../lib/qemu.ts";
import type { Twins } from "./guests.ts";
import { bootLinux, counters, exchange, md5, messages, noise, run, TRAFFIC_MS, type } from "./linux.ts";
import { CR, FBRD, FEN, IBRD, LCR_H } from "./manual.ts";

setDefaultTimeout(TRAFFIC_MS);
afterAll(endAll);

const MIB = 1024 * 1024;
const RAW = "raw -echo 115200 cs8 -cstopb -parenb crtscts";

/** Of the bytes that a line received. */
const received = (line: string) => Number(/ rx:(\d+)/.exec(line)![1]);

let twins: Twins;
const seed = Date.now() >>> 0;

beforeAll(async () => {
  twins = await bootLinux();
});

test("it boots, and tells the same of it", async () => {
  const told = await twins.alike(async (qemu) => messages(qemu));
  expect(told).toContain("0.pl0: ttyAMA0 at MMIO 0x0 (irq = 0, base_baud = 0) is a PL0 rev0");
});

describe("/dev/ttyAMA1", () => {
  test("1 MiB each way at once", async () => {
    const input = noise(seed, MIB);
    await twins.alike((qemu) => run(qemu, `stty -F /dev/ttyAMA1 ${RAW}`));
    const results = await twins.alike(async (qemu) => {
      const made = await run(qemu, `head -c ${MIB} /dev/urandom >/out; md5sum </out`);
      const command = `cat /out >&3 & head -c ${MIB} <&3 | md5sum; wait`;
      const { sent, printed } = await exchange(qemu, { command }, input, MIB);
      return { received: printed, sent: md5(sent) === made.slice(0, 32), line: await counters(qemu, 1) };
    });
    expect(results.received, `seed ${seed}`).toBe(`${md5(input)}  -\n`);
    expect(results.sent).toBe(true);
    // Both had one more, to begin with.
    expect(results.line).toContain(` tx:${MIB + 1} rx:${MIB + 1}`);
  });

  test("what comes before anybody reads it waits, with hardware flow control", async () => {
    const input = noise(seed + 1, MIB / 8);
    await twins.alike((qemu) => run(qemu, `stty -F /dev/ttyAMA1 ${RAW}`));
    const printed = await Promise.all(
      [twins.c, twins.script].map(async (qemu) => {
        const before = received(await counters(qemu, 1));
        // Until the kernel has nearly what a terminal holds, and takes no more.
        const settled =
          "rx() { sed -n 's/^1: .* rx:\\([0-9]*\\).*/\\1/p' /proc/tty/driver/ttyAMA; }; " +
          `until now=$(rx); [ $now -gt ${before + 3500} ] && [ $now = "$last" ]; do last=$now; done; `;
        const command = `${settled}echo $((now - ${before})); head -c ${input.length} <&3 | md5sum`;
        return (await exchange(qemu, { command }, input, 0)).printed.split("\n");
      }),
    );
    for (const [held, sum] of printed) {
      expect(Number(held)).toBeLessThan(input.length);
      expect(sum, `seed ${seed}`).toBe(`${md5(input)}  -`);
    }
  });

  describe("settings", () => {
    /** What the clock of 24 MHz is divided by, in 64ths; LCR_H; and whether CTS and RTS work by themselves. */
    const SETTINGS: [string, number, number, boolean][] = [
      ["115200 cs8 -cstopb -parenb crtscts", 833, 0x60, true],
      ["9600 cs7 parenb -parodd", 10_000, 0x46, true],
      ["1500000 cs6 cstopb parodd", 64, 0x2a, true],
      ["38400 cs5 -cstopb -parenb", 2_500, 0x00, true],
      ["460800 cs8 -crtscts", 208, 0x60, false],
      ["50 cs8", 1_920_000, 0x60, false],
    ];
    const RTS = 0x800;
    /** RTSEN and CTSEN. */
    const FLOW = 0xc000;

    /** The writes to the registers of the line's settings while something is done. @returns offset and value */
    async function writes(qemu: Qemu, act: () => Promise<unknown>): Promise<[number, number][]> {
      const { qmp } = qemu;
      const file = join(folder(), "log");
      await qmp.human(`logfile ${file}`);
      await qmp.execute("trace-event-set-state", { name: "memory_region_ops_write", enable: true });
      await act();
      await qmp.execute("trace-event-set-state", { name: "memory_region_ops_write", enable: false });
      const line = VIRT.uart + 0x40000;
      return [...readFileSync(file, "latin1").matchAll(/ addr 0x(\w+) value 0x(\w+) size \d+ name 'pl011'/g)]
        .map(([, addr, value]): [number, number] => [Number(`0x${addr}`) - line, Number(`0x${value}`)])
        .filter(([offset]) => [IBRD, FBRD, LCR_H, CR].includes(offset));
    }

    const last = (all: readonly (readonly [number, number])[], offset: number) =>
      all.findLast(([at]) => at === offset)![1];

    test.each(SETTINGS)("stty %s", async (setting, divisor, lcr, flow) => {
      const all = await twins.alike((qemu) =>
        writes(qemu, () => run(qemu, `exec 3<>/dev/ttyAMA1; stty ${setting} <&3; stty -a <&3 | head -1`)),
      );
      expect([last(all, IBRD), last(all, FBRD)]).toEqual([(divisor >> 6) & 0xffff, divisor & 63]);
      const set = all.findLastIndex(([offset, value]) => offset === LCR_H && value & FEN);
      expect(all[set]![1]).toBe(lcr | FEN);
      // Closing the line takes RTS away first.
      const [, cr] = all.slice(set).find(([offset, value]) => offset === CR && value & RTS)!;
      expect(cr & FLOW).toBe(flow ? FLOW : 0);
    });

    test("changed in the middle of traffic", async () => {
      const piece = MIB / 64;
      const changes = SETTINGS.filter(([, , , flow]) => flow).map(([setting]) => `'${setting}'`);
      const input = noise(seed + 2, MIB / 16);
      const changed = `for s in ${`${changes.join(" ")} `.repeat(2)}; do stty $s <&3; cat /piece >&3; done`;
      const command = `{ ${changed}; } & head -c ${input.length} <&3 | md5sum; wait`;
      const size = 2 * changes.length * piece;
      const results = await twins.alike(async (qemu) => {
        await run(qemu, `stty -F /dev/ttyAMA1 ${RAW}; head -c ${piece} /dev/urandom >/piece`);
        const made = (await run(qemu, "md5sum </piece")).slice(0, 32);
        let result: Awaited<ReturnType<typeof exchange>> | undefined;
        const all = await writes(qemu, async () => {
          result = await exchange(qemu, { command }, input, size);
        });
        const pieces = Array.from({ length: size / piece }, (_, i) =>
          md5(result!.sent.subarray(i * piece, (i + 1) * piece)),
        );
        return { all, received: result!.printed, sent: pieces.every((sum) => sum === made) };
      });
      expect(results.received, `seed ${seed}`).toBe(`${md5(input)}  -\n`);
      expect(results.sent).toBe(true);
      expect(results.all.filter(([offset]) => offset === IBRD).length).toBeGreaterThanOrEqual(
        2 * changes.length,
      );
    });
  });
});

describe("a break on the console", () => {
  /** SysRq. @returns what the kernel said to it */
  async function sysrq(qemu: Qemu, key: string, said: RegExp): Promise<string> {
    await qemu.qmp.execute("chardev-send-break", { id: "console" });
    await type(qemu, key);
    return (await qemu.line("console").text.waitFor(said, SOON_MS))[0];
  }

  test.each([
    ["h", /sysrq: HELP : .* replay-kernel-logs\(R\)/],
    ["s", /sysrq: Emergency Sync\r\n/],
    ["m", /sysrq: This sysrq operation is disabled\.\r\n/],
  ])("then %s: the kernel does what SysRq and the key mean", async (key, said) => {
    await twins.alike((qemu) => sysrq(qemu, key, said));
  });

  test("each counts, and no key without one means anything", async () => {
    expect(await twins.alike((qemu) => run(qemu, "echo hsm"))).toBe("hsm\n");
    const errors = await twins.alike(async (qemu) => (await counters(qemu, 0)).replace(/^.* rx:\d+/, ""));
    expect(errors).toBe(" brk:3 RTS|DTR\n");
  });

  test("then b: the machine starts again", async () => {
    await twins.alike((qemu) => sysrq(qemu, "b", /sysrq: Resetting\r\n/));
    expect(await twins.alike((qemu) => qemu.waitForExit(SOON_MS))).toEqual({ status: 0, signal: null });
  });
});

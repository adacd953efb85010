/** Character devices of scripts: nothing is lost, doubled or out of order, and nobody waits for good. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import { join } from "node:path";
import { bareMetal, guest } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS, within } from "../lib/limit.ts";
import { Line } from "../lib/line.ts";
import { Poker } from "../lib/poker.ts";
import { device, PL011 } from "../lib/program.ts";
import { endAll, folder, Qemu, script } from "../lib/qemu.ts";
import { Text } from "../lib/text.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const MIB = 1024 * 1024;

/** What the guest "pour" sends. */
const poured = (size: number) => Uint8Array.from({ length: size }, (_, i) => i ^ (i >> 8) ^ (i >> 16));

/** Longer than anything here takes, on a machine that works for others. */
const LONG_MS = 60_000;

test.each(["tcg,thread=multi", "tcg,thread=single"])(
  "timers go on while accesses serve input without end, %s",
  async (accel) => {
    const path = join(folder(), "line");
    const line = await Line.listen(path, "line");
    const slow = script(`
      import { chardev, registers, SysBusDevice } from "qemu-script";
      export default class Slow extends SysBusDevice.with({
        type: "slow-ts",
        properties: { chardev: chardev() },
        regions: { regs: { size: 0x1000 } },
      }) {
        static {
          registers(Slow, "regs", { LOOK: { at: 0, read: "look" } });
        }
        received = 0;
        turns = 0;
        room = 1;
        realize() {
          setInterval(() => this.received > 0 && console.error("turn " + ++this.turns), 10);
        }
        look() {
          return 0;
        }
        /** Longer than a tick. */
        receive() {
          this.received++;
          for (const end = performance.now() + 5; performance.now() < end; );
        }
      }`);
    const qemu = await Qemu.start({
      args: [
        ...bareMetal(guest("reader"), { accel }),
        "-chardev",
        `socket,id=line,path=${path}`,
        "-device",
        `script,path=${slow},chardev=line`,
      ],
      lines: ["console"],
    });
    await line.connected;
    void line.write(new Uint8Array(100_000)).catch(() => {});
    await qemu.stderr.waitFor("turn 100\n", SOON_MS);
    expect(await qemu.quit()).toEqual({ status: 0, signal: null });
  },
);

describe("a peer in the same process, slow to read:", () => {
  const start = async (size: number, deaf: number, accel: string) => {
    const path = join(folder(), "peer");
    const machine = bareMetal(guest("pour", { SIZE: size }), { accel });
    return Qemu.start({
      args: [
        ...machine,
        "-chardev",
        `socket,id=uart,path=${path}`,
        "-device",
        `script,path=${device("peer")},chardev=uart`,
      ],
      lines: ["console"],
      env: { PEER: path, PEER_SIZE: String(size), PEER_DEAF: String(deaf) },
    });
  };

  test.each(["tcg,thread=multi", "tcg,thread=single"])(
    "1 MiB from the guest all arrives, %s",
    async (accel) => {
      const qemu = await start(MIB, 0, accel);
      const console_ = qemu.line("console").text;
      await console_.waitFor("pouring\n", SOON_MS);
      const done = qemu.stderr.waitFor(/peer: (\d+) bytes, (\d+) wrong\n/, LONG_MS);
      let finished = false;
      const watch = done.then(() => {
        finished = true;
      });
      while (!finished) {
        // The monitor answers all the while.
        await qemu.qmp.execute("query-status", {}, 2000);
      }
      await watch;
      const [, received, wrong] = await done;
      expect([Number(received), Number(wrong)]).toEqual([MIB, 0]);
      expect(await qemu.quit()).toEqual({ status: 0, signal: null });
    },
  );

  test("while it reads nothing, the guest waits, and the monitor, timers and the peer do not", async () => {
    const size = MIB / 2;
    const qemu = await start(size, 1500, "tcg");
    await qemu.line("console").text.waitFor("pouring\n", SOON_MS);
    for (let i = 0; i < 3; i++) {
      await qemu.stderr.waitFor("peer: tick\n", SOON_MS);
      await qemu.qmp.execute("query-status", {}, 2000);
    }
    // The socket takes no 512 KiB, so the guest cannot be through.
    expect(qemu.line("console").text.all).toBe("pouring\n");
    await qemu.stderr.waitFor(`peer: ${size} bytes, 0 wrong\n`, LONG_MS);
    await qemu.line("console").text.waitFor("poured\n", SOON_MS);
  });

  test("stop and cont while it reads nothing", async () => {
    const qemu = await start(MIB / 2, 1500, "tcg");
    await qemu.line("console").text.waitFor("pouring\n", SOON_MS);
    await qemu.stderr.waitFor("peer: tick\n", SOON_MS);
    await qemu.qmp.execute("stop", {}, 2000);
    await qemu.qmp.execute("cont", {}, 2000);
    await qemu.stderr.waitFor(`peer: ${MIB / 2} bytes, 0 wrong\n`, LONG_MS);
  });

  test.each(["quit", "SIGTERM"] as const)("%s while it reads nothing", async (how) => {
    const qemu = await start(MIB, 600_000, "tcg");
    await qemu.line("console").text.waitFor("pouring\n", SOON_MS);
    await qemu.stderr.waitFor("peer: tick\n", SOON_MS);
    const began = performance.now();
    if (how === "quit") {
      await qemu.quit();
    } else {
      qemu.signal(how);
    }
    expect(await qemu.waitForExit(SOON_MS)).toEqual({ status: 0, signal: null });
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

describe("output", () => {
  test("of 1 MiB into a file", async () => {
    const file = join(folder(), "out");
    const size = MIB;
    const qemu = await Qemu.start({
      args: [
        ...bareMetal(guest("pour", { SIZE: size })),
        "-chardev",
        `file,id=uart,path=${file}`,
        "-device",
        `script,path=${PL011},chardev=uart`,
      ],
      lines: ["console"],
    });
    await qemu.line("console").text.waitFor("poured\n", LONG_MS);
    await qemu.quit();
    expect(Buffer.compare(await Bun.file(file).bytes(), poured(size))).toBe(0);
  });

  test.each([
    ["in one access", 0x00],
    ["from a timer", 0x04],
  ])("of 1 MiB at once, %s, to a peer that does not read for a while", async (_, offset) => {
    const poker = await Poker.start(device("burst"), { properties: ",chardev=line", lines: ["line"] });
    const line = poker.qemu.line("line");
    line.pause();
    await poker.askWrite(offset, MIB);
    if (offset === 0x04) {
      await poker.answer();
    }
    for (let i = 0; i < 10; i++) {
      await poker.qemu.qmp.execute("query-status", {}, 2000);
    }
    const all = line.take(MIB, LONG_MS);
    line.resume();
    if (offset === 0x00) {
      await poker.answer(LONG_MS);
    }
    expect(Buffer.compare(await all, poured(MIB))).toBe(0);
    await poker.write(0x08, 5);
    expect(await poker.read(0x08)).toBe(5);
  });

  test("of text, letters and buffers", async () => {
    const poker = await Poker.start(device("burst"), { properties: ",chardev=line", lines: ["line"] });
    await poker.write(0x10, 0);
    const { text } = poker.qemu.line("line");
    await text.waitFor("\n", SOON_MS);
    expect(Buffer.from(text.all, "latin1").toString("utf8")).toBe("grün letters a buffer\n");
  });

  test("to nobody is dropped", async () => {
    const poker = await Poker.start(device("burst"));
    expect(await poker.read(0x0c)).toBe(0);
    await poker.write(0x00, MIB);
    await poker.write(0x04, MIB);
    await poker.write(0x10, 0);
    expect(await poker.read(0x0c)).toBe(0);
    expect(poker.stderr.all).toBe("");
  });
});

describe("input", () => {
  const SIZE = 64 * 1024;
  /** Anything but 1, the escape character of a multiplexer. */
  const flood = Uint8Array.from({ length: SIZE }, (_, i) => 2 + ((i * 7 + (i >> 8)) % 250));

  interface Variant {
    readonly accel?: string;
    readonly fifo: 0 | 1;
    readonly smp?: number;
    readonly cpu?: number;
    readonly mux?: boolean;
    readonly args?: readonly string[];
    /** Less than all where it takes too long. */
    readonly size?: number;
  }

  /** Starts a guest that echoes. */
  async function echo({ accel = "tcg", fifo, smp = 1, cpu = 0, mux = false, args = [] }: Variant) {
    const others = smp > 1 && cpu === 0 ? { OTHERS: 1 } : {};
    const machine = bareMetal(guest("echo", { FIFO: fifo, CPU: cpu, ...others }), { smp, accel });
    const path = join(folder(), "line");
    const line = await Line.listen(path, "line");
    // The monitor is a second front end of the multiplexer; the first has the focus.
    const mode = mux ? ["mux=on", "-mon", "chardev=line"] : ["mux=off"];
    const chardev = ["-chardev", `socket,id=line,path=${path},${mode[0]}`, ...mode.slice(1)];
    const uart = ["-device", `script,path=${PL011},chardev=line`];
    const qemu = await Qemu.start({ args: [...chardev, ...machine, ...args, ...uart], lines: ["console"] });
    await qemu.line("console").text.waitFor("echoing\n", SOON_MS);
    return { qemu, line };
  }

  test.each([
    ["with FIFO", { fifo: 1 }],
    ["without FIFO", { fifo: 0 }],
    ["round-robin", { fifo: 1, accel: "tcg,thread=single" }],
    ["-icount", { fifo: 1, args: ["-icount", "shift=auto"] }],
    ["beside a busy vCPU", { fifo: 1, smp: 2 }],
    ["on the second vCPU", { fifo: 1, smp: 2, cpu: 1 }],
    ["on the second vCPU, without FIFO", { fifo: 0, smp: 2, cpu: 1 }],
    ["on the second vCPU, round-robin", { fifo: 1, smp: 2, cpu: 1, accel: "tcg,thread=single", size: 4096 }],
    ["through a multiplexer", { fifo: 1, mux: true }],
    ["through a multiplexer, without FIFO", { fifo: 0, mux: true }],
    ["through a multiplexer, on the second vCPU", { fifo: 0, smp: 2, cpu: 1, mux: true }],
  ] as readonly [string, Variant][])(
    "comes back from a guest that echoes a flood: %s",
    async (_, variant) => {
      const { line } = await echo(variant);
      const bytes = flood.subarray(0, variant.size ?? SIZE);
      const all = line.take(bytes.length, LONG_MS);
      await line.write(bytes);
      expect(Buffer.compare(await all, bytes)).toBe(0);
      // And nothing after it.
      const rest = line.take(1, SOON_MS);
      await line.write("\n");
      expect(await rest).toEqual(Uint8Array.of(10));
    },
  );

  test("typed while the machine is stopped waits for it", async () => {
    const { qemu, line } = await echo({ fifo: 1 });
    await qemu.qmp.execute("stop");
    await line.write("typed ahead");
    for (let i = 0; i < 5; i++) {
      await qemu.qmp.execute("query-status");
    }
    expect(line.text.all).toBe("");
    await qemu.qmp.execute("cont");
    await line.text.waitFor("typed ahead", SOON_MS);
  });

  test("a break arrives", async () => {
    const poker = await Poker.start(PL011, { properties: ",chardev=line", lines: ["line"] });
    await poker.qemu.qmp.execute("chardev-send-break", { id: "line" });
    const [DR, FR] = [0x00, 0x18];
    expect((await poker.read(FR)) & (1 << 4)).toBe(0);
    expect(await poker.read(DR)).toBe(1 << 10);
    expect(await poker.read(FR)).toBe(0x90);
  });
});

describe("a peer that comes and goes", () => {
  /** One visit. */
  async function visit(
    path: string,
  ): Promise<{ text: Text; write(data: string): void; leave(): Promise<void> }> {
    const socket = connect(path);
    const text = new Text("visitor");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    socket.on("connect", () => resolve());
    socket.on("error", reject);
    socket.on("close", () => closed.resolve());
    socket.on("data", (bytes: Buffer) => text.add(bytes));
    await within(SOON_MS, "connection", promise);
    return {
      text,
      write: (data) => socket.write(data),
      leave: async () => {
        socket.destroy();
        await closed.promise;
      },
    };
  }

  test("finds the device each time, which sends to nobody meanwhile", async () => {
    const path = join(folder(), "served");
    const machine = bareMetal(guest("echo", { FIFO: 1, CPU: 0 }));
    const qemu = await Qemu.start({
      args: [
        ...machine,
        "-chardev",
        `socket,id=served,path=${path},server=on,wait=off`,
        "-device",
        `script,path=${PL011},chardev=served`,
      ],
      lines: ["console"],
    });
    await qemu.line("console").text.waitFor("echoing\n", SOON_MS);
    for (let i = 0; i < 5; i++) {
      const visitor = await visit(path);
      visitor.write(`visit ${i}`);
      await visitor.text.waitFor(`visit ${i}`, SOON_MS);
      await visitor.leave();
    }
  });

  test("leaves while it owes the guest room: the guest goes on", async () => {
    const path = join(folder(), "served");
    const chardev = ["-chardev", `socket,id=served,path=${path},server=on,wait=off`];
    const poker = await Poker.start(device("burst"), { properties: ",chardev=served", args: chardev });
    const visitor = await visit(path);
    await poker.askWrite(0x00, 4 * MIB);
    await visitor.text.waitFor("\x00", SOON_MS);
    await visitor.leave();
    await poker.answer();
    await poker.write(0x08, 1);
    expect(await poker.read(0x08)).toBe(1);
  });
});

/** Several character devices of one device, and what they can do beside bytes. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { VIRT } from "../lib/guest-code.ts";
import { SOON_MS, TEST_MS } from "../lib/limit.ts";
import { Line } from "../lib/line.ts";
import { Poker } from "../lib/poker.ts";
import { device } from "../lib/program.ts";
import { endAll, folder, HEADLESS, Qemu } from "../lib/qemu.ts";

setDefaultTimeout(TEST_MS);
afterEach(endAll);

const PORTS = device("ports");
const MACHINE = ["-M", "virt", "-m", "64", "-accel", "qtest", ...HEADLESS];
const BASE = VIRT.platformBus;

const RESULT = BASE + 0x00;
const ROOM = BASE + 0x04;
const AUX_ROOM = BASE + 0x08;
const LATER_ROOM = BASE + 0x0c;
const STATE = BASE + 0x10;
const SEND = BASE + 0x14;
const SEND_AUX = BASE + 0x18;
const ATTACH = BASE + 0x24;
const MODEM = BASE + 0x28;
const SPEED = BASE + 0x2c;
const BREAK = BASE + 0x30;

/** Lines "main" and "aux" where they are named; other chardevs by `args`. */
const start = (properties: string, lines: readonly string[] = [], args: readonly string[] = []) =>
  Qemu.start({
    args: [...args, ...MACHINE, "-device", `script,path=${PORTS}${properties},id=p`],
    lines,
    qtest: true,
  });
const both = () => start(",main=main,aux=aux", ["main", "aux"]);

describe("two that receive", () => {
  test("have each its methods; the trait's is told which", async () => {
    const qemu = await both();
    await qemu.line("main").write("to main");
    await qemu.stderr.waitFor('receive main "to main"\n', SOON_MS);
    await qemu.line("aux").write("to aux");
    await qemu.stderr.waitFor('receiveAux 1 "to aux"\n', SOON_MS);
  });

  test("have each its room", async () => {
    const qemu = await both();
    const { qtest, stderr } = qemu;
    await qtest.writel(AUX_ROOM, 2);
    await qemu.line("aux").write("abcdef");
    await stderr.waitFor('receiveAux 1 "ab"\n', SOON_MS);
    await qemu.line("main").write("main goes on");
    await stderr.waitFor('receive main "main goes on"\n', SOON_MS);
    expect(await qtest.readl(AUX_ROOM)).toBe(0);
    await qtest.writel(AUX_ROOM, 3);
    await stderr.waitFor('receiveAux 1 "cde"\n', SOON_MS);
    await qtest.writel(AUX_ROOM, 9);
    await stderr.waitFor('receiveAux 1 "f"\n', SOON_MS);
    expect(await qtest.readl(AUX_ROOM)).toBe(8);
  });

  test("take room that a timer made, once it says so", async () => {
    const qemu = await both();
    await qemu.qtest.writel(ROOM, 0);
    await qemu.line("main").write("xyz");
    expect(await qemu.qtest.readl(ROOM)).toBe(0);
    await qemu.qtest.writel(LATER_ROOM, 2);
    await qemu.stderr.waitFor('receive main "xy"\n', SOON_MS);
  });

  test("send each to its own", async () => {
    const qemu = await both();
    await qemu.qtest.writel(SEND, 0x41);
    await qemu.qtest.writel(SEND_AUX, 0x42);
    await qemu.line("main").text.waitFor("A", SOON_MS);
    await qemu.line("aux").text.waitFor("B", SOON_MS);
    expect([qemu.line("main").text.all, qemu.line("aux").text.all]).toEqual(["A", "B"]);
  });

  test("hear each of its breaks", async () => {
    const qemu = await both();
    await qemu.qmp.execute("chardev-send-break", { id: "aux" });
    await qemu.qmp.execute("chardev-send-break", { id: "main" });
    await qemu.stderr.waitFor("receiveBreak main\n", SOON_MS);
    expect(qemu.stderr.lines.filter((line) => line.includes("Break"))).toEqual([
      "auxBreak 0",
      "receiveBreak main",
    ]);
  });
});

describe("what becomes of the other end", () => {
  async function visit(path: string): Promise<Socket> {
    const socket = connect(path);
    await new Promise((resolve, reject) => socket.on("connect", resolve).on("error", reject));
    return socket;
  }

  test("is heard, and can be asked for", async () => {
    const path = join(folder(), "served");
    const chardev = ["-chardev", `socket,id=aux,path=${path},server=on,wait=off`];
    const qemu = await start(",main=main,aux=aux", ["main"], chardev);
    const { stderr, qtest } = qemu;
    await stderr.waitFor("chardevEvent main opened\n", SOON_MS);
    expect(await qtest.readl(STATE)).toBe(0b0111);
    for (let i = 0; i < 2; i++) {
      const visitor = await visit(path);
      await stderr.waitFor("auxEvent opened\n", SOON_MS);
      expect(await qtest.readl(STATE)).toBe(0b1111);
      visitor.destroy();
      await stderr.waitFor("auxEvent closed\n", SOON_MS);
      expect(await qtest.readl(STATE)).toBe(0b0111);
    }
    expect(stderr.lines.filter((line) => line.startsWith("aux"))).toEqual([
      ...["auxEvent opened", "auxEvent closed", "auxEvent opened", "auxEvent closed"],
    ]);
  });

  test("is nothing without a backend", async () => {
    const { qtest } = await start("");
    expect(await qtest.readl(STATE)).toBe(0);
  });

  test("is that a multiplexer gives the input to another", async () => {
    const path = join(folder(), "mux");
    const line = await Line.listen(path, "mux");
    const chardev = ["-chardev", `socket,id=shared,path=${path},mux=on`, "-mon", "chardev=shared"];
    const qemu = await start(",main=shared", [], chardev);
    await line.connected;
    await qemu.stderr.waitFor("chardevEvent main mux-in\n", SOON_MS);
    // Control-A and c: the escape character, and "next".
    await line.write("\x01c");
    await qemu.stderr.waitFor("chardevEvent main mux-out\n", SOON_MS);
    await line.write("\x01c");
    await qemu.stderr.waitFor("chardevEvent main mux-in\n", SOON_MS);
  });
});

test("what is not taken at once is the script's to send again, when it can", async () => {
  const [POUR, POURED] = [0x1c, 0x20];
  const size = 4 * 1024 * 1024;
  const poker = await Poker.start(PORTS, { properties: ",main=main", lines: ["main"] });
  const line = poker.qemu.line("main");
  line.pause();
  // The guest does not wait: the access is over although little was sent.
  await poker.write(POUR, size);
  const first = await poker.read(0x00);
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(size);
  const all = line.take(size, SOON_MS);
  line.resume();
  const expected = Uint8Array.from({ length: size }, (_, i) => i ^ (i >> 8) ^ (i >> 16));
  expect(Buffer.compare(await all, expected)).toBe(0);
  expect(await poker.read(POURED)).toBe(size);
  await poker.stderr.waitFor("chardevEvent main writable\n", SOON_MS);
});

describe("a backend", () => {
  const spare = async () => {
    const path = join(folder(), "spare");
    const line = await Line.listen(path, "spare");
    return { line, args: ["-chardev", `socket,id=spare,path=${path}`] };
  };

  test("can be attached later, and given up", async () => {
    const { line, args } = await spare();
    const qemu = await start("", [], args);
    const { qtest, stderr } = qemu;
    await qtest.writel(SEND, 0x40);
    await qtest.writel(ATTACH, 1);
    await stderr.waitFor("chardevEvent main opened\n", SOON_MS);
    expect([await qtest.readl(RESULT), await qtest.readl(STATE)]).toEqual([0, 0b0011]);
    await qtest.writel(SEND, 0x41);
    await line.text.waitFor("A", SOON_MS);
    await line.write("in");
    await stderr.waitFor('receive main "in"\n', SOON_MS);
    await qtest.writel(ATTACH, 0);
    expect(await qtest.readl(STATE)).toBe(0);
    await qtest.writel(SEND, 0x42);
    await qtest.writel(ATTACH, 1);
    await qtest.writel(SEND, 0x43);
    await line.text.waitFor("C", SOON_MS);
    expect(line.text.all).toBe("AC");
    const property = { path: "/machine/peripheral/p", property: "main" };
    expect(await qemu.qmp.execute<string>("qom-get", property)).toBe("spare");
  });

  test("that cannot be attached is an error that says why", async () => {
    const { args } = await spare();
    const qemu = await start(",main=main", ["main"], args);
    const { qtest, stderr } = qemu;
    await qtest.writel(ATTACH, 1);
    await stderr.waitFor("QemuError: there is a backend already\n", SOON_MS);
    await qtest.writel(ATTACH, 0);
    await qtest.writel(ATTACH, 2);
    await stderr.waitFor("QemuError: there is no chardev 'nobody'\n", SOON_MS);
    expect(await qtest.readl(RESULT)).toBe(1);
  });

  test("in use is not attached", async () => {
    const { args } = await spare();
    const qemu = await start(",aux=spare", [], args);
    await qemu.qtest.writel(ATTACH, 1);
    await qemu.stderr.waitFor("QemuError: chardev 'spare' is already in use\n", SOON_MS);
  });

  test("can be replaced by QMP's chardev-change", async () => {
    const qemu = await both();
    const path = join(folder(), "next");
    const next = await Line.listen(path, "next");
    const addr = { type: "unix", data: { path } };
    const backend = { type: "socket", data: { addr, server: false } };
    await qemu.qmp.execute("chardev-change", { id: "main", backend });
    await next.connected;
    await qemu.qtest.writel(SEND, 0x5a);
    await next.text.waitFor("Z", SOON_MS);
    await next.write("fresh");
    await qemu.stderr.waitFor('receive main "fresh"\n', SOON_MS);
    expect(qemu.line("main").text.all).toBe("");
  });
});

describe("beside bytes", () => {
  test("a socket has no modem, no speed and no break", async () => {
    const { qtest } = await start(",main=main", ["main"]);
    expect(await qtest.readl(MODEM)).toBe(0xffff);
    for (const register of [MODEM, SPEED, BREAK]) {
      await qtest.writel(RESULT, 9);
      await qtest.writel(register, 1);
      expect(await qtest.readl(RESULT)).toBe(0);
    }
  });

  test("a serial mouse has modem lines, and answers at once when it gets power", async () => {
    const qemu = await start(",main=mouse", [], ["-chardev", "msmouse,id=mouse"]);
    const { qtest } = qemu;
    expect(await qtest.readl(MODEM)).toBe(0);
    await qtest.writel(MODEM, 3);
    expect(await qtest.readl(RESULT)).toBe(1);
    // dtr, rts, cts, dcd, ri, dsr
    expect(await qtest.readl(MODEM)).toBe(0b110000);
    await qemu.stderr.waitFor(/receive main "M/, SOON_MS);
    await qtest.writel(MODEM, 1);
    expect(await qtest.readl(MODEM)).toBe(0b100000);
  });

  test("a tablet knows its speed", async () => {
    const qemu = await start(",main=tablet", [], ["-chardev", "wctablet,id=tablet"]);
    const { qtest, stderr } = qemu;
    const ask = async () => {
      await qtest.writel(SEND, "~".charCodeAt(0));
      await qtest.writel(SEND, "#".charCodeAt(0));
    };
    await qtest.writel(SPEED, 1200);
    expect(await qtest.readl(RESULT)).toBe(1);
    await ask();
    await qtest.writel(SPEED, 9600);
    await ask();
    await stderr.waitFor(/receive main "~#CT-0045R/, SOON_MS);
    expect(stderr.all.match(/CT-0045R/g)).toHaveLength(1);
  });
});

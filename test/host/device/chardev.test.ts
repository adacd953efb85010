import type { Pointer } from "bun:ffi";
import { beforeEach, describe, expect, test } from "bun:test";
import { Chardev, StaleError } from "qemu-script";
import { Handle } from "../../../host/device/handle.ts";
import { rooms, starved } from "../../../host/native/library.ts";
import { type Call, fakeLibrary } from "../fake-library.ts";

const POINTER = 0x2000 as Pointer;
const ROOM = 3;

let connected: number;
let calls: Call[];
let handle: Handle;
let line: Chardev;
beforeEach(() => {
  connected = 1;
  calls = fakeLibrary({ script_chardev_room: () => ROOM, script_chardev_connected: () => connected });
  handle = new Handle(POINTER, "line of probe");
  line = new Chardev(handle);
  calls.length = 0;
});
const names = () => calls.map(({ name }) => name.replace("script_chardev_", ""));

test("a byte is sent as a byte", () => {
  line.put(0x41);
  line.put(0x1ff);
  line.put(-1);
  expect(calls).toEqual(
    [0x41, 0xff, 0xff].map((byte) => ({ name: "script_chardev_put", args: [POINTER, byte] })),
  );
});

describe.each(["write", "writeAll"] as const)("%s", (method) => {
  const written = () => [...(calls[0]!.args[1] as Uint8Array)];

  test("sends bytes, with their number", () => {
    line[method](new Uint8Array([1, 0, 2]));
    expect(names()).toEqual([method === "write" ? "write" : "write_all"]);
    expect(written()).toEqual([1, 0, 2]);
    expect(calls[0]!.args[2]).toBe(calls[0]!.args[1]);
  });

  test("sends text as UTF-8", () => {
    line[method]("é\0");
    expect(written()).toEqual([0xc3, 0xa9, 0]);
  });

  test("sends a part of a larger array", () => {
    line[method](new Uint8Array([1, 2, 3, 4]).subarray(1, 3));
    expect(written()).toEqual([2, 3]);
  });
});

test("write tells how many bytes were taken; of none, without asking", () => {
  calls = fakeLibrary({ script_chardev_room: () => ROOM, script_chardev_write: () => 2 });
  line = new Chardev(handle);
  calls.length = 0;
  expect(line.write("three")).toBe(2);
  expect(line.write("")).toBe(0);
  expect(calls.length).toBe(1);
});

test("speed and framing have QEMU's numbers", () => {
  line.setParameters({ speed: 115200 });
  line.setParameters({ speed: 300, parity: "odd", dataBits: 5, stopBits: 2 });
  line.setParameters({ speed: 300, parity: "even" });
  expect(calls.map(({ args }) => args.slice(1))).toEqual([
    [115200, "N".charCodeAt(0), 8, 1],
    [300, "O".charCodeAt(0), 5, 2],
    [300, "E".charCodeAt(0), 8, 1],
  ]);
});

test("room is asked for when the device says that there is input to accept", () => {
  let room = 3;
  line.acceptInput();
  expect(rooms[ROOM]).toBe(0);
  line.roomFrom(() => room);
  line.acceptInput();
  expect([rooms[ROOM], names()]).toEqual([3, ["accept", "accept"]]);
  room = 5;
  line.acceptInput();
  expect(rooms[ROOM]).toBe(5);
});

test("a break starts and ends", () => {
  line.setBreak(true);
  line.setBreak(false);
  expect(calls.map(({ args }) => args)).toEqual([
    [POINTER, 1],
    [POINTER, 0],
  ]);
});

test("connected is asked each time", () => {
  expect(line.connected).toBe(true);
  connected = 0;
  expect(line.connected).toBe(false);
});

describe("the room that the host offers", () => {
  test("lets the backend send only when it grows", () => {
    line.offer(4);
    expect(names()).toEqual(["accept"]);
    line.offer(4);
    line.offer(1);
    expect(names()).toEqual(["accept"]);
    line.offer(2);
    expect(names()).toEqual(["accept", "accept"]);
  });

  // C counted what it had posted against the room, and waits for the end of that too.
  test("lets the backend send when input was taken, if there is any", () => {
    line.offer(4);
    calls.length = 0;
    line.offer(4, true);
    expect(names()).toEqual(["accept"]);
    line.offer(0, true);
    expect(names()).toEqual(["accept"]);
  });

  test("does not concern a backend that has no input held back, unless that cannot be known", () => {
    starved[ROOM] = 0;
    line.offer(4);
    line.offer(4, true);
    expect(names()).toEqual([]);
    line.offer(5, false, false);
    expect(names()).toEqual(["accept"]);
    line.acceptInput();
    expect(names()).toEqual(["accept", "accept"]);
  });

  test("is where C finds it, less than nothing too", () => {
    line.offer(16);
    expect(rooms[ROOM]).toBe(16);
    line.offer(-1);
    expect([...rooms].filter((room) => room !== 0)).toEqual([-1]);
  });
});

test("the line of a device that is gone cannot be used", () => {
  handle.drop();
  for (const use of [
    () => line.connected,
    () => line.put(0),
    () => line.write("text"),
    () => line.writeAll("text"),
    () => line.setBreak(true),
    () => line.setParameters({ speed: 9600 }),
    () => line.setModem({ dtr: true, rts: true }),
    () => line.modem,
    () => line.open,
    () => line.attach("id"),
    () => line.detach(),
    () => line.acceptInput(),
    () => line.offer(9),
  ]) {
    expect(use).toThrow(new StaleError("line of probe is gone and cannot be used any more"));
  }
  expect(calls).toEqual([]);
});

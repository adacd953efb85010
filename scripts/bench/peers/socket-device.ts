/** A device behind a Unix socket, whose path is the argument: what native/socket.c's server does, in TypeScript. */

/** In a request, which is 24 bytes long. */
const OFFSET = 8;
const REQUEST = 24;
const MIS = 0x40;

const [path = ""] = Bun.argv.slice(2);
const device = { level: 0x20, enabled: 0 };
const answer = new DataView(new ArrayBuffer(8));
const bytes = new Uint8Array(answer.buffer);

Bun.listen({
  unix: path,
  socket: {
    data(socket, request) {
      // The client waits for the answer, so requests come one by one.
      if (request.length !== REQUEST) throw new Error(`a request of ${request.length} bytes`);
      const offset = request.readUInt32LE(OFFSET);
      answer.setUint32(0, offset === MIS ? device.level & device.enabled : 0, true);
      socket.write(bytes);
    },
    close: () => process.exit(),
  },
});
console.log("listening");

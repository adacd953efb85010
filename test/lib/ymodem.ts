/** Sends a file by YMODEM: blocks of 1 KiB with a CRC, as the receiver asks for. */

import type { Line } from "./line.ts";

const SOH = 0x01;
const STX = 0x02;
const EOT = 0x04;
const ACK = "\x06";
const CAN = "\x18";
/** The two, and NAK. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are the protocol's words
const ANSWER = /[\x06\x15\x18]/;

/** What pads the last block. */
const FILL = 0x1a;

const RETRIES = 10;

/** x^16 + x^12 + x^5 + 1, most significant bit first. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : crc << 1;
    }
  }
  return crc;
}

function packet(number: number, data: Uint8Array): Uint8Array {
  const crc = crc16(data);
  const head = [data.length === 128 ? SOH : STX, number & 0xff, ~number & 0xff];
  return Uint8Array.from([...head, ...data, crc >> 8, crc & 0xff]);
}

/** Sends until it is acknowledged. @throws Error if the receiver gives up, or keeps asking for it again */
async function deliver(line: Line, bytes: Uint8Array, ms: number): Promise<void> {
  for (let i = 0; i < RETRIES; i++) {
    await line.write(bytes);
    const [answer] = await line.text.waitFor(ANSWER, ms);
    if (answer === ACK) {
      return;
    }
    if (answer === CAN) {
      throw new Error("the receiver of a file ended the transfer");
    }
  }
  throw new Error(`the receiver of a file refused a block ${RETRIES} times`);
}

/**
 * Sends one file, once the receiver asks for it.
 *
 * @param ms how long an answer may take
 */
export async function sendFile(line: Line, name: string, content: Uint8Array, ms: number): Promise<void> {
  const header = new Uint8Array(128);
  header.set(Buffer.from(`${name}\0${content.length}`));
  await line.text.waitFor("C", ms);
  await deliver(line, packet(0, header), ms);
  await line.text.waitFor("C", ms);
  for (let number = 1, at = 0; at < content.length; number++, at += 1024) {
    const data = new Uint8Array(1024).fill(FILL);
    data.set(content.subarray(at, at + 1024));
    await deliver(line, packet(number, data), ms);
  }
  await deliver(line, Uint8Array.of(EOT), ms);
  await line.text.waitFor("C", ms);
  await deliver(line, packet(0, new Uint8Array(128)), ms);
}

/**
 * Constants and layout shared with C: qemu-patch/overlay/include/script/api.h.
 * test/host/native/abi.test.ts compares the two.
 */

export const ABI = 7;

/**
 * Why script_run() or script_answer() returned. A number above HANDLER is that of a handler that reads a register, a
 * negative one that of a handler that writes one.
 */
export const RUN = { REQUEST: 1, YIELD: 2, IDLE: 3, HANDLER: 4 } as const;

/** What a frame asks for. */
export const KIND = {
  READ: 1,
  WRITE: 2,
  LOAD: 3,
  REALIZE: 4,
  UNREALIZE: 5,
  RESET: 6,
  PRE_SAVE: 7,
  POST_LOAD: 8,
  RECEIVE: 9,
  CHR_EVENT: 10,
  CLOCK: 11,
  GPIO: 12,
  TIMER: 13,
  RESET_ENTER: 14,
  RESET_HOLD: 15,
  RESET_EXIT: 16,
  INIT: 17,
  UNPARENT: 18,
  FORGET: 19,
  POST_SAVE: 20,
  PRE_LOAD: 21,
  RELOAD: 22,
  QUERY: 23,
  ROOM: 24,
  CONFIG_READ: 26,
  CONFIG_WRITE: 27,
  PROP_GET: 28,
  PROP_SET: 29,
  NMI: 31,
} as const;

export const STATUS = { FREE: 0, ASKED: 1, PENDING: 2, DONE: 3 } as const;

/** What a property that a script adds holds. */
export const VALUE = { BOOL: 1, INT: 2, UINT: 3, SIZE: 4, NUMBER: 5, STR: 6, ANY: 7 } as const;

/** What can be done with it; bits. */
export const CAN = { GET: 1, SET: 2 } as const;

export const MAX_FRAMES = 256;
export const MAX_ROOMS = 4096;
export const MAX_BYTES = 4096;
export const MAX_SUBSECTIONS = 31;
export const MAX_BLOB = 16_777_216;
export const FIBER_FRAME = 0;
export const POST_FRAME = 1;

/** Words (32 bits) of ScriptShared before the frames. */
export const SHARED = {
  posts: 0,
  calls: 1,
  tick: 2,
  timeout: 3,
  irqOwner: 4,
  place: 5,
  irqLevels: 6,
  irqMask: 7,
  dmaLow: 14,
  dmaHigh: 15,
  words: 16,
} as const;

/** In irqOwner: see api.h. */
export const IRQ = { NEVER: 0, NONE: 1, OF: 2 } as const;

/** Words (32 bits) of a ScriptFrame. */
export const FRAME = {
  kind: 0,
  target: 1,
  offset: 2,
  offsetHigh: 3,
  size: 4,
  value: 5,
  valueHigh: 6,
  result: 7,
  status: 8,
  attrs: 9,
  pointer: 10,
  abort: 12,
  words: 16,
} as const;

/** What C may do with a direct register; bits. */
export const DIRECT = { READS: 1, WRITES: 2 } as const;
/** Words (32 bits) of a ScriptWord. */
export const WORD_WORDS = 12;

/** Byte offsets of what follows the frames in ScriptShared. */
export const ROOMS_OFFSET = (SHARED.words + MAX_FRAMES * FRAME.words) * 4;
export const STARVED_OFFSET = ROOMS_OFFSET + MAX_ROOMS * 4;
export const BYTES_OFFSET = STARVED_OFFSET + MAX_ROOMS;
export const SHARED_SIZE = BYTES_OFFSET + MAX_BYTES;

/** Result of a LOAD whose script called process.exit(). */
export const LOAD_EXIT = 2;

/** Result of a POST_LOAD whose script will not have the state. */
export const POST_LOAD_REFUSED = 2;

/** Result of a RELOAD that makes new types, for which no vCPU must run. */
export const RELOAD_PAUSE = 3;

/** In a frame's attrs: the access is not from a vCPU, so there is nobody to wait. */
export const ATTR_NO_WAIT = 1 << 2;

/** ... the engine was given the number of the handler. */
export const ATTR_HANDLER = 1 << 3;

/** MemTxResult (include/exec/memattrs.h). */
export const MEMTX = { OK: 0, ERROR: 1, DECODE_ERROR: 2, ACCESS_ERROR: 4 } as const;

/** Log masks (include/qemu/log.h). */
export const LOG = { UNIMP: 1 << 10, GUEST_ERROR: 1 << 11 } as const;

/** QEMUChrEvent (include/chardev/char.h). */
export const CHR_EVENT = { BREAK: 0, OPENED: 1, MUX_IN: 2, MUX_OUT: 3, CLOSED: 4 } as const;
/** Comes as one of them. */
export const CHR_WRITABLE = 256;

/** Modem lines (include/chardev/char-serial.h). */
export const TIOCM = { DTR: 0x002, RTS: 0x004, CTS: 0x020, CAR: 0x040, RI: 0x080, DSR: 0x100 } as const;

/** ResetType (include/hw/resettable.h). */
export const RESET_TYPE = {
  COLD: 0,
  SNAPSHOT_LOAD: 1,
  WAKEUP: 2,
  S390_CPU_INITIAL: 3,
  S390_CPU_NORMAL: 4,
} as const;

/** QEMUClockType (include/qemu/timer.h). */
export const CLOCK = { REALTIME: 0, VIRTUAL: 1, HOST: 2, VIRTUAL_RT: 3 } as const;

/** Offsets and bits of the PL011, from its manual (ARM DDI 0183G) and not from the code. */

export const DR = 0x000;
export const RSR = 0x004;
export const FR = 0x018;
export const ILPR = 0x020;
export const IBRD = 0x024;
export const FBRD = 0x028;
export const LCR_H = 0x02c;
export const CR = 0x030;
export const IFLS = 0x034;
export const IMSC = 0x038;
export const RIS = 0x03c;
export const MIS = 0x040;
export const ICR = 0x044;
export const DMACR = 0x048;
export const ID = 0xfe0;

export const FR_RXFE = 0x10;
export const FR_RXFF = 0x40;
export const FR_TXFE = 0x80;
export const EMPTY = FR_TXFE | FR_RXFE;

export const BRK = 0x01;
export const FEN = 0x10;

export const UARTEN = 0x001;
export const LBE = 0x080;
export const TXE = 0x100;
export const RXE = 0x200;
export const ENABLED = UARTEN | TXE | RXE;

export const INT_RX = 0x010;
export const INT_TX = 0x020;
export const EVERY_INT = 0x7ff;

/** Outgoing lines: UARTINTR, UARTRXINTR, UARTTXINTR, UARTRTINTR, UARTMSINTR, UARTEINTR. */
export const LINE = { all: 1, rx: 2, tx: 4, ms: 16 } as const;

export const BREAK_ERROR = 0x400;

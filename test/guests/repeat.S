/*
 * Prints a byte, then accesses the PL011's register OFFSET for ever: reads it, or writes 0 to it if WRITE is not 0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
        .include "common.inc"

guest:
        ldr     x1, =UART
        mov     w2, #'R'
        str     w2, [x1, #UART_DR]
        mov     w2, #0
1:      .if     WRITE
        str     w2, [x1, #OFFSET]
        .else
        ldr     w3, [x1, #OFFSET]
        .endif
        b       1b

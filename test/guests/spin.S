/*
 * Prints a byte as soon as it runs, then computes for ever.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
        .include "common.inc"

guest:
        ldr     x0, =UART
        mov     w1, #'R'
        str     w1, [x0, #UART_DR]
1:      add     x1, x1, #1
        eor     x2, x2, x1
        b       1b

/*
 * Sends back every byte that the PL011 receives; sleeps in between, and is woken by the UART's interrupt.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
        .include "common.inc"

        .equ    SPI, 33         /* the first UART of the board */

guest:
        enable_interrupt SPI
        ldr     x19, =UART
        ldr     x20, =GICC
        mov     w0, #UART_INT_RX
        str     w0, [x19, #UART_IMSC]
        mov     w0, #'R'
        str     w0, [x19, #UART_DR]
1:      wfi
        ldr     w1, [x20, #GICC_IAR]
2:      ldr     w0, [x19, #UART_FR]
        tbnz    w0, #4, 3f      /* FR.RXFE */
        ldr     w0, [x19, #UART_DR]
        str     w0, [x19, #UART_DR]
        b       2b
3:      str     w1, [x20, #GICC_EOIR]
        b       1b

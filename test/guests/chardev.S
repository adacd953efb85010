/*
 * Moves bytes through the board's second PL011, both ways, polling its flags as firmware does and by interrupt as
 * operating systems do: CALLS times CHUNK of each, timed with the guest's own counter, after WARMUP of each. The bytes
 * that go out count upwards; those that come in must do so too: the line "wrong" counts others. None may come in before
 * one went out.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
        .include "common.inc"

        .equ    LINE, 0x09040000
        .equ    LINE_IRQ, 40
        .equ    UART_LCRH, 0x2c
        .equ    UART_RIS, 0x3c
        .equ    UART_LCRH_FEN, 1 << 4
        .equ    UART_INT_TX, 1 << 5
        /* Half of the FIFO, as Linux sends in one go. */
        .equ    BURST, 8

/* The functions take the number of bytes in x0. w22 and w23: the next byte to send and to receive; x24: wrong ones. */

        .macro  send
        str     w22, [x1, #UART_DR]
        add     w22, w22, #1
        subs    x0, x0, #1
        .endm

        .macro  receive
        ldr     w2, [x1, #UART_DR]
        eor     w2, w2, w23
        tst     w2, #0xff
        cinc    x24, x24, ne
        add     w23, w23, #1
        subs    x0, x0, #1
        .endm

        /* Lets interrupts \bits through, and waits for one. As Linux does, it leaves those of the FIFOs to go away. */
        .macro  wait_for bits
        mov     w3, #\bits
        str     w3, [x1, #UART_IMSC]
        ldr     x4, =GICC
1:      wfi
        ldr     w5, [x4, #GICC_IAR]
        ldr     w2, [x1, #UART_RIS]
        str     wzr, [x1, #UART_ICR]
        .endm

        .balign 64
send_polling:
        ldr     x1, =LINE
1:      ldr     w2, [x1, #UART_FR]
        tbnz    w2, #5, 1b              /* TXFF */
        send
        b.ne    1b
        ret

        .balign 64
receive_polling:
        ldr     x1, =LINE
1:      ldr     w2, [x1, #UART_FR]
        tbnz    w2, #4, 1b              /* RXFE */
        receive
        b.ne    1b
        ret

        .balign 64
send_by_interrupt:
        ldr     x1, =LINE
        send                            /* which raises the first interrupt */
        wait_for UART_INT_TX
        mov     w6, #BURST
2:      send
        b.eq    3f
        subs    w6, w6, #1
        b.ne    2b
        str     w5, [x4, #GICC_EOIR]
        b       1b
3:      str     wzr, [x1, #UART_IMSC]
        str     w5, [x4, #GICC_EOIR]
        ret

        .balign 64
receive_by_interrupt:
        ldr     x1, =LINE
        wait_for UART_INT_RX
2:      ldr     w2, [x1, #UART_FR]
        tbnz    w2, #4, 3f              /* RXFE */
        receive
        b.ne    2b
        str     wzr, [x1, #UART_IMSC]
        str     w5, [x4, #GICC_EOIR]
        ret
3:      str     w5, [x4, #GICC_EOIR]
        b       1b

        .macro  warm function
        ldr     x0, =WARMUP
        bl      \function
        .endm

guest:
        enable_interrupt LINE_IRQ
        ldr     x0, =LINE
        mov     w1, #UART_LCRH_FEN
        str     w1, [x0, #UART_LCRH]
        mov     w1, #UART_CR_ON
        str     w1, [x0, #UART_CR]
        mov     w22, #0
        mov     w23, #0
        mov     x24, #0
        print_frequency
        warm    send_polling
        warm    receive_polling
        warm    send_by_interrupt
        warm    receive_by_interrupt
        ldr     x28, =times
        ldr     x27, =CALLS
1:      measure send_polling, CHUNK
        measure receive_polling, CHUNK
        measure send_by_interrupt, CHUNK
        measure receive_by_interrupt, CHUNK
        subs    x27, x27, #1
        b.ne    1b
        print_times send_polling, times, 0, 4, CALLS, CHUNK
        print_times receive_polling, times, 1, 4, CALLS, CHUNK
        print_times send_by_interrupt, times, 2, 4, CALLS, CHUNK
        print_times receive_by_interrupt, times, 3, 4, CALLS, CHUNK
        mov     x20, #1
        mov     x21, x24
        print_line wrong
        b       power_off

        .section .bss
        .balign 8
times:
        .skip   CALLS * 4 * 8

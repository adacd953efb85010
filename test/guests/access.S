/*
 * Times accesses to registers of the PL011 with the guest's own counter: CALLS times CHUNK of each kind, in turns,
 * after WARMUP of each. Loops are as a driver that polls has them: the access, and two more instructions.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
        .include "common.inc"

        .equ    KINDS, 5

        .macro  access_loop name, instruction:vararg
        .balign 64
\name:
        ldr     x1, =UART
        mov     w2, #0
1:      \instruction
        subs    x0, x0, #1
        b.ne    1b
        ret
        .endm

        access_loop empty, nop
        access_loop read_fr, ldr w3, [x1, #UART_FR]
        access_loop write_ilpr, str w2, [x1, #UART_ILPR]
        access_loop read_mis, ldr w3, [x1, #UART_MIS]
        access_loop write_imsc, str w2, [x1, #UART_IMSC]

        .macro  warm function
        ldr     x0, =WARMUP
        bl      \function
        .endm

guest:
        print_frequency
        /* All of them first: what has seen one register only may be faster than it is later. */
        .irp    function, empty, read_fr, write_ilpr, read_mis, write_imsc
        warm    \function
        .endr
        ldr     x28, =times
        ldr     x27, =CALLS
1:
        .irp    function, empty, read_fr, write_ilpr, read_mis, write_imsc
        measure \function, CHUNK
        .endr
        subs    x27, x27, #1
        b.ne    1b
        print_times empty, times, 0, KINDS, CALLS, CHUNK
        print_times read_fr, times, 1, KINDS, CALLS, CHUNK
        print_times write_ilpr, times, 2, KINDS, CALLS, CHUNK
        print_times read_mis, times, 3, KINDS, CALLS, CHUNK
        print_times write_imsc, times, 4, KINDS, CALLS, CHUNK
        b       power_off

        .section .bss
        .balign 8
times:
        .skip   CALLS * KINDS * 8

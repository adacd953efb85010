/*
 * Times reads of the registers of the platform bus: CALLS times CHUNK of them, after WARMUP. Each is of the page after
 * the last one, DEVICES pages in turn.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
        .include "common.inc"

        .equ    PLATFORM_BUS, 0x0c000000

        .macro  loop name, instruction:vararg
        .balign 64
\name:
        ldr     x1, =PLATFORM_BUS
        mov     x2, #0
        mov     x4, #DEVICES
1:      add     x5, x1, x2, lsl #12
        \instruction
        add     x2, x2, #1
        cmp     x2, x4
        csel    x2, x2, xzr, lo
        subs    x0, x0, #1
        b.ne    1b
        ret
        .endm

        loop    empty, nop
        loop    read, ldr w3, [x5]

guest:
        print_frequency
        ldr     x0, =WARMUP
        bl      empty
        ldr     x0, =WARMUP
        bl      read
        ldr     x28, =times
        ldr     x27, =CALLS
1:      measure empty, CHUNK
        measure read, CHUNK
        subs    x27, x27, #1
        b.ne    1b
        print_times empty, times, 0, 2, CALLS, CHUNK
        print_times read, times, 1, 2, CALLS, CHUNK
        b       power_off

        .section .bss
        .balign 8
times:
        .skip   CALLS * 2 * 8

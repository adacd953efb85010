/*
 * Times a loop that never leaves the CPU: sixteen dependent instructions, three of them loads and one a store; CALLS
 * times CHUNK of them, after WARMUP.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
        .include "common.inc"

        .balign 64
busy:
        adrp    x1, table
        add     x1, x1, :lo12:table
        ldr     x2, =0x9e3779b97f4a7c15
        mov     x3, #1
1:      and     x4, x3, #0xff8
        ldr     x5, [x1, x4]
        eor     x3, x3, x5
        ror     x3, x3, #13
        madd    x3, x3, x2, x5
        and     x4, x3, #0xff8
        ldr     x5, [x1, x4]
        add     x3, x3, x5, lsl #3
        eor     x3, x3, x3, lsr #29
        str     x3, [x1, x4]
        and     x4, x3, #0xff8
        ldr     x5, [x1, x4]
        sub     x3, x3, x5
        orr     x3, x3, #1
        subs    x0, x0, #1
        b.ne    1b
        ret

guest:
        print_frequency
        ldr     x0, =WARMUP
        bl      busy
        ldr     x28, =times
        ldr     x27, =CALLS
1:      measure busy, CHUNK
        subs    x27, x27, #1
        b.ne    1b
        print_times busy, times, 0, 1, CALLS, CHUNK
        b       power_off

        .section .bss
        .balign 4096
table:
        .skip   4096
times:
        .skip   CALLS * 8

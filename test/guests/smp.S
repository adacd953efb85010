/*
 * Two CPUs: the second times COUNT reads of the PL011's register OFFSET, each by itself, after WARMUP. Meanwhile the
 * first computes if BUSY is not 0, and else sleeps.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
        .include "common.inc"

guest:
        start_cpu 1, second
1:      .if     BUSY
        add     x1, x1, #1
        eor     x2, x2, x1
        .else
        wfi
        .endif
        b       1b

second:
        ldr     x19, =UART
        ldr     x24, =WARMUP
1:      ldr     w0, [x19, #OFFSET]
        subs    x24, x24, #1
        b.ne    1b
        ldr     x23, =times
        ldr     x24, =COUNT
2:      isb
        mrs     x20, cntvct_el0
        ldr     w0, [x19, #OFFSET]
        isb
        mrs     x21, cntvct_el0
        sub     x21, x21, x20
        str     x21, [x23], #8
        subs    x24, x24, #1
        b.ne    2b
        print_frequency
        print_times read, times, 0, 1, COUNT, 1
        b       power_off

        .section .bss
        .balign 8
times:
        .skip   COUNT * 8

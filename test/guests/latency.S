/*
 * Reads the register at ADDRESS for MS milliseconds and times each read. Prints how many took how long: lines
 * "took COUNT TICKS", for what took less than BUCKETS ticks, and for each that took longer a line of its own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
        .include "common.inc"

        .equ    BUCKETS, 0x10000
        .equ    LONGEST, 0x10000        /* of those that took longer, so many are kept */

guest:
        ldr     x19, =ADDRESS
        ldr     x0, =WARMUP
1:      ldr     w1, [x19]
        subs    x0, x0, #1
        b.ne    1b

        mrs     x21, cntfrq_el0
        ldr     x0, =MS
        mul     x21, x21, x0
        mov     x0, #1000
        udiv    x21, x21, x0
        mrs     x0, cntvct_el0
        add     x21, x21, x0            /* the end */
        ldr     x22, =buckets
        ldr     x23, =longest
        mov     x24, #0                 /* of them */
2:      isb
        mrs     x0, cntvct_el0
        ldr     w2, [x19]
        isb
        mrs     x1, cntvct_el0
        sub     x0, x1, x0
        lsr     x2, x0, #16
        cbnz    x2, 4f
        ldr     x2, [x22, x0, lsl #3]
        add     x2, x2, #1
        str     x2, [x22, x0, lsl #3]
3:      cmp     x1, x21
        b.lo    2b
        b       5f
4:      cmp     x24, #LONGEST >> 12, lsl #12
        b.hs    3b
        str     x0, [x23, x24, lsl #3]
        add     x24, x24, #1
        b       3b

5:      print_frequency
        mov     x21, #0
6:      ldr     x20, [x22, x21, lsl #3]
        cbz     x20, 7f
        print_line took
7:      add     x21, x21, #1
        cmp     x21, #BUCKETS >> 12, lsl #12
        b.lo    6b
        mov     x20, #1
        mov     x25, #0
        b       19f
18:     ldr     x21, [x23, x25, lsl #3]
        print_line took
        add     x25, x25, #1
19:     cmp     x25, x24
        b.lo    18b
        b       power_off

        .section .bss
        .balign 8
buckets:
        .skip   BUCKETS * 8
longest:
        .skip   LONGEST * 8

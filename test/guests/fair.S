/*
 * Four CPUs write 1 to the register at ADDRESS as fast as they can, for MS milliseconds. Prints, for each CPU, how often
 * it did and how long, in ticks, its longest write took; and what the register at TOTAL says at the end, if that is not
 * 0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
        .include "common.inc"

        .equ    CPUS, 4

guest:
        .irp    cpu, 1, 2, 3
        start_cpu \cpu, other
        .endr
        mov     x0, #0
        bl      hammer
        ldr     x19, =finished
1:      ldr     x0, [x19]
        cmp     x0, #CPUS
        b.ne    1b
        print_frequency
        .irp    cpu, 0, 1, 2, 3
        ldr     x0, =results + \cpu * 16
        ldp     x20, x21, [x0]
        print_line cpu\cpu
        .endr
        .if     TOTAL
        ldr     x0, =TOTAL
        ldr     w20, [x0]
        mov     x21, #0
        print_line total
        .endif
        b       power_off

other:
        bl      hammer
1:      wfi
        b       1b

/* x0: number of this CPU */
hammer:
        ldr     x9, =results
        add     x9, x9, x0, lsl #4
        ldr     x10, =ADDRESS
        mov     x11, #0                 /* writes */
        mov     x12, #0                 /* the longest */
        mov     w13, #1
        /* All start together. */
        ldr     x14, =started
1:      ldaxr   x15, [x14]
        add     x15, x15, #1
        stlxr   w16, x15, [x14]
        cbnz    w16, 1b
2:      ldar    x15, [x14]
        cmp     x15, #CPUS
        b.ne    2b
        mrs     x15, cntfrq_el0
        mov     x16, #MS
        mul     x15, x15, x16
        mov     x16, #1000
        udiv    x15, x15, x16
        mrs     x16, cntvct_el0
        add     x15, x15, x16           /* the end */
3:      mov     x17, x16
        str     w13, [x10]
        isb
        mrs     x16, cntvct_el0
        add     x11, x11, #1
        sub     x17, x16, x17
        cmp     x17, x12
        csel    x12, x17, x12, hi
        cmp     x16, x15
        b.lo    3b
        stp     x11, x12, [x9]
        ldr     x14, =finished
4:      ldaxr   x15, [x14]
        add     x15, x15, #1
        stlxr   w16, x15, [x14]
        cbnz    w16, 4b
        ret

        .section .bss
        .balign 64
started:
        .skip   64
finished:
        .skip   64
results:
        .skip   CPUS * 16

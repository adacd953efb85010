/*
 * Times writes that change the level of an interrupt line, up and down in turn, and as many writes to a register
 * behind which there is no line: CALLS times CHUNK pairs of each, in turns, after WARMUP. The line reaches the
 * interrupt controller, which has interrupt INTID enabled, and the CPU, which masks it.
 *
 * BASE + RAISE takes RAISE_VALUE to raise the line, BASE + LOWER takes LOWER_VALUE to lower it, BASE + STORE anything.
 * If PCI is not 0, the device is the first on the bus, and BASE is where its first BAR is put.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
        .include "common.inc"

        .equ    ECAM_SLOT_1, 0x4010008000
        .equ    PCI_COMMAND, 0x04
        .equ    PCI_BAR0, 0x10
        .equ    PCI_MEMORY, 0x2

        .balign 64
change:
        ldr     x1, =BASE
        ldr     w2, =RAISE_VALUE
        ldr     w3, =LOWER_VALUE
1:      str     w2, [x1, #RAISE]
        str     w3, [x1, #LOWER]
        subs    x0, x0, #1
        b.ne    1b
        ret

        .balign 64
store:
        ldr     x1, =BASE
        ldr     w2, =RAISE_VALUE
        ldr     w3, =LOWER_VALUE
1:      str     w2, [x1, #STORE]
        str     w3, [x1, #STORE]
        subs    x0, x0, #1
        b.ne    1b
        ret

guest:
        .if     PCI
        ldr     x0, =ECAM_SLOT_1
        ldr     w1, =BASE
        str     w1, [x0, #PCI_BAR0]
        mov     w1, #PCI_MEMORY
        strh    w1, [x0, #PCI_COMMAND]
        .endif
        enable_interrupt INTID
        print_frequency
        ldr     x0, =WARMUP
        bl      change
        ldr     x0, =WARMUP
        bl      store
        ldr     x28, =times
        ldr     x27, =CALLS
1:      measure change, CHUNK
        measure store, CHUNK
        subs    x27, x27, #1
        b.ne    1b
        print_times change, times, 0, 2, CALLS, CHUNK
        print_times store, times, 1, 2, CALLS, CHUNK
        b       power_off

        .section .bss
        .balign 8
times:
        .skip   CALLS * 2 * 8

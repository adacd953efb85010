/*
 * Prints a byte, then reads the PL011's MIS for ever: all the time if HZ is 0, else HZ times a second and asleep in
 * between.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
        .include "common.inc"

        .equ    TIMER, 27       /* the virtual timer's interrupt */

guest:
        ldr     x19, =UART
        mov     w1, #'R'
        str     w1, [x19, #UART_DR]
        .if     HZ == 0
1:      ldr     w1, [x19, #UART_MIS]
        b       1b
        .endif

        enable_interrupt TIMER
        mrs     x20, cntfrq_el0
        mov     x0, #HZ
        udiv    x20, x20, x0
        mrs     x21, cntvct_el0
        mov     x0, #1
        msr     cntv_ctl_el0, x0
        ldr     x22, =GICC
2:      add     x21, x21, x20
        msr     cntv_cval_el0, x21
        isb
        wfi
        ldr     w0, [x22, #GICC_IAR]
        str     w0, [x22, #GICC_EOIR]
        ldr     w1, [x19, #UART_MIS]
        b       2b

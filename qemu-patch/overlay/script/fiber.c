/*
 * A second stack for the script engine's thread
 *
 * The coroutines of util/ do not fit: they switch with sigsetjmp(), several
 * times the cost, and qemu_in_coroutine() would be true for all vCPU code.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "fiber.h"

/* What Linux gives a thread, and what vCPU code can count on elsewhere */
#define FIBER_STACK_SIZE (8 * MiB)

#if defined(__x86_64__)

/*
 * The System V ABI keeps rbx, rbp, r12-r15 and the control parts of mxcsr and
 * the x87 control word over a call; all else is the caller's to save.
 */
asm(".text\n"
    ".p2align 4\n"
    ".globl script_fiber_swap\n"
    ".hidden script_fiber_swap\n"
    ".type script_fiber_swap, @function\n"
    "script_fiber_swap:\n"
    "    pushq %rbp\n"
    "    pushq %rbx\n"
    "    pushq %r12\n"
    "    pushq %r13\n"
    "    pushq %r14\n"
    "    pushq %r15\n"
    "    subq $8, %rsp\n"
    "    stmxcsr (%rsp)\n"
    "    fnstcw 4(%rsp)\n"
    "    movq %rsp, (%rdi)\n"
    "    movq %rsi, %rsp\n"
    "    ldmxcsr (%rsp)\n"
    "    fldcw 4(%rsp)\n"
    "    addq $8, %rsp\n"
    "    popq %r15\n"
    "    popq %r14\n"
    "    popq %r13\n"
    "    popq %r12\n"
    "    popq %rbx\n"
    "    popq %rbp\n"
    "    ret\n"
    ".size script_fiber_swap, . - script_fiber_swap\n"
    ".type script_fiber_entry, @function\n"
    "script_fiber_entry:\n"
    "    movq %r12, %rdi\n"
    "    xorl %ebp, %ebp\n"
    "    callq *%r13\n"
    "    ud2\n"
    ".size script_fiber_entry, . - script_fiber_entry\n");

static void *fiber_prepare(uint8_t *top, ScriptFiber *fiber)
{
    uint64_t *sp = (uint64_t *)top;
    uint32_t mxcsr;
    uint16_t fcw;

    asm("stmxcsr %0" : "=m" (mxcsr));
    asm("fnstcw %0" : "=m" (fcw));
    *--sp = 0;                          /* so that entry's call is aligned */
    *--sp = 0;
    *--sp = (uintptr_t)script_fiber_entry;
    *--sp = 0;                          /* rbp */
    *--sp = 0;                          /* rbx */
    *--sp = (uintptr_t)fiber->arg;      /* r12 */
    *--sp = (uintptr_t)fiber->fn;       /* r13 */
    *--sp = 0;                          /* r14 */
    *--sp = 0;                          /* r15 */
    *--sp = ((uint64_t)fcw << 32) | mxcsr;
    return sp;
}

#else
#error "The script engine has no stack switch for this host architecture yet"
#endif

void script_fiber_init(ScriptFiber *fiber, void (*fn)(void *arg), void *arg)
{
    size_t guard = qemu_real_host_page_size();
    uint8_t *stack = mmap(NULL, FIBER_STACK_SIZE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
                          MAP_STACK, -1, 0);

    if (stack == MAP_FAILED) {
        error_report("no memory for the stack of the first vCPU");
        exit(1);
    }
    mprotect(stack, guard, PROT_NONE);
    fiber->stack = stack;
    fiber->fn = fn;
    fiber->arg = arg;
    fiber->sp = fiber_prepare(stack + FIBER_STACK_SIZE, fiber);
}

void script_fiber_switch(ScriptFiber *fiber)
{
    script_fiber_swap(&fiber->sp, fiber->sp);
}

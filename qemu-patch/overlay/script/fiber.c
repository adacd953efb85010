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

ScriptFiber script_fiber __attribute__((used));

/*
 * script_answer(), from the thread's own stack into the fiber, with the answer
 * in eax; script_fiber_leave() gets the registers back and returns.  What this
 * returns to is never what the CPU predicts.
 *
 * The first time that is script_fiber_entry.
 */
asm(".text\n"
    ".p2align 4\n"
    ".globl script_answer\n"
    ".type script_answer, @function\n"
    "script_answer:\n"
    "    pushq %rbp\n"
    "    pushq %rbx\n"
    "    pushq %r12\n"
    "    pushq %r13\n"
    "    pushq %r14\n"
    "    pushq %r15\n"
    "    movl %edi, %eax\n"
    "    movq script_fiber(%rip), %rdx\n"
    "    movq %rsp, script_fiber(%rip)\n"
    "    movq %rdx, %rsp\n"
    "    retq\n"
    ".size script_answer, . - script_answer\n"
    ".p2align 4\n"
    ".globl script_fiber_entry\n"
    ".hidden script_fiber_entry\n"
    ".type script_fiber_entry, @function\n"
    "script_fiber_entry:\n"
    "    movq script_fiber+16(%rip), %rax\n"
    "    movq script_fiber+24(%rip), %rdi\n"
    "    xorl %ebp, %ebp\n"
    "    callq *%rax\n"
    "    ud2\n"
    ".size script_fiber_entry, . - script_fiber_entry\n");

static void *fiber_prepare(uint8_t *top)
{
    uint64_t *sp = (uint64_t *)top;

    *--sp = 0;                          /* so that entry's call is aligned */
    *--sp = 0;
    *--sp = (uintptr_t)script_fiber_entry;
    return sp;
}

void script_fiber_init(void (*fn)(void *arg), void *arg)
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
    script_fiber.stack = stack;
    script_fiber.fn = fn;
    script_fiber.arg = arg;
    script_fiber.sp = fiber_prepare(stack + FIBER_STACK_SIZE);
}

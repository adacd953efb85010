/*
 * A second stack for the script engine's thread
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SCRIPT_FIBER_H
#define SCRIPT_FIBER_H

typedef struct ScriptFiber {
    void *sp;        /* of the side that is not running */
    void *stack;
    void (*fn)(void *arg);
    void *arg;
} ScriptFiber;

/* What script_fiber_entry() relies on */
QEMU_BUILD_BUG_ON(offsetof(ScriptFiber, sp) != 0);
QEMU_BUILD_BUG_ON(offsetof(ScriptFiber, fn) != 16);
QEMU_BUILD_BUG_ON(offsetof(ScriptFiber, arg) != 24);

/**
 * script_fiber_init:
 *
 * Makes a fiber that calls @fn, which must not return, when it is first
 * switched to.
 */
void script_fiber_init(ScriptFiber *fiber, void (*fn)(void *arg), void *arg);

#if defined(__x86_64__)

/**
 * script_fiber_switch:
 *
 * From the thread's own stack into the fiber or, called on the fiber, back.
 * The other side goes on after its own switch.
 *
 * Inlined, and with a jump where a function would return: a return to the
 * other stack would be mispredicted each time.  All registers are declared
 * clobbered, so the compiler saves those it uses; the red zone is stepped over.
 * The control words of mxcsr and x87 are the same on both sides.
 */
static inline __attribute__((always_inline))
void script_fiber_switch(ScriptFiber *fiber)
{
    asm volatile("leaq -128(%%rsp), %%rsp\n\t"
                 "pushq %%rbp\n\t"
                 "leaq 1f(%%rip), %%rax\n\t"
                 "pushq %%rax\n\t"
                 "movq (%%rdi), %%rdx\n\t"
                 "movq %%rsp, (%%rdi)\n\t"
                 "movq %%rdx, %%rsp\n\t"
                 "popq %%rax\n\t"
                 "jmpq *%%rax\n"
                 "1:\n\t"
                 "popq %%rbp\n\t"
                 "leaq 128(%%rsp), %%rsp\n\t"
                 : "+D" (fiber) :
                 : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10",
                   "r11", "r12", "r13", "r14", "r15", "memory", "cc",
                   "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
                   "xmm13", "xmm14", "xmm15");
}

#else
#error "The script engine has no stack switch for this host architecture yet"
#endif

/* fiber.c, in assembly */
void script_fiber_entry(void);

#endif

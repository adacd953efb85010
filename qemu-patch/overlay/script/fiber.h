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

/* The only one there is */
extern ScriptFiber script_fiber __attribute__((visibility("hidden")));

/**
 * script_fiber_init:
 *
 * Makes a fiber that calls @fn, which must not return, when script_answer()
 * switches to it first.
 */
void script_fiber_init(void (*fn)(void *arg), void *arg);

#if defined(__x86_64__)

/**
 * script_fiber_leave:
 * @reason: what script_answer() is to return on the thread's own stack
 *
 * From the fiber back to the thread's own stack.
 *
 * Inlined, and with a jump to where script_answer() was called from: that call
 * is in the CPU's stack of return addresses above those of the fiber, and stays
 * there for the only return that cannot be predicted, in script_answer().  All
 * registers are declared clobbered, so the compiler saves those it uses; the
 * red zone is stepped over.  The control words of mxcsr and x87 are the same on
 * both sides.
 *
 * Returns: the answer, when script_answer() is called next.
 */
static inline __attribute__((always_inline))
int32_t script_fiber_leave(int32_t reason)
{
    asm volatile("leaq -128(%%rsp), %%rsp\n\t"
                 "pushq %%rbp\n\t"
                 "leaq 1f(%%rip), %%rdx\n\t"
                 "pushq %%rdx\n\t"
                 "movq script_fiber(%%rip), %%rdx\n\t"
                 "movq %%rsp, script_fiber(%%rip)\n\t"
                 "movq %%rdx, %%rsp\n\t"
                 "popq %%r15\n\t"
                 "popq %%r14\n\t"
                 "popq %%r13\n\t"
                 "popq %%r12\n\t"
                 "popq %%rbx\n\t"
                 "popq %%rbp\n\t"
                 "popq %%rdx\n\t"
                 "jmpq *%%rdx\n"
                 "1:\n\t"
                 "popq %%rbp\n\t"
                 "leaq 128(%%rsp), %%rsp\n\t"
                 : "+a" (reason) :
                 : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
                   "r11", "r12", "r13", "r14", "r15", "memory", "cc",
                   "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
                   "xmm13", "xmm14", "xmm15");
    return reason;
}

#else
#error "The script engine has no stack switch for this host architecture yet"
#endif

/* fiber.c, in assembly */
void script_fiber_entry(void);

#endif

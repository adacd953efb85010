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

/**
 * script_fiber_init:
 *
 * Makes a fiber that calls @fn, which must not return, when it is first
 * switched to.
 */
void script_fiber_init(ScriptFiber *fiber, void (*fn)(void *arg), void *arg);

/**
 * script_fiber_switch:
 *
 * From the thread's own stack into the fiber or, called on the fiber, back.
 * The other side returns from its own call.
 */
void script_fiber_switch(ScriptFiber *fiber);

/* fiber.c, in assembly */
void script_fiber_swap(void **save_sp, void *load_sp);
void script_fiber_entry(void);

#endif

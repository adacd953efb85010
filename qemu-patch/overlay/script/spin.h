/*
 * Looking for something for a while, before a thread sleeps
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SCRIPT_SPIN_H
#define SCRIPT_SPIN_H

/* How it went lately in one place; each thread has its own, all 0 at first */
typedef struct ScriptSpins {
    uint32_t in_vain;      /* one after the other */
    uint32_t skipped;
} ScriptSpins;

/* To be called once, before any thread spins */
void script_spin_init(void);

/**
 * script_spin:
 *
 * Looks again and again, for some us, whether @came says that what the caller
 * waits for is there.  Not at all where the process has one CPU, for then it
 * cannot come, and now and then only where it was in vain many times.
 *
 * Returns: what @came said last; or false.
 */
bool script_spin(ScriptSpins *spins, bool (*came)(void *opaque), void *opaque);

#endif

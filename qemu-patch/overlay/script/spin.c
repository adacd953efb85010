/*
 * Looking for something for a while, before a thread sleeps
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sched.h>
#include "qemu/processor.h"
#include "qemu/timer.h"
#include "spin.h"

/* To sleep and wake up takes a thread that long, or longer */
#define SPIN_NS (10 * SCALE_US)

#define MANY_IN_VAIN 16
#define SELDOM 8

/* Between two looks at the clock */
#define LOOKS 16

static bool may_spin;

void script_spin_init(void)
{
    cpu_set_t set;

    may_spin = sched_getaffinity(0, sizeof(set), &set) == 0 &&
        CPU_COUNT(&set) > 1;
}

static bool worth_it(ScriptSpins *spins)
{
    return may_spin && (spins->in_vain < MANY_IN_VAIN ||
                        ++spins->skipped % SELDOM == 0);
}

bool script_spin(ScriptSpins *spins, bool (*came)(void *opaque), void *opaque)
{
    int64_t end;
    int i;

    if (!worth_it(spins)) {
        return false;
    }
    end = get_clock() + SPIN_NS;
    do {
        for (i = 0; i < LOOKS; i++) {
            if (came(opaque)) {
                spins->in_vain = 0;
                return true;
            }
            cpu_relax();
        }
    } while (get_clock() < end);
    spins->in_vain++;
    return false;
}

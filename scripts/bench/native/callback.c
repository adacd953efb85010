/*
 * Calls a function pointer in a loop. For scripts/bench/peers/callback.ts.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdint.h>
#include <time.h>

typedef uint32_t Read(uint32_t offset, uint32_t size);

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

/* Returns ns of all of them. */
double callback_time(Read *read, uint32_t offset, uint32_t times)
{
    double start = now();
    uint32_t i;

    for (i = 0; i < times; i++) {
        read(offset, 4);
    }
    return now() - start;
}

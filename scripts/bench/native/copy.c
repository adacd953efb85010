/*
 * What a device in C does to copy guest memory, and plain memcpy(), in a loop. For scripts/bench/devices/copier.ts,
 * which loads it into QEMU's process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIBRARY "libqemu-system-aarch64.so"

/* MemTxAttrs, of 8 bytes, is passed in a register. */
typedef uint32_t AddressSpaceRW(void *as, uint64_t address, uint64_t attrs,
                                void *bytes, uint64_t length, bool is_write);
/* MEMTXATTRS_UNSPECIFIED: its byte 4 */
#define UNSPECIFIED (1ULL << 32)

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

/* The library that this process has loaded already */
static void *symbol(const char *name)
{
    void *library = dlopen(LIBRARY, RTLD_NOLOAD | RTLD_NOW);
    void *found = library ? dlsym(library, name) : NULL;

    if (!found) {
        abort();
    }
    return found;
}

/* As dma_memory_rw() of include/system/dma.h. Returns ns of all of them. */
double dma_time(uint64_t address, void *bytes, uint64_t length, bool is_write,
                uint32_t times)
{
    AddressSpaceRW *rw = symbol("address_space_rw");
    void *memory = symbol("address_space_memory");
    double start = now();
    uint32_t i;

    for (i = 0; i < times; i++) {
        __sync_synchronize();
        if (rw(memory, address, UNSPECIFIED, bytes, length, is_write) != 0) {
            abort();
        }
    }
    return now() - start;
}

double memcpy_time(void *to, const void *from, uint64_t length, uint32_t times)
{
    double start = now();
    uint32_t i;

    for (i = 0; i < times; i++) {
        memcpy(to, from, length);
        /* It is not to be left out. */
        __asm__ volatile("" : : "r"(to) : "memory");
    }
    return now() - start;
}

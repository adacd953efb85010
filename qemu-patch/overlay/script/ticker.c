/*
 * The script engine's clockwork
 *
 * A thread that, while the vCPU on the engine's thread runs, has the event
 * loop turn at short intervals; it sleeps when the vCPU does.  It also notices
 * a script that does not come back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/error-report.h"
#include "qemu/rcu.h"
#include "qemu/thread.h"
#include "system/runstate.h"
#include "engine.h"
#include "device.h"

/* Half of the 10 ms within which a script's timer is to fire */
#define TICK_US 4000
#define STUCK_TICKS (1000 * 1000 / TICK_US)

bool script_ticker_awake;
static QemuEvent wake;
static QemuThread thread;

void script_ticker_wake(void)
{
    qatomic_set(&script_ticker_awake, true);
    qemu_event_set(&wake);
}

static void report_stuck(void)
{
    g_autofree char *what = script_describe_frame(script_served_frame());

    error_report("script: %s has not returned for 1 s", what);
    script_lend_bql();
}

/*
 * The engine is in a script for good: nobody can stop the vCPUs, so the main
 * loop cannot end the program in order.
 */
static void end_if_asked(void)
{
    if (qatomic_read(&script_ending) || qemu_shutdown_requested_get()) {
        error_report("script: ending in spite of it");
        exit(1);
    }
}

static void sleep_until_needed(void)
{
    qemu_event_reset(&wake);
    qatomic_set(&script_ticker_awake, false);
    /* Pairs with the one in script_rouse_engine() */
    smp_mb();
    if (script_engine_asleep() && !script_vcpu_running()) {
        qemu_event_wait(&wake);
    }
    qatomic_set(&script_ticker_awake, true);
}

static void *ticker(void *opaque)
{
    int stuck = 0;

    rcu_register_thread();
    for (;;) {
        bool progress;

        g_usleep(TICK_US);
        progress = qatomic_xchg(&script_progress, false);
        if (script_engine_asleep()) {
            /* The event loop has its turn already */
            stuck = 0;
            sleep_until_needed();
        } else if (script_vcpu_running() || progress) {
            stuck = 0;
            if (script_has_vcpu()) {
                WITH_RCU_READ_LOCK_GUARD() {
                    script_tick();
                }
            }
        } else if (script_engine_in_c()) {
            stuck = 0;
        } else if (++stuck == STUCK_TICKS) {
            report_stuck();
        } else if (stuck > STUCK_TICKS) {
            end_if_asked();
        }
    }
    return NULL;
}

void script_ticker_start(void)
{
    qemu_event_init(&wake, false);
    script_ticker_awake = true;
    qemu_thread_create(&thread, "script/ticker", ticker, NULL,
                       QEMU_THREAD_DETACHED);
}

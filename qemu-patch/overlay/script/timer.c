/*
 * Timers of scripted devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "system/cpu-timers.h"
#include "system/qtest.h"
#include "system/replay.h"
#include "system/runstate.h"
#include "replay/replay-internal.h"
#include "device.h"

/*
 * A periodic timer that expires more often leaves no time for the guest; the
 * limit is that of hw/core/ptimer.c, and likewise only for real time.
 */
#define MIN_PERIOD_NS 10000

/*
 * Recording asks for the replay mutex when these clocks are read.  A script
 * in its event loop does not have it, and what it does is not recorded.
 */
static int64_t clock_now(QEMUClockType clock)
{
    if (replay_mode != REPLAY_MODE_NONE && !replay_mutex_locked()) {
        if (clock == QEMU_CLOCK_HOST) {
            return get_clock_realtime();
        }
        if (clock == QEMU_CLOCK_VIRTUAL_RT) {
            return cpu_get_clock();
        }
    }
    return qemu_clock_get_ns(clock);
}

static int64_t to_ns(double ns)
{
    return ns >= (double)INT64_MAX ? INT64_MAX : ns > 0 ? (int64_t)ns : 0;
}

/* --- expiry -------------------------------------------------------------- */

/* From its last deadline, so that it does not drift; what it missed is lost */
static void rearm(ScriptTimerPort *timer)
{
    int64_t now = clock_now(timer->clock);
    int64_t period = timer->period;
    int64_t late = now - timer->deadline;

    if (!icount_enabled() && !qtest_enabled()) {
        period = MAX(period, MIN_PERIOD_NS);
    }
    timer->deadline += period;
    if (late >= period) {
        timer->deadline = now - late % period + period;
    }
    timer_mod_ns(&timer->timer, timer->deadline);
}

static void call(ScriptTimerPort *timer)
{
    ScriptFrame *frame = script_frame_get(SCRIPT_TIMER, timer->instance->id);

    frame->offset = timer->index;
    timer->instance->busy++;
    script_frame_call(frame);
    timer->instance->busy--;
    script_frame_put(frame, NULL, NULL);
}

/*
 * Serving a post, the engine lets no vCPU of its own run and no call come
 * before it, so the script is as early as the guest can tell.  To wait would
 * be wrong: who disables the clock, such as the migration thread in
 * pause_all_vcpus(), waits with the BQL held for the timers to be done.
 *
 * With icount the vCPU's thread runs the timers, and the script is a stack
 * switch away.  Under qtest nothing else runs, and the clock must not go on
 * before the script has set its next timer.
 */
static void expired(void *opaque)
{
    ScriptTimerPort *timer = opaque;
    ScriptInstance *instance = timer->instance;

    timer->due = true;
    if (timer->period) {
        rearm(timer);
    }
    if (script_on_fiber() || (qtest_enabled() && !script_thread)) {
        Object *obj = object_ref(instance->obj);

        timer->serving = true;
        call(timer);
        timer->serving = false;
        object_unref(obj);
    } else if (!timer->posted) {
        timer->posted = true;
        script_post(SCRIPT_TIMER, instance->id, timer->index, 0, NULL, 0,
                    NULL, NULL);
    }
}

/* --- life ---------------------------------------------------------------- */

/* Where its expiry is in a state block, for migration: see vmstate_info_timer */
static uint64_t *place(ScriptTimerPort *timer, void *state, uint32_t i)
{
    return state + timer->offset + i * sizeof(uint64_t);
}

static void store(ScriptTimerPort *timer, void *state)
{
    *place(timer, state, 0) = timer->due && !timer->period ? timer->deadline :
        timer_expire_time_ns(&timer->timer);
    if (timer->periodic) {
        *place(timer, state, 1) = timer->period;
    }
}

void script_timers_init(ScriptInstance *instance)
{
    ScriptTimerList *decl;
    uint32_t i = 0;

    instance->n_timers = QAPI_LIST_LENGTH(instance->shape->decl->timers);
    instance->timers = g_new0(ScriptTimerPort, instance->n_timers);
    for (decl = instance->shape->decl->timers; decl; decl = decl->next, i++) {
        ScriptTimerPort *timer = &instance->timers[i];

        timer->instance = instance;
        timer->index = i;
        timer->clock = decl->value->clock;
        timer->offset = decl->value->offset;
        timer->periodic = decl->value->periodic;
        timer_init_ns(&timer->timer, timer->clock, expired, timer);
    }
}

/* Stopped before */
void script_timers_free(ScriptInstance *instance)
{
    g_clear_pointer(&instance->timers, g_free);
    instance->n_timers = 0;
}

static void disarm(ScriptTimerPort *timer)
{
    timer_del(&timer->timer);
    timer->due = false;
    timer->period = 0;
}

void script_timers_stop(ScriptInstance *instance)
{
    uint32_t i;

    for (i = 0; i < instance->n_timers; i++) {
        disarm(&instance->timers[i]);
        /* What was posted finds nobody, or nothing due */
        instance->timers[i].posted = false;
    }
}

void script_timers_save(ScriptInstance *instance, void *state)
{
    uint32_t i;

    for (i = 0; i < instance->n_timers; i++) {
        store(&instance->timers[i], state);
    }
}

void script_timers_load(ScriptInstance *instance)
{
    uint32_t i;

    for (i = 0; i < instance->n_timers; i++) {
        ScriptTimerPort *timer = &instance->timers[i];
        uint64_t deadline = *place(timer, instance->state, 0);

        disarm(timer);
        if (deadline != -1) {
            timer->period = timer->periodic ?
                MIN(*place(timer, instance->state, 1), INT64_MAX) : 0;
            timer->deadline = MIN(deadline, INT64_MAX);
            timer_mod_ns(&timer->timer, timer->deadline);
        }
    }
}

/* --- what the script calls ----------------------------------------------- */

/* Returns: 0, or -1 if the device is not realized, so that nobody would hear */
static int32_t arm(ScriptInstance *instance, uint32_t index, int64_t deadline,
                   int64_t period)
{
    ScriptTimerPort *timer = &instance->timers[index];

    if (!instance->live) {
        return -1;
    }
    if (timer->serving) {
        /* QEMU goes on as long as timers have expired: this one must not */
        deadline = MAX(deadline, clock_now(timer->clock) + 1);
    }
    timer->due = false;
    timer->period = period;
    timer->deadline = deadline;
    timer_mod_ns(&timer->timer, deadline);
    return 0;
}

static int64_t from_now(ScriptInstance *instance, uint32_t index, int64_t ns)
{
    int64_t now = clock_now(instance->timers[index].clock);

    return ns > INT64_MAX - now ? INT64_MAX : now + ns;
}

int32_t script_timer_at(void *opaque, uint32_t index, double ns)
{
    SCRIPT_API_GUARD();

    return arm(opaque, index, to_ns(ns), 0);
}

int32_t script_timer_at_exact(void *opaque, uint32_t index, uint32_t low,
                              uint32_t high)
{
    SCRIPT_API_GUARD();

    return arm(opaque, index, MIN((uint64_t)high << 32 | low, INT64_MAX), 0);
}

int32_t script_timer_after(void *opaque, uint32_t index, double ns)
{
    SCRIPT_API_GUARD();

    return arm(opaque, index, from_now(opaque, index, to_ns(ns)), 0);
}

int32_t script_timer_every(void *opaque, uint32_t index, double ns)
{
    int64_t period = MAX(to_ns(ns), 1);
    SCRIPT_API_GUARD();

    return arm(opaque, index, from_now(opaque, index, period), period);
}

void script_timer_stop(void *opaque, uint32_t index)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    disarm(&instance->timers[index]);
}

/* Is there still an expiry to tell of?  The script may have stopped it. */
uint32_t script_timer_take(void *opaque, uint32_t index)
{
    ScriptInstance *instance = opaque;
    ScriptTimerPort *timer = &instance->timers[index];
    bool due;
    SCRIPT_API_GUARD();

    due = timer->due;
    timer->posted = false;
    timer->due = false;
    return due;
}

/* One that has expired is pending until the script hears of it */
int64_t script_timer_expires_exact(void *opaque, uint32_t index)
{
    ScriptInstance *instance = opaque;
    ScriptTimerPort *timer = &instance->timers[index];
    SCRIPT_API_GUARD();

    return timer->due || timer_pending(&timer->timer) ? timer->deadline : -1;
}

double script_timer_expires(void *opaque, uint32_t index)
{
    return script_timer_expires_exact(opaque, index);
}

double script_clock_ns(uint32_t clock)
{
    SCRIPT_API_GUARD();

    return clock_now(clock);
}

int64_t script_clock_ns_exact(uint32_t clock)
{
    SCRIPT_API_GUARD();

    return clock_now(clock);
}

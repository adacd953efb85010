/*
 * The script engine: its thread, the first vCPU, and the way into a script
 *
 * One thread, the "engine's", has two stacks.  On its own it runs the script
 * engine and its event loop; on a fiber it runs the function of the first
 * vCPU's thread.  script_run() switches to the fiber, and the fiber switches
 * back when
 *  - the guest (or C code of the vCPU thread) needs a script's answer,
 *  - another thread does, or the event loop is due (script_vcpu_poll()),
 *  - the vCPU waits on a condition variable (fiber_park()).
 * In the last two cases the vCPU is off its thread: current_cpu is clear, the
 * BQL is free, and qemu_cpu_is_self() is false.
 *
 * A script is entered in one of three ways, all with a ScriptFrame that says
 * what is wanted: from the fiber by switching stacks; from the engine's own
 * stack, that is from inside another script's call, by a nested callback; from
 * any other thread by queueing the frame and waiting with the BQL released.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/rcu.h"
#include "hw/core/cpu.h"
#include "system/cpus.h"
#include "system/accel-ops.h"
#include "device.h"
#include "spin.h"

/* A signal that neither QEMU nor the JavaScript runtime uses */
#define SCRIPT_SIG_LEND (SIGRTMIN + 5)

QEMU_BUILD_BUG_ON(sizeof(ScriptFrame) != 64);

ScriptShared script_state QEMU_ALIGNED(64);
bool script_engine_present;

__thread bool script_thread;
__thread bool script_thread_outside_vcpu;

bool script_progress;
bool script_bql_lent;
bool script_vcpu_called;

static void (*ring_doorbell)(void);
static pthread_t engine_thread;
static void *(*vcpu_fn)(void *);
static CPUState *vcpu;
static bool vcpu_started;
static bool yield_wanted;

/* The condition that the vCPU waits for while it is off its thread */
static QemuCond *parked_on;
/* The vCPU should be run: what it waits for was signalled */
static bool vcpu_woken;
/* The engine is about to sleep in its event loop, or does */
static bool engine_armed;

/* --- between JavaScript and C -------------------------------------------- */

void script_take_bql_back(void)
{
    script_bql_lent = false;
    bql_lock();
}

ScriptApiGuard script_api_enter(void)
{
    ScriptApiGuard guard = { };

    script_enter_c();
    /* While an access waits for the script, it has the BQL */
    if (script_state.irq_owner == SCRIPT_IRQ_NEVER && !bql_locked()) {
        bql_lock();
        guard.took_bql = true;
    }
    script_flush_irqs();
    return guard;
}

void script_api_leave(ScriptApiGuard *guard)
{
    if (guard->took_bql) {
        bql_unlock();
    }
    script_leave_c();
}

static bool was_armed;

/*
 * For several calls that belong together.  Returns 0 if the caller has the BQL
 * already: it is in the middle of something.  The engine, which is in its event
 * loop, does not sleep meanwhile: the ticker is to see if it does not return.
 */
int32_t script_bql_hold(void)
{
    bool held;

    script_enter_c();
    held = bql_locked();
    if (!held) {
        bql_lock();
        was_armed = qatomic_xchg(&engine_armed, false);
        script_ticker_wake();
    }
    script_leave_c();
    return !held;
}

void script_bql_release(void)
{
    script_enter_c();
    bql_unlock();
    if (was_armed && !script_arm()) {
        /* What came meanwhile found it awake */
        ring_doorbell();
    }
    script_leave_c();
}

/* On the engine's thread, in the middle of JavaScript or between two tasks */
static void lend_bql_handler(int signal)
{
    if (script_state.place == SCRIPT_IN_SCRIPT && bql_locked()) {
        script_bql_lent = true;
        bql_unlock();
    }
}

void script_lend_bql(void)
{
    pthread_kill(engine_thread, SCRIPT_SIG_LEND);
}

/* --- waking the engine -------------------------------------------------- */

bool script_rouse_engine(void)
{
    /* What the engine is to find is written before its flag is read */
    smp_mb();
    if (!qatomic_xchg(&engine_armed, false)) {
        return false;
    }
    ring_doorbell();
    if (!qatomic_read(&script_ticker_awake)) {
        script_ticker_wake();
    }
    return true;
}

/* There is a call or a post for the engine */
void script_ask_for_engine(void)
{
    if (!script_rouse_engine() && vcpu) {
        qatomic_set(&yield_wanted, true);
        /* The vCPU, kicked, finds the wish */
        smp_mb();
        cpus_get_accel()->kick_vcpu_thread(vcpu);
    }
}

/*
 * An access of the vCPU's has had the engine serve all that there was, and has
 * the BQL still: it need not stop for that any more, but for the event loop.
 */
void script_no_need_to_yield(void)
{
    qatomic_set(&yield_wanted, false);
    /* Pairs with script_tick(), which sets the tick first */
    smp_mb();
    if (qatomic_read(&script_state.tick)) {
        qatomic_set(&yield_wanted, true);
    }
}

static void fiber_unpark(QemuCond *cond)
{
    if (unlikely(qatomic_read(&parked_on) == cond)) {
        qatomic_set(&vcpu_woken, true);
        script_rouse_engine();
    }
}

static bool something_came(void *opaque)
{
    return qatomic_read(&vcpu_woken) || qatomic_read(&script_state.calls) ||
        qatomic_read(&script_state.posts);
}

/*
 * Before the engine sleeps.  Returns 0 if it must not: something came since it
 * looked last.
 */
int32_t script_arm(void)
{
    static ScriptSpins spins;

    if (script_vcpu_called) {
        /* A vCPU that has just had an answer often asks again at once */
        script_vcpu_called = false;
        if (script_spin(&spins, something_came, NULL)) {
            return 0;
        }
    }
    qatomic_set(&engine_armed, true);
    /* Pairs with the one in script_rouse_engine() */
    smp_mb();
    if (something_came(NULL)) {
        qatomic_set(&engine_armed, false);
        return 0;
    }
    return 1;
}

/* --- the vCPU on its fiber ---------------------------------------------- */

static void leave_fiber(int32_t reason)
{
    script_set_place(SCRIPT_IN_SCRIPT, SCRIPT_IRQ_NEVER);
    script_fiber_leave(reason);
    script_back_in_vcpu();
}

static void fiber_main(void *arg)
{
    script_back_in_vcpu();
    vcpu_fn(arg);
    /* The first vCPU was unplugged: there is nothing left to run */
    for (;;) {
        leave_fiber(SCRIPT_RUN_IDLE);
    }
}

/* Called with the BQL released */
static void leave_vcpu(int reason)
{
    CPUState *cpu = current_cpu;

    current_cpu = NULL;
    script_thread_outside_vcpu = true;
    leave_fiber(reason);
    script_thread_outside_vcpu = false;
    current_cpu = cpu;
}

bool script_vcpu_adopt(void *(*fn)(void *), CPUState *cpu)
{
    if (!script_engine_present || vcpu_fn) {
        return false;
    }
    vcpu_fn = fn;
    qatomic_store_release(&vcpu, cpu);
    qatomic_set(&vcpu_woken, true);
    script_rouse_engine();
    return true;
}

static void vcpu_start(void)
{
    vcpu_started = true;
    script_thread_outside_vcpu = false;
    /* The thread function registers this thread itself */
    rcu_unregister_thread();
    script_fiber_init(fiber_main, vcpu);
}

/* Returns: why the vCPU cannot run now, or 0 */
static int prepare_run(void)
{
    if (!qatomic_load_acquire(&vcpu)) {
        return SCRIPT_RUN_IDLE;
    }
    if (unlikely(!vcpu_started)) {
        vcpu_start();
    }
    qatomic_set(&vcpu_woken, false);
    /* A call queued from here on kicks the vCPU; one queued before is seen */
    smp_mb();
    if (qatomic_read(&script_state.calls) ||
        qatomic_read(&script_state.posts)) {
        qatomic_set(&vcpu_woken, true);
        return SCRIPT_RUN_YIELD;
    }
    if (!qatomic_read(&script_ticker_awake)) {
        script_ticker_wake();
    }
    return 0;
}

int32_t script_run(void)
{
    int reason = 0;

    script_enter_c();
    if (likely(script_state.irq_owner == SCRIPT_IRQ_NEVER)) {
        reason = prepare_run();
    }
    if (reason) {
        script_leave_c();
        return reason;
    }
    /* Counts as an answer if the engine lost one */
    return script_answer(0);
}

void script_vcpu_poll(void)
{
    if (likely(!script_on_fiber()) || likely(!qatomic_read(&yield_wanted))) {
        return;
    }
    qatomic_set(&yield_wanted, false);
    qatomic_set(&vcpu_woken, true);
    bql_unlock();
    leave_vcpu(SCRIPT_RUN_YIELD);
    bql_lock();
}

static bool fiber_park(QemuCond *cond, QemuMutex *mutex, int ms,
                       bool *timed_out)
{
    bool is_bql;
    int64_t start;

    if (!script_on_fiber()) {
        return false;
    }
    is_bql = mutex_is_bql(mutex);
    start = ms < 0 ? 0 : g_get_monotonic_time();
    script_state.timeout = ms < 0 ? UINT32_MAX : ms;
    qatomic_set(&parked_on, cond);
    /* Who signals after the mutex is free sees that the vCPU waits */
    smp_mb();
    if (is_bql) {
        bql_unlock();
    } else {
        qemu_mutex_unlock(mutex);
    }
    leave_vcpu(SCRIPT_RUN_IDLE);
    qatomic_set(&parked_on, NULL);
    if (is_bql) {
        bql_lock();
    } else {
        qemu_mutex_lock(mutex);
    }
    *timed_out = ms >= 0 && g_get_monotonic_time() - start >= ms * 1000LL;
    return true;
}

/* --- the ticker's view -------------------------------------------------- */

bool script_engine_asleep(void)
{
    return qatomic_read(&engine_armed);
}

bool script_engine_in_c(void)
{
    return qatomic_read(&script_state.place) == SCRIPT_IN_C;
}

bool script_vcpu_running(void)
{
    return qatomic_read(&script_state.place) == SCRIPT_IN_VCPU;
}

bool script_has_vcpu(void)
{
    return qatomic_read(&vcpu) != NULL;
}

void script_tick(void)
{
    if (vcpu->singlestep_enabled) {
        /* A kick would count as the debugger's step */
        return;
    }
    qatomic_set(&script_state.tick, 1);
    /* Pairs with the one in script_no_need_to_yield() */
    smp_mb();
    qatomic_set(&yield_wanted, true);
    /* The vCPU, kicked, finds the wish */
    smp_mb();
    cpus_get_accel()->kick_vcpu_thread(vcpu);
}

void script_engine_init(void *doorbell, void *dispatch)
{
    struct sigaction action = { .sa_handler = lend_bql_handler,
                                .sa_flags = SA_RESTART };

    engine_thread = pthread_self();
    script_spin_init();
    script_state.timeout = UINT32_MAX;
    sigaction(SCRIPT_SIG_LEND, &action, NULL);
    ring_doorbell = doorbell;
    script_calls_init(dispatch);
    script_thread = true;
    script_thread_outside_vcpu = true;
    qemu_cond_park = fiber_park;
    qemu_cond_unpark = fiber_unpark;
    script_engine_present = true;
}

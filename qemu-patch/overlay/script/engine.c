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
#include "qapi/error.h"
#include "qemu/atomic.h"
#include "qemu/queue.h"
#include "qemu/rcu.h"
#include "hw/core/cpu.h"
#include "system/cpus.h"
#include "system/accel-ops.h"
#include "device.h"
#include "spin.h"

/* A signal that neither QEMU nor the JavaScript runtime uses */
#define SCRIPT_SIG_LEND (SIGRTMIN + 5)

QEMU_BUILD_BUG_ON(sizeof(ScriptFrame) != 64);

/* What C keeps of a frame; the script sees the rest */
typedef struct ScriptCaller {
    QemuCond *cond;
    bool from_vcpu;
    bool done;             /* its caller may go on; set with the BQL held */
    char *text;
    char *error;
    char *hint;
    QSIMPLEQ_ENTRY(ScriptCaller) next;
} ScriptCaller;

typedef struct ScriptPost {
    ScriptFrame frame;
    void (*taken)(void *opaque, uint32_t length);
    void *opaque;
    QSIMPLEQ_ENTRY(ScriptPost) next;
    uint8_t data[];
} ScriptPost;

ScriptShared script_state QEMU_ALIGNED(64);
bool script_engine_present;

__thread bool script_thread;
__thread bool script_thread_outside_vcpu;

static ScriptCaller callers[SCRIPT_MAX_FRAMES];
static DECLARE_BITMAP(frames_used, SCRIPT_MAX_FRAMES);
static QemuCond frame_freed;
static QSIMPLEQ_HEAD(, ScriptCaller) waiting =
    QSIMPLEQ_HEAD_INITIALIZER(waiting);
static QSIMPLEQ_HEAD(, ScriptPost) posted = QSIMPLEQ_HEAD_INITIALIZER(posted);

static void (*ring_doorbell)(void);
static void (*dispatch_nested)(uint32_t frame);

bool script_progress;
bool script_bql_lent;
static void *(*vcpu_fn)(void *);
static CPUState *vcpu;
static bool vcpu_started;
static bool yield_wanted;

/* The call that the engine took from script_next() and serves */
static ScriptFrame *served;
static bool next_took_bql;

static pthread_t engine_thread;

/* The call served last came from a vCPU with a thread of its own */
static bool vcpu_called;

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

static inline void enter_c(void)
{
    qatomic_set(&script_state.place, SCRIPT_IN_C);
    /* From there on nobody lends the BQL any more */
    signal_barrier();
    if (unlikely(script_bql_lent)) {
        script_take_bql_back();
    }
}

static inline void leave_c(void)
{
    qatomic_set(&script_state.place, SCRIPT_IN_SCRIPT);
}

/* Before anything else, in the order in which the script does things */
static inline void flush_irqs(void)
{
    uint32_t irq_owner = script_state.irq_owner;

    if (unlikely(irq_owner >= SCRIPT_IRQ_OF)) {
        script_state.irq_owner = SCRIPT_IRQ_NONE;
        script_irq_flush(irq_owner);
    }
}

ScriptApiGuard script_api_enter(void)
{
    ScriptApiGuard guard = { };

    enter_c();
    /* While an access waits for the script, it has the BQL */
    if (script_state.irq_owner == SCRIPT_IRQ_NEVER && !bql_locked()) {
        bql_lock();
        guard.took_bql = true;
    }
    flush_irqs();
    return guard;
}

void script_api_leave(ScriptApiGuard *guard)
{
    if (guard->took_bql) {
        bql_unlock();
    }
    leave_c();
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

    enter_c();
    held = bql_locked();
    if (!held) {
        bql_lock();
        was_armed = qatomic_xchg(&engine_armed, false);
        script_ticker_wake();
    }
    leave_c();
    return !held;
}

void script_bql_release(void)
{
    enter_c();
    bql_unlock();
    if (was_armed && !script_arm()) {
        /* What came meanwhile found it awake */
        ring_doorbell();
    }
    leave_c();
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

static bool rouse_sleeping_engine(void)
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
static void ask_for_engine(void)
{
    if (!rouse_sleeping_engine() && vcpu) {
        qatomic_set(&yield_wanted, true);
        /* The vCPU, kicked, finds the wish */
        smp_mb();
        cpus_get_accel()->kick_vcpu_thread(vcpu);
    }
}

static void fiber_unpark(QemuCond *cond)
{
    if (unlikely(qatomic_read(&parked_on) == cond)) {
        qatomic_set(&vcpu_woken, true);
        rouse_sleeping_engine();
    }
}

static bool something_came(void *opaque)
{
    return qatomic_read(&vcpu_woken) || qatomic_read(&script_state.calls) ||
        qatomic_read(&script_state.posts);
}

/*
 * A vCPU that has just had an answer often asks again at once.  Returns: did
 * it, or did something else come?
 */
static bool spin_for_call(void)
{
    static ScriptSpins spins;

    return script_spin(&spins, something_came, NULL);
}

/*
 * Before the engine sleeps.  Returns 0 if it must not: something came since it
 * looked last.
 */
int32_t script_arm(void)
{
    if (vcpu_called) {
        vcpu_called = false;
        if (spin_for_call()) {
            return 0;
        }
    }
    qatomic_set(&engine_armed, true);
    /* Pairs with the one in rouse_sleeping_engine() */
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
    rouse_sleeping_engine();
    return true;
}

static void vcpu_start(void)
{
    vcpu_started = true;
    script_thread_outside_vcpu = false;
    /* The thread function registers this thread itself */
    rcu_unregister_thread();
    script_fiber_init(&script_fiber, fiber_main, vcpu);
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

    enter_c();
    if (likely(script_state.irq_owner == SCRIPT_IRQ_NEVER)) {
        reason = prepare_run();
    }
    if (reason) {
        leave_c();
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

ScriptFrame *script_served_frame(void)
{
    if (qatomic_read(&script_state.irq_owner) != SCRIPT_IRQ_NEVER) {
        return &script_state.frames[SCRIPT_FIBER_FRAME];
    }
    return qatomic_read(&served);
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
    qatomic_set(&yield_wanted, true);
    /* The vCPU, kicked, finds the wish */
    smp_mb();
    cpus_get_accel()->kick_vcpu_thread(vcpu);
}

/* --- calls -------------------------------------------------------------- */

static uint32_t frame_index(ScriptFrame *frame)
{
    return frame - script_state.frames;
}

ScriptFrame *script_frame_get(uint32_t kind, uint32_t target)
{
    ScriptFrame *frame;
    unsigned long i = SCRIPT_FIBER_FRAME;

    if (!script_on_fiber()) {
        for (;;) {
            i = find_next_zero_bit(frames_used, SCRIPT_MAX_FRAMES,
                                   SCRIPT_POST_FRAME + 1);
            if (i < SCRIPT_MAX_FRAMES) {
                break;
            }
            qemu_cond_wait_bql(&frame_freed);
        }
        set_bit(i, frames_used);
    }
    frame = &script_state.frames[i];
    memset(frame, 0, sizeof(*frame));
    frame->kind = kind;
    frame->target = target;
    return frame;
}

static bool caller_must_not_wait(void)
{
    return current_cpu && (current_cpu->stop || current_cpu->unplug);
}

static bool is_done(void *opaque)
{
    ScriptCaller *caller = opaque;

    return qatomic_load_acquire(&caller->done);
}

/*
 * Most answers come within a few us, sooner than a thread sleeps and wakes up.
 * Only vCPUs do that: the main loop is to serve others, not to compute.
 */
static void spin_for_answer(ScriptCaller *caller)
{
    static __thread ScriptSpins spins;

    bql_unlock();
    script_spin(&spins, is_done, caller);
    bql_lock();
}

/*
 * Until the answer comes; a stop of the machine cuts an async handler short.
 * The frame's status tells nobody but the engine: that sets it before it has
 * the BQL.
 */
static void wait_for_answer(ScriptFrame *frame, ScriptCaller *caller)
{
    while (!caller->done) {
        if (caller_must_not_wait() && !frame->abort) {
            qatomic_set(&frame->abort, 1);
            rouse_sleeping_engine();
        }
        qemu_cond_wait_bql(caller->cond);
    }
}

/* Lines lead to devices that may ask the engine something, by the same frame */
void script_finish_asking(uint32_t irq_owner)
{
    ScriptFrame *frame = &script_state.frames[SCRIPT_FIBER_FRAME];
    ScriptCaller *caller = &callers[SCRIPT_FIBER_FRAME];

    if (irq_owner != SCRIPT_IRQ_NONE) {
        const ScriptFrame answered = *frame;

        script_irq_flush(irq_owner);
        *frame = answered;
    }
    if (frame->status == SCRIPT_PENDING) {
        frame->abort = 0;
        caller->done = false;
        caller->cond = current_cpu->halt_cond;
        wait_for_answer(frame, caller);
    }
}

static void call_and_wait(ScriptFrame *frame)
{
    ScriptCaller *caller = &callers[frame_index(frame)];
    QemuCond own;

    caller->done = false;
    caller->from_vcpu = current_cpu != NULL;
    if (caller->from_vcpu) {
        /* so that a kick of this vCPU ends the wait */
        caller->cond = current_cpu->halt_cond;
    } else {
        qemu_cond_init(&own);
        caller->cond = &own;
    }
    QSIMPLEQ_INSERT_TAIL(&waiting, caller, next);
    qatomic_inc(&script_state.calls);
    ask_for_engine();
    if (caller->from_vcpu) {
        spin_for_answer(caller);
    }
    wait_for_answer(frame, caller);
    if (caller->cond == &own) {
        qemu_cond_destroy(&own);
    }
}

void script_frame_call(ScriptFrame *frame)
{
    g_assert(bql_locked());
    frame->status = SCRIPT_ASKED;
    if (script_on_fiber()) {
        uint32_t irq_owner;

        script_leave_to_ask(SCRIPT_RUN_REQUEST, &irq_owner);
        script_finish_asking(irq_owner);
    } else if (script_thread) {
        leave_c();
        dispatch_nested(frame_index(frame));
        enter_c();
        flush_irqs();
    } else {
        call_and_wait(frame);
    }
}

static void take_error(ScriptCaller *caller, Error **errp)
{
    Error *err = NULL;

    error_setg(&err, "%s", caller->error ?: "the script failed");
    if (caller->hint) {
        error_append_hint(&err, "%s", caller->hint);
    }
    error_propagate(errp, err);
}

bool script_frame_put(ScriptFrame *frame, char **text, Error **errp)
{
    uint32_t index = frame_index(frame);
    ScriptCaller *caller = &callers[index];
    bool ok = frame->result == 0 && !caller->error;

    if (!ok) {
        take_error(caller, errp);
    }
    if (text) {
        *text = g_steal_pointer(&caller->text);
    }
    g_clear_pointer(&caller->text, g_free);
    g_clear_pointer(&caller->error, g_free);
    g_clear_pointer(&caller->hint, g_free);
    caller->cond = NULL;
    if (index != SCRIPT_FIBER_FRAME) {
        clear_bit(index, frames_used);
        qemu_cond_signal(&frame_freed);
    }
    return ok;
}

bool script_call(uint32_t kind, uint32_t target, uint32_t value, void *pointer,
                 char **text, Error **errp)
{
    ScriptInstance *instance = script_instance_by_id(target);
    ScriptFrame *frame = script_frame_get(kind, target);

    frame->value = value;
    frame->pointer = (uintptr_t)pointer;
    instance->busy++;
    script_frame_call(frame);
    instance->busy--;
    return script_frame_put(frame, text, errp);
}

void script_post_frame(const ScriptFrame *frame, const void *data,
                       void (*taken)(void *opaque, uint32_t length),
                       void *opaque)
{
    uint32_t length = frame->size;
    ScriptPost *post = g_malloc0(sizeof(*post) + length);

    g_assert(bql_locked() && length <= SCRIPT_MAX_BYTES);
    post->frame = *frame;
    post->taken = taken;
    post->opaque = opaque;
    if (length) {
        memcpy(post->data, data, length);
    }
    QSIMPLEQ_INSERT_TAIL(&posted, post, next);
    qatomic_inc(&script_state.posts);
    ask_for_engine();
}

void script_post(uint32_t kind, uint32_t target, uint32_t offset,
                 uint32_t value, const void *data, uint32_t length,
                 void (*taken)(void *opaque, uint32_t length), void *opaque)
{
    const ScriptFrame frame = {
        .kind = kind,
        .target = target,
        .offset = offset,
        .value = value,
        .size = length,
    };

    script_post_frame(&frame, data, taken, opaque);
}

const ScriptFrame *script_served_post(void)
{
    const ScriptFrame *frame = &script_state.frames[SCRIPT_POST_FRAME];

    return script_thread && served == frame ? frame : NULL;
}

/* --- serving calls ------------------------------------------------------ */

static int32_t take_post(void)
{
    ScriptPost *post = QSIMPLEQ_FIRST(&posted);

    QSIMPLEQ_REMOVE_HEAD(&posted, next);
    qatomic_dec(&script_state.posts);
    script_state.frames[SCRIPT_POST_FRAME] = post->frame;
    memcpy(script_state.bytes, post->data, post->frame.size);
    if (post->taken) {
        post->taken(post->opaque, post->frame.size);
    }
    g_free(post);
    qatomic_set(&served, &script_state.frames[SCRIPT_POST_FRAME]);
    return SCRIPT_POST_FRAME;
}

static int32_t next_frame(void)
{
    if (qatomic_read(&script_state.posts) ||
        qatomic_read(&script_state.calls)) {
        if (!bql_locked()) {
            bql_lock();
            next_took_bql = true;
        }
        if (!QSIMPLEQ_EMPTY(&posted)) {
            return take_post();
        }
        if (!QSIMPLEQ_EMPTY(&waiting)) {
            ScriptCaller *caller = QSIMPLEQ_FIRST(&waiting);

            QSIMPLEQ_REMOVE_HEAD(&waiting, next);
            qatomic_dec(&script_state.calls);
            vcpu_called = caller->from_vcpu;
            qatomic_set(&served, &script_state.frames[caller - callers]);
            return caller - callers;
        }
    }
    qatomic_set(&served, NULL);
    if (next_took_bql) {
        next_took_bql = false;
        bql_unlock();
    }
    return -1;
}

int32_t script_next(void)
{
    int32_t frame;

    enter_c();
    qatomic_set(&script_progress, true);
    flush_irqs();
    frame = next_frame();
    leave_c();
    return frame;
}

void script_done(uint32_t index)
{
    SCRIPT_API_GUARD();

    script_state.frames[index].status = SCRIPT_DONE;
    qatomic_store_release(&callers[index].done, true);
    if (callers[index].cond) {
        qemu_cond_broadcast(callers[index].cond);
    }
}

void script_set_text(uint32_t index, const char *text)
{
    g_free(callers[index].text);
    callers[index].text = g_strdup(text);
}

void script_set_error(uint32_t index, const char *message)
{
    g_free(callers[index].error);
    callers[index].error = g_strdup(message);
}

void script_set_hint(uint32_t index, const char *hint)
{
    g_free(callers[index].hint);
    callers[index].hint = g_strdup(hint);
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
    dispatch_nested = dispatch;
    script_thread = true;
    script_thread_outside_vcpu = true;
    qemu_cond_init(&frame_freed);
    qemu_cond_park = fiber_park;
    qemu_cond_unpark = fiber_unpark;
    script_engine_present = true;
}

/*
 * Calls into a script: frames, what waits for an answer, and what does not
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/atomic.h"
#include "qemu/queue.h"
#include "hw/core/cpu.h"
#include "device.h"
#include "spin.h"

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

static ScriptCaller callers[SCRIPT_MAX_FRAMES];
static DECLARE_BITMAP(frames_used, SCRIPT_MAX_FRAMES);
static QemuCond frame_freed;
static QSIMPLEQ_HEAD(, ScriptCaller) waiting =
    QSIMPLEQ_HEAD_INITIALIZER(waiting);
static QSIMPLEQ_HEAD(, ScriptPost) posted = QSIMPLEQ_HEAD_INITIALIZER(posted);

static void (*dispatch_nested)(uint32_t frame);

/* The call that the engine took from script_next() and serves */
static ScriptFrame *served;
static bool next_took_bql;

void script_calls_init(void (*dispatch)(uint32_t frame))
{
    dispatch_nested = dispatch;
    qemu_cond_init(&frame_freed);
}

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
            script_rouse_engine();
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
    script_ask_for_engine();
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
        script_leave_c();
        dispatch_nested(frame_index(frame));
        script_enter_c();
        script_flush_irqs();
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
    script_ask_for_engine();
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

/* --- serving them ------------------------------------------------------- */

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
            script_vcpu_called = caller->from_vcpu;
            qatomic_set(&served, &script_state.frames[caller - callers]);
            return caller - callers;
        }
    }
    qatomic_set(&served, NULL);
    if (script_state.irq_owner != SCRIPT_IRQ_NEVER) {
        script_no_need_to_yield();
    }
    if (next_took_bql) {
        next_took_bql = false;
        bql_unlock();
    }
    return -1;
}

int32_t script_next(void)
{
    int32_t frame;

    script_enter_c();
    qatomic_set(&script_progress, true);
    script_flush_irqs();
    frame = next_frame();
    script_leave_c();
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

ScriptFrame *script_served_frame(void)
{
    if (qatomic_read(&script_state.irq_owner) != SCRIPT_IRQ_NEVER) {
        return &script_state.frames[SCRIPT_FIBER_FRAME];
    }
    return qatomic_read(&served);
}

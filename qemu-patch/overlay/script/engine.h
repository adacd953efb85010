/*
 * The script engine: its thread, the first vCPU, and the way into a script
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SCRIPT_ENGINE_H
#define SCRIPT_ENGINE_H

#include "script/api.h"
#include "script/script.h"
#include "qemu/main-loop.h"
#include "fiber.h"

extern ScriptShared script_state;

/* Is the caller on the engine's thread, wherever? */
extern __thread bool script_thread;

/* Where that thread is: in C that it called, in JavaScript, or in the vCPU */
#define SCRIPT_IN_C 0
#define SCRIPT_IN_SCRIPT 1
#define SCRIPT_IN_VCPU 2

/* Is the caller on the fiber of the engine's thread? */
static inline bool script_on_fiber(void)
{
    return likely(script_thread) && likely(script_state.place == SCRIPT_IN_VCPU);
}

/* Is there an engine in this process at all? */
extern bool script_engine_present;

/*
 * Every function that a script's code calls has this for its scope: it holds
 * the BQL, and is known to be in C, where the watchdog must not take the BQL
 * away.
 */
typedef struct ScriptApiGuard {
    bool took_bql;
} ScriptApiGuard;

ScriptApiGuard script_api_enter(void);
void script_api_leave(ScriptApiGuard *guard);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ScriptApiGuard, script_api_leave)

#define SCRIPT_API_GUARD() \
    g_auto(ScriptApiGuard) script_api_guard G_GNUC_UNUSED = script_api_enter()

/**
 * script_lend_bql:
 *
 * Called by the watchdog when a script does not come back: has the engine's
 * thread release the BQL, if it holds it, until that script next calls C.
 */
void script_lend_bql(void);

void script_engine_init(void *doorbell, void *dispatch);

/**
 * script_frame_get:
 *
 * Returns: a frame for one call from this thread.  Needs the BQL.
 */
ScriptFrame *script_frame_get(uint32_t kind, uint32_t target);

/**
 * script_frame_call:
 *
 * Has the engine serve @frame and waits for the answer.  The BQL is held on
 * entry and on return, but another thread may have had it meanwhile.
 */
void script_frame_call(ScriptFrame *frame);

/**
 * script_frame_put:
 * @text: where to leave the text that the script answered with, or %NULL
 * @errp: where to leave its error, or %NULL
 *
 * Returns: whether the call succeeded.  Releases @frame.
 */
bool script_frame_put(ScriptFrame *frame, char **text, Error **errp);

/**
 * script_call:
 *
 * The three above in one, for calls with no more than a value and a pointer.
 */
bool script_call(uint32_t kind, uint32_t target, uint32_t value, void *pointer,
                 char **text, Error **errp);

/**
 * script_post:
 *
 * Queues a call that needs no answer; @data is copied, @length is at most
 * SCRIPT_MAX_BYTES.  Posts are served in order, before the guest's next
 * instruction and before any waiting call.  @taken, if given, is called with
 * the BQL held when the engine takes it.
 */
void script_post(uint32_t kind, uint32_t target, uint32_t offset,
                 uint32_t value, const void *data, uint32_t length,
                 void (*taken)(void *opaque, uint32_t length), void *opaque);

/**
 * script_post_frame:
 *
 * The same for calls that say more; @data has as many bytes as the frame's
 * size says.
 */
void script_post_frame(const ScriptFrame *frame, const void *data,
                       void (*taken)(void *opaque, uint32_t length),
                       void *opaque);

/**
 * script_served_post:
 *
 * Returns: the posted call that the caller's script serves, or %NULL.
 */
const ScriptFrame *script_served_post(void);

/* The engine was asked something, or looked for calls, since the ticker looked */
extern bool script_progress;

/* The watchdog had the BQL released under a script */
extern bool script_bql_lent;
void script_take_bql_back(void);

/* device.c: has what a handler drove lead where it leads */
void script_irq_flush(uint32_t irq_owner);

/* Between JavaScript and C that it called */
static inline void script_enter_c(void)
{
    qatomic_set(&script_state.place, SCRIPT_IN_C);
    /* From there on nobody lends the BQL any more */
    signal_barrier();
    if (unlikely(script_bql_lent)) {
        script_take_bql_back();
    }
}

static inline void script_leave_c(void)
{
    qatomic_set(&script_state.place, SCRIPT_IN_SCRIPT);
}

/* Before anything else, in the order in which the script does things */
static inline void script_flush_irqs(void)
{
    uint32_t irq_owner = script_state.irq_owner;

    if (unlikely(irq_owner >= SCRIPT_IRQ_OF)) {
        script_state.irq_owner = SCRIPT_IRQ_NONE;
        script_irq_flush(irq_owner);
    }
}

/* Changes two words at once: there are many accesses */
static inline __attribute__((always_inline))
void script_set_place(uint32_t place, uint32_t irq_owner)
{
    const union {
        uint32_t words[2];
        uint64_t both;
    } value = { .words = { irq_owner, place } };

    QEMU_BUILD_BUG_ON(offsetof(ScriptShared, irq_owner) % 8 != 0 ||
                      offsetof(ScriptShared, place) !=
                      offsetof(ScriptShared, irq_owner) + 4);
    qatomic_set((uint64_t *)&script_state.irq_owner, value.both);
}

/* Back on the fiber */
static inline __attribute__((always_inline)) void script_back_in_vcpu(void)
{
    script_set_place(SCRIPT_IN_VCPU, SCRIPT_IRQ_NEVER);
    /* From there on nobody lends the BQL any more */
    signal_barrier();
    if (unlikely(script_bql_lent)) {
        script_take_bql_back();
    }
}

/**
 * script_leave_to_ask:
 * @reason: for script_run() to return
 * @irq_owner: to be told of lines that were left, for script_irq_flush()
 *
 * Has the engine serve frame 0, whose status is SCRIPT_ASKED, on the fiber.
 *
 * Returns: the answer, of use if that is still the status.
 */
static inline __attribute__((always_inline))
int32_t script_leave_to_ask(int32_t reason, uint32_t *irq_owner)
{
    int32_t answer;

    qatomic_set(&script_progress, true);
    script_set_place(SCRIPT_IN_SCRIPT, SCRIPT_IRQ_NONE);
    answer = script_fiber_leave(reason);
    *irq_owner = script_state.irq_owner;
    script_back_in_vcpu();
    return answer;
}

/* After that: until all is done and the frame has the answer, if anything */
void script_finish_asking(uint32_t irq_owner);

/* There may be a call, a post or a signal for the engine, if it sleeps */
bool script_rouse_engine(void);

/* There is a call or a post for it, whether it sleeps or runs the vCPU */
void script_ask_for_engine(void);

/* There is none any more, and an access of the vCPU's waits */
void script_no_need_to_yield(void);

/* The call served last came from a vCPU with a thread of its own */
extern bool script_vcpu_called;

/* calls.c */
void script_calls_init(void (*dispatch)(uint32_t frame));

/* The main loop is over */
extern bool script_ending;

/* What the ticker looks at, from its own thread */
bool script_engine_asleep(void);
bool script_engine_in_c(void);
ScriptFrame *script_served_frame(void);
bool script_vcpu_running(void);
void script_tick(void);
bool script_has_vcpu(void);

/* ticker.c */
void script_ticker_start(void);
void script_ticker_wake(void);
extern bool script_ticker_awake;

#endif

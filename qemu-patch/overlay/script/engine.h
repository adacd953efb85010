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

/* Is the caller on the fiber of the engine's thread? */
extern __thread bool script_on_fiber;

/* Is the caller on the engine's thread, wherever? */
extern __thread bool script_thread;

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

extern ScriptFiber script_fiber;
extern int script_run_reason;

/* The answer comes later */
void script_await_fiber(ScriptFrame *frame);

/* device.c: has what a handler drove lead where it leads */
void script_irq_flush(void);

static inline __attribute__((always_inline)) void script_switch_to_engine(void)
{
    script_state.irq_deferred = 1;
    script_on_fiber = false;
    script_fiber_switch(&script_fiber);
    script_on_fiber = true;
    script_state.irq_deferred = 0;
    if (script_state.irq_instance != 0) {
        script_irq_flush();
    }
    if (unlikely(script_state.frames[SCRIPT_FIBER_FRAME].status ==
                 SCRIPT_PENDING)) {
        script_await_fiber(&script_state.frames[SCRIPT_FIBER_FRAME]);
    }
}

/**
 * script_ask_fiber:
 *
 * The short way of script_frame_call() for frame 0, on the fiber.
 */
static inline __attribute__((always_inline)) void script_ask_fiber(void)
{
    script_state.frames[SCRIPT_FIBER_FRAME].status = SCRIPT_ASKED;
    script_run_reason = SCRIPT_RUN_REQUEST;
    script_switch_to_engine();
}

/**
 * script_ask_handler:
 *
 * The same for the handler of a register, by its number.
 */
static inline __attribute__((always_inline))
void script_ask_handler(uint32_t handler)
{
    script_state.frames[SCRIPT_FIBER_FRAME].status = SCRIPT_ASKED;
    script_run_reason = SCRIPT_RUN_HANDLER + handler;
    script_switch_to_engine();
}

/* The main loop is over */
extern bool script_ending;

/* What the ticker looks at, from its own thread */
bool script_engine_asleep(void);
bool script_engine_in_c(void);
ScriptFrame *script_served_frame(void);
uint64_t script_run_count(void);
bool script_vcpu_running(void);
void script_tick(void);
bool script_has_vcpu(void);

/* ticker.c */
void script_ticker_start(void);
void script_ticker_wake(void);
extern bool script_ticker_awake;

#endif

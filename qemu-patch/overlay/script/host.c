/*
 * The script engine's host process: start, end, and what is not of a device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/error-report.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "system/replay.h"
#include "system/runstate.h"
#include "system/system.h"
#include "engine.h"

bool script_ending;

static int qemu_argc;
static char **qemu_argv;

uint32_t script_abi(void)
{
    return SCRIPT_ABI;
}

ScriptShared *script_shared(void)
{
    return &script_state;
}

/* Bytes as they were typed: an argument need not be valid UTF-8 */
static void read_arguments(void)
{
    g_autofree char *all = NULL;
    gsize length, i;
    g_autoptr(GPtrArray) args = g_ptr_array_new();

    if (!g_file_get_contents("/proc/self/cmdline", &all, &length, NULL)) {
        error_report("cannot read /proc/self/cmdline");
        exit(1);
    }
    for (i = 0; i < length; i += strlen(all + i) + 1) {
        g_ptr_array_add(args, g_strdup(all + i));
    }
    qemu_argc = args->len;
    g_ptr_array_add(args, NULL);
    qemu_argv = (char **)g_ptr_array_steal(args, NULL);
}

/*
 * Registered before QEMU's own exit handlers, so it runs after them.  The
 * engine's thread may be anywhere: the destructors of its runtime must not
 * pull the ground from under it.
 */
static void leave_process(int status, void *opaque)
{
    fflush(NULL);
    _exit(status);
}

/* main() of system/main.c, on a thread of its own */
static void *qemu_thread(void *opaque)
{
    int status;

    pthread_setname_np(pthread_self(), "qemu_main");
    rcu_register_thread();
    qemu_init(qemu_argc, qemu_argv);
    status = qemu_main_loop();
    qatomic_set(&script_ending, true);
    qemu_cleanup(status);
    /* With the BQL held: nothing that a script still does gets into QEMU */
    exit(status);
}

/*
 * Signals that QEMU's main loop takes from a signalfd must not kill the
 * process by arriving here.  The runtime's own handler for SIGABRT would take
 * a failed assertion of QEMU's for a crash of the runtime.
 */
static void settle_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGABRT, SIG_DFL);
}

void script_start(void *doorbell, void *dispatch)
{
    pthread_t thread;
    int err;

    settle_signals();
    read_arguments();
    script_engine_init(doorbell, dispatch);
    script_ticker_start();
    on_exit(leave_process, NULL);
    /* Not qemu_thread_create(): this thread is to take signals */
    err = pthread_create(&thread, NULL, qemu_thread, NULL);
    if (err) {
        error_report("cannot start QEMU's main thread: %s", strerror(err));
        exit(1);
    }
    pthread_detach(thread);
}

uint32_t script_log_enabled(uint32_t mask)
{
    return qemu_loglevel_mask(mask);
}

void script_log(uint32_t mask, const char *line)
{
    qemu_log_mask(mask, "%s\n", line);
}

void script_request_shutdown(uint32_t status)
{
    SCRIPT_API_GUARD();

    qemu_system_shutdown_request_with_code(SHUTDOWN_CAUSE_HOST_QMP_QUIT,
                                           status);
}

void script_request_reset(void)
{
    SCRIPT_API_GUARD();

    qemu_system_reset_request(SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
}

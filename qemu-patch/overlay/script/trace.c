/*
 * Trace events that scripts name
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/log.h"
#include "qemu/log-for-trace.h"
#include "qemu/thread.h"
#include "trace/control.h"
#include "engine.h"

/*
 * A script reads the states of its events from memory, as C does.  Those of
 * QEMU's events are static variables.
 */
void *script_trace_count(void)
{
    return &trace_events_enabled_count;
}

static TraceEvent *add_event(const char *name)
{
    TraceEvent event = { .name = g_strdup(name), .sstate = true,
                         .dstate = g_new0(uint16_t, 1) };
    TraceEvent **group = g_new0(TraceEvent *, 2);

    group[0] = g_memdup2(&event, sizeof(event));
    trace_event_register_group(group);
    return group[0];
}

void *script_trace_event(const char *name)
{
    TraceEvent *event;
    SCRIPT_API_GUARD();

    event = trace_event_name(name) ?: add_event(name);
    return event->dstate;
}

/*
 * As scripts/tracetool/backend/log.py would have it printed.  Needs no BQL: the
 * log has a lock of its own.
 */
void script_trace(const char *name, const char *text)
{
    struct timeval now;

    if (!qemu_loglevel_mask(LOG_TRACE)) {
        return;
    }
    if (message_with_timestamp) {
        gettimeofday(&now, NULL);
        qemu_log("%d@%zu.%06zu:%s %s\n", qemu_get_thread_id(),
                 (size_t)now.tv_sec, (size_t)now.tv_usec, name, text);
    } else {
        qemu_log("%s %s\n", name, text);
    }
}

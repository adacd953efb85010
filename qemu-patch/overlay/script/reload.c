/*
 * Scripts that are loaded anew while the machine runs: when that may be, and
 * what users say and hear of it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qapi/qapi-commands-script.h"
#include "qapi/qapi-events-script.h"
#include "qapi/qapi-visit-script.h"
#include "qapi/qobject-input-visitor.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "qobject/qstring.h"
#include "block/aio.h"
#include "hw/boards.h"
#include "hw/qdev-core.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "system/cpus.h"
#include "system/replay.h"
#include "system/runstate.h"
#include "device.h"

/* --- when --------------------------------------------------------------- */

static bool devices_are_saved_or_loaded(void)
{
    return runstate_check(RUN_STATE_SAVE_VM) ||
        runstate_check(RUN_STATE_RESTORE_VM) ||
        runstate_check(RUN_STATE_INMIGRATE) ||
        runstate_check(RUN_STATE_FINISH_MIGRATE);
}

/*
 * Why devices cannot get new code now, or NULL if they can.  Between the calls
 * of a save or load QEMU has pointers into what would be replaced; a call that
 * has not returned yet may be one of those.
 */
const char *script_reload_obstacle(void)
{
    SCRIPT_API_GUARD();

    if (devices_are_saved_or_loaded()) {
        return "the machine is being saved, loaded or migrated";
    }
    if (script_any_instance_busy()) {
        return "a device is in a call";
    }
    return NULL;
}

/* What does not come from the log, or is not in it, must not happen then */
int32_t script_replay_active(void)
{
    return replay_mode != REPLAY_MODE_NONE;
}

/* --- users say so ------------------------------------------------------- */

/* Without types that are new, the guest runs on */
static char *ask_reload(const char *what, bool is_type, bool paused,
                        bool *must_pause, Error **errp)
{
    ScriptFrame *frame = script_frame_get(SCRIPT_RELOAD, 0);
    char *text = NULL;

    frame->pointer = (uintptr_t)what;
    frame->value = is_type;
    frame->offset = paused;
    script_frame_call(frame);
    *must_pause = frame->result == SCRIPT_RELOAD_PAUSE;
    script_frame_put(frame, &text, *must_pause ? NULL : errp);
    return text;
}

/* Returns: what became of the script, as JSON */
static char *reload(const char *what, bool is_type, Error **errp)
{
    bool must_pause, pause;
    char *json = ask_reload(what, is_type, false, &must_pause, errp);

    if (must_pause) {
        pause = runstate_is_running();
        if (pause) {
            pause_all_vcpus();
        }
        json = ask_reload(what, is_type, true, &must_pause, errp);
        if (pause) {
            resume_all_vcpus();
        }
    }
    return json;
}

/* As device_del has it: the ID of a device, or its path */
static Object *device_by_id(const char *id, Error **errp)
{
    Object *obj = id[0] == '/' ? object_resolve_path(id, NULL) :
        object_resolve_path_component(machine_get_container("peripheral"), id);

    if (!obj) {
        error_set(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found",
                  id);
    } else if (!script_type_of(object_get_typename(obj))) {
        error_setg(errp, "'%s' is no device of a script's", id);
        obj = NULL;
    }
    return obj;
}

static bool check_engine(Error **errp)
{
    if (!script_engine_present) {
        error_setg(errp, "this program has no scripts");
    }
    return script_engine_present;
}

static ScriptInfo *take_info(const char *json)
{
    QObject *obj = qobject_from_json(json, &error_abort);
    Visitor *v = qobject_input_visitor_new(obj);
    ScriptInfo *info;

    visit_type_ScriptInfo(v, NULL, &info, &error_abort);
    visit_free(v);
    qobject_unref(obj);
    return info;
}

static ScriptInfo *reload_script(const char *path, const char *id,
                                 Error **errp)
{
    g_autofree char *json = NULL;
    g_autofree char *real = NULL;
    Object *obj;

    if (!path == !id) {
        error_setg(errp, "give the script either by its path or by the id of "
                   "one of its devices");
        return NULL;
    }
    if (!check_engine(errp)) {
        return NULL;
    }
    if (path) {
        real = realpath(path, NULL);
        json = reload(real ?: path, false, errp);
    } else {
        obj = device_by_id(id, errp);
        json = obj ? reload(object_get_typename(obj), true, errp) : NULL;
    }
    return json ? take_info(json) : NULL;
}

/*
 * Answers nothing: what does, and can be called without arguments, is a query
 * to QEMU's own tests (qmp-cmd-test), and must not fail then.
 */
void qmp_script_reload(const char *path, const char *id, Error **errp)
{
    qapi_free_ScriptInfo(reload_script(path, id, errp));
}

static QObject *query(bool for_people, Error **errp)
{
    ScriptFrame *frame = script_frame_get(SCRIPT_QUERY, 0);
    g_autofree char *json = NULL;

    frame->value = for_people;
    script_frame_call(frame);
    return script_frame_put(frame, &json, errp) ?
        qobject_from_json(json, &error_abort) : NULL;
}

ScriptInfoList *qmp_query_scripts(Error **errp)
{
    ScriptInfoList *list;
    QObject *obj;
    Visitor *v;

    obj = script_engine_present ? query(false, errp) : NULL;
    if (!obj) {
        return NULL;
    }
    v = qobject_input_visitor_new(obj);
    visit_type_ScriptInfoList(v, NULL, &list, &error_abort);
    visit_free(v);
    qobject_unref(obj);
    return list;
}

static void print_info(Monitor *mon, const ScriptInfo *info)
{
    strList *type;

    monitor_printf(mon, "%s: generation %" PRId64 ", loaded at %s, "
                   "%" PRId64 " instance%s\n", info->path, info->generation,
                   info->loaded_at, info->instances,
                   info->instances == 1 ? "" : "s");
    monitor_puts(mon, "  types:");
    for (type = info->types; type; type = type->next) {
        monitor_printf(mon, " %s", type->value);
    }
    monitor_puts(mon, "\n");
    if (info->last_error) {
        monitor_printf(mon, "  last error: %s\n", info->last_error);
    }
}

void hmp_info_scripts(Monitor *mon, const QDict *qdict)
{
    Error *err = NULL;
    ScriptInfoList *list = qmp_query_scripts(&err), *item;
    QListEntry *direct;
    QObject *obj;

    if (hmp_handle_error(mon, err) || !list) {
        return;
    }
    obj = query(true, &error_abort);
    direct = qlist_first(qobject_to(QList, obj));
    for (item = list; item; item = item->next) {
        print_info(mon, item->value);
        monitor_puts(mon, qstring_get_str(qobject_to(QString,
                                                     direct->value)));
        direct = qlist_next(direct);
    }
    qobject_unref(obj);
    qapi_free_ScriptInfoList(list);
}

/* A path or the ID of a device: one that is no file is an ID */
void hmp_script_reload(Monitor *mon, const QDict *qdict)
{
    const char *what = qdict_get_str(qdict, "what");
    bool is_file = g_file_test(what, G_FILE_TEST_EXISTS);
    Error *err = NULL;
    ScriptInfo *info = reload_script(is_file ? what : NULL,
                                     is_file ? NULL : what, &err);

    if (!hmp_handle_error(mon, err)) {
        print_info(mon, info);
    }
    qapi_free_ScriptInfo(info);
}

/* --- the script engine says so ------------------------------------------ */

static void reload_bh(void *opaque)
{
    g_autofree char *path = opaque;
    Error *err = NULL;
    g_autofree char *json = reload(path, false, &err);

    if (err) {
        error_report_err(err);
    }
}

/* Of a file that changed: from the main loop, which can pause the guest */
void script_reload_later(const char *path)
{
    aio_bh_schedule_oneshot(qemu_get_aio_context(), reload_bh, g_strdup(path));
}

void script_event_reloaded(const char *path, uint32_t generation,
                           uint32_t instances)
{
    SCRIPT_API_GUARD();

    qapi_event_send_script_reloaded(path, generation, instances);
}

void script_event_error(const char *path, const char *message)
{
    SCRIPT_API_GUARD();

    qapi_event_send_script_error(path, message);
}

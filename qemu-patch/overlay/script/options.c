/*
 * Scripts on the command line and in device_add
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/option.h"
#include "qapi/util.h"
#include "qobject/qbool.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qobject.h"
#include "system/cpus.h"
#include "system/runstate.h"
#include "hw/boards.h"
#include "hw/qdev-core.h"
#include "device.h"

static QemuOptsList script_opts = {
    .name = "script",
    .implied_opt_name = "path",
    .head = QTAILQ_HEAD_INITIALIZER(script_opts.head),
    .desc = {
        { .name = "path", .type = QEMU_OPT_STRING,
          .help = "the TypeScript or JavaScript file" },
        { .name = "replaces", .type = QEMU_OPT_STRING,
          .help = "type whose objects are made as the script's" },
        { .name = "by", .type = QEMU_OPT_STRING,
          .help = "type of the script's that they are made as" },
        { .name = "watch", .type = QEMU_OPT_BOOL,
          .help = "load the file anew when it changes" },
        { }
    },
};

/* Path of a script -> name of the type it exports by default */
static GHashTable *loaded;

/*
 * Nobody may look at the type table while it grows, and every cast of a vCPU
 * does.
 */
static char *load_paused(const char *path, bool known, bool watch, Error **errp)
{
    bool pause = !known && phase_check(PHASE_MACHINE_READY) &&
        runstate_is_running();
    ScriptFrame *frame;
    char *name = NULL;

    if (pause) {
        pause_all_vcpus();
    }
    frame = script_frame_get(SCRIPT_LOAD, 0);
    frame->pointer = (uintptr_t)path;
    frame->value = watch;
    script_frame_call(frame);
    if (frame->result == SCRIPT_LOAD_EXIT &&
        !phase_check(PHASE_MACHINE_READY)) {
        exit(frame->value);
    }
    script_frame_put(frame, &name, errp);
    if (pause) {
        resume_all_vcpus();
    }
    return name;
}

/* Returns: the name of the type that the script exports by default */
static const char *load(const char *path, bool watch, Error **errp)
{
    g_autofree char *real = NULL;
    char *name;

    if (!script_engine_present) {
        error_setg(errp, "this program cannot run scripts: start QEMU by its "
                   "qemu-script command");
        return NULL;
    }
    real = realpath(path, NULL);
    if (!real) {
        error_setg_errno(errp, errno, "%s", path);
        return NULL;
    }
    if (g_file_test(real, G_FILE_TEST_IS_DIR)) {
        error_setg(errp, "%s: Is a directory", path);
        return NULL;
    }
    if (!loaded) {
        loaded = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    }
    name = g_hash_table_lookup(loaded, real);
    if (!name || watch) {
        g_autofree char *found = load_paused(real, name, watch, errp);

        if (!found) {
            return NULL;
        }
        if (!name) {
            name = g_steal_pointer(&found);
            g_hash_table_insert(loaded, g_steal_pointer(&real), name);
        }
    }
    return name;
}

/* Who starts QEMU in a terminal looks at what it prints */
static bool watch_by_default(void)
{
    return !phase_check(PHASE_MACHINE_READY) && isatty(STDIN_FILENO);
}

static const char *load_named(const char *path, bool watch, Error **errp)
{
    if (!path || !*path) {
        error_setg(errp, "'script' needs path=FILE, the script to load");
        return NULL;
    }
    return load(path, watch, errp);
}

/* @watch: "on", "off", or %NULL */
static const char *load_as_said(const char *path, const char *watch,
                                Error **errp)
{
    bool on = watch_by_default();

    if (watch && !qapi_bool_parse("watch", watch, &on, errp)) {
        return NULL;
    }
    return load_named(path, on, errp);
}

const char *script_resolve_driver(const char *driver, const char *path,
                                  Error **errp)
{
    return strcmp(driver, TYPE_SCRIPT_SUGAR) ? driver :
        load_named(path, false, errp);
}

/* QEMU would say so, too, but not what it means */
static bool machine_takes(const char *type, Error **errp)
{
    ObjectClass *klass = object_class_by_name(type);
    MachineClass *mc;

    if (!script_type_of(type) || object_class_is_abstract(klass) ||
        !object_class_dynamic_cast(klass, TYPE_SYS_BUS_DEVICE)) {
        return true;
    }
    mc = MACHINE_GET_CLASS(current_machine);
    if (device_type_is_dynamic_sysbus(mc, type)) {
        return true;
    }
    error_setg(errp, "machine '%s' has no platform bus to add '%s' to; there "
               "it can only take the place of another device: -script "
               "path=...,replaces=TYPE", mc->name, type);
    return false;
}

const char *script_resolve_device(const char *driver, const QDict *opts,
                                  Error **errp)
{
    const char *type = driver;

    if (!strcmp(driver, TYPE_SCRIPT_SUGAR)) {
        QObject *watch = qdict_get(opts, "watch");
        QBool *flag = qobject_to(QBool, watch);

        type = load_as_said(qdict_get_try_str(opts, "path"), flag ?
                            (qbool_get_bool(flag) ? "on" : "off") :
                            qdict_get_try_str(opts, "watch"), errp);
    }
    return type && machine_takes(type, errp) ? type : NULL;
}

/* Returns: whether there is nothing to replace, or it is now */
static bool replace(QemuOpts *opts, const char *type, Error **errp)
{
    const char *replaces = qemu_opt_get(opts, "replaces");
    const char *by = qemu_opt_get(opts, "by");

    if (!replaces) {
        if (by) {
            error_setg(errp, "by=%s needs replaces=TYPE, the type to replace",
                       by);
        }
        return !by;
    }
    if (by && !script_type_of(by)) {
        error_setg(errp, "no script declares a type '%s'", by);
        return false;
    }
    /* The option's string does not last */
    by = by ? object_class_get_name(object_class_by_name(by)) : type;
    return script_replace_type(replaces, by, errp);
}

static void script_option(const char *optarg)
{
    Error *err = NULL;
    const char *type;
    QemuOpts *opts = qemu_opts_parse(&script_opts, optarg, true, &err);

    if (!opts) {
        error_report_err(err);
        exit(1);
    }
    type = load_named(qemu_opt_get(opts, "path"),
                      qemu_opt_get_bool(opts, "watch", watch_by_default()),
                      &err);
    if (!type || !replace(opts, type, &err)) {
        error_report_err(err);
        exit(1);
    }
    qemu_opts_del(opts);
}

/* The path in "-device script,path=...", or %NULL if it is another device */
static char *device_script_path(const char *optarg)
{
    static QemuOptsList list = {
        .name = "script-device",
        .implied_opt_name = "driver",
        .head = QTAILQ_HEAD_INITIALIZER(list.head),
        .desc = { { } },
    };
    const char *driver, *path;
    char *found = NULL;

    if (optarg[0] == '{') {
        QObject *obj = qobject_from_json(optarg, NULL);
        QDict *dict = qobject_to(QDict, obj);

        driver = dict ? qdict_get_try_str(dict, "driver") : NULL;
        path = dict ? qdict_get_try_str(dict, "path") : NULL;
        if (driver && !strcmp(driver, TYPE_SCRIPT_SUGAR)) {
            found = g_strdup(path);
        }
        qobject_unref(obj);
    } else {
        QemuOpts *opts = qemu_opts_parse(&list, optarg, true, NULL);

        driver = opts ? qemu_opt_get(opts, "driver") : NULL;
        if (driver && !strcmp(driver, TYPE_SCRIPT_SUGAR)) {
            found = g_strdup(qemu_opt_get(opts, "path"));
        }
        qemu_opts_del(opts);
    }
    return found;
}

static void device_option(const char *optarg)
{
    g_autofree char *path = device_script_path(optarg);
    Error *err = NULL;

    /* Without a path, -device itself complains */
    if (path && !script_resolve_driver(TYPE_SCRIPT_SUGAR, path, &err)) {
        error_report_err(err);
        exit(1);
    }
}

void script_early_option(const char *name, const char *optarg)
{
    if (!strcmp(name, "script")) {
        script_option(optarg);
    } else if (!strcmp(name, "device")) {
        device_option(optarg);
    } else if (!strcmp(name, "daemonize") && script_engine_present) {
        error_report("cannot be used: the process has threads of "
                     "the script engine, which a fork would lose; use "
                     "systemd-run, setsid or nohup instead");
        exit(1);
    }
}

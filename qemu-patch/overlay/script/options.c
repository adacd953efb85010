/*
 * Scripts on the command line and in device_add
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/option.h"
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
        { }
    },
};

/* Path of a script -> name of the type it exports by default */
static GHashTable *loaded;

/*
 * Nobody may look at the type table while it grows, and every cast of a vCPU
 * does.
 */
static char *load_paused(const char *path, Error **errp)
{
    bool pause = phase_check(PHASE_MACHINE_READY) && runstate_is_running();
    ScriptFrame *frame;
    char *name = NULL;

    if (pause) {
        pause_all_vcpus();
    }
    frame = script_frame_get(SCRIPT_LOAD, 0);
    frame->pointer = (uintptr_t)path;
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
static const char *load(const char *path, Error **errp)
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
    if (!name) {
        name = load_paused(real, errp);
        if (name) {
            g_hash_table_insert(loaded, g_steal_pointer(&real), name);
        }
    }
    return name;
}

const char *script_resolve_driver(const char *driver, const char *path,
                                  Error **errp)
{
    if (strcmp(driver, TYPE_SCRIPT_SUGAR)) {
        return driver;
    }
    if (!path || !*path) {
        error_setg(errp, "'script' needs path=FILE, the script to load");
        return NULL;
    }
    return load(path, errp);
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

const char *script_resolve_device(const char *driver, const char *path,
                                  Error **errp)
{
    const char *type = script_resolve_driver(driver, path, errp);

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
    type = script_resolve_driver(TYPE_SCRIPT_SUGAR, qemu_opt_get(opts, "path"),
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

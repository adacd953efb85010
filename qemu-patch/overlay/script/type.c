/*
 * Registering the device types that scripts declare
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-script.h"
#include "qapi/qobject-input-visitor.h"
#include "qobject/qjson.h"
#include "qobject/qdict.h"
#include "device.h"

static GHashTable *types;

ScriptTypeData *script_type_of(const char *name)
{
    return types ? g_hash_table_lookup(types, name) : NULL;
}

/* Does not enter the script: all it needs was declared */
static void class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    ScriptTypeData *type = data;

    dc->desc = type->decl->description;
    dc->realize = script_device_realize;
    dc->unrealize = script_device_unrealize;
    dc->user_creatable = true;
    if (type->decl->reset) {
        device_class_set_legacy_reset(dc, script_device_reset);
    }
    if (type->vmsd) {
        dc->vmsd = type->vmsd;
    }
    script_install_properties(dc, type);
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static bool check_type(const ScriptType *decl, Error **errp)
{
    ObjectClass *parent = object_class_by_name(decl->parent);

    if (object_class_by_name(decl->name)) {
        error_setg(errp, "there is a type '%s' already", decl->name);
        return false;
    }
    if (strspn(decl->name, "abcdefghijklmnopqrstuvwxyz"
               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") !=
        strlen(decl->name) || !g_ascii_isalpha(decl->name[0])) {
        error_setg(errp, "'%s' is no name for a type", decl->name);
        return false;
    }
    if (!parent || !object_class_dynamic_cast(parent, TYPE_SYS_BUS_DEVICE)) {
        error_setg(errp, "parent type '%s' is no sysbus device", decl->parent);
        return false;
    }
    return true;
}

static void register_type(ScriptType *decl, const void *initial_state)
{
    static InterfaceInfo interfaces[] = { { TYPE_SCRIPT_DEVICE }, { } };
    ScriptTypeData *data = g_new0(ScriptTypeData, 1);
    ScriptRegionList *region;
    uint32_t i = 0;

    data->decl = decl;
    data->tail = ROUND_UP(object_type_get_instance_size(decl->parent), 8);
    if (decl->state) {
        data->initial_state = g_memdup2(initial_state, decl->state->size);
        data->vmsd = script_make_vmsd(data);
    }
    data->ops = g_new0(MemoryRegionOps, QAPI_LIST_LENGTH(decl->regions));
    for (region = decl->regions; region; region = region->next) {
        script_region_ops_init(&data->ops[i++], region->value);
    }

    if (!types) {
        types = g_hash_table_new(g_str_hash, g_str_equal);
    }
    g_hash_table_insert(types, decl->name, data);
    type_register_static(&(const TypeInfo) {
        .name = decl->name,
        .parent = decl->parent,
        .instance_size = script_make_properties(data),
        .instance_init = script_instance_init,
        .instance_finalize = script_instance_finalize,
        .class_init = class_init,
        .class_data = data,
        .interfaces = interfaces,
    });
}

/* The message lives until the next call */
const char *script_register_type(const char *json, const void *initial_state)
{
    static char *message;
    Error *err = NULL;
    ScriptType *decl = NULL;
    QObject *obj;
    SCRIPT_API_GUARD();

    g_clear_pointer(&message, g_free);
    obj = qobject_from_json(json, &err);
    if (obj) {
        Visitor *v = qobject_input_visitor_new(obj);

        visit_type_ScriptType(v, NULL, &decl, &err);
        visit_free(v);
        qobject_unref(obj);
    }
    if (decl && check_type(decl, &err)) {
        register_type(decl, initial_state);
        return NULL;
    }
    qapi_free_ScriptType(decl);
    message = g_strdup(error_get_pretty(err));
    error_free(err);
    return message;
}

static const TypeInfo script_device_interface = {
    .name = TYPE_SCRIPT_DEVICE,
    .parent = TYPE_INTERFACE,
};

static void script_register_interface(void)
{
    type_register_static(&script_device_interface);
}

type_init(script_register_interface)

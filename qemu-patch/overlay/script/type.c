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
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "device.h"

static GHashTable *types;

ScriptTypeData *script_type_of(const char *name)
{
    return types ? g_hash_table_lookup(types, name) : NULL;
}

/* --- properties --------------------------------------------------------- */

typedef struct PropertyKind {
    const PropertyInfo *info;
    size_t size;
    bool is_signed;
} PropertyKind;

static const PropertyKind property_kinds[] = {
    [SCRIPT_PROPERTY_TYPE_BOOL] = { &qdev_prop_bool, sizeof(bool) },
    [SCRIPT_PROPERTY_TYPE_UINT8] = { &qdev_prop_uint8, 1 },
    [SCRIPT_PROPERTY_TYPE_UINT16] = { &qdev_prop_uint16, 2 },
    [SCRIPT_PROPERTY_TYPE_UINT32] = { &qdev_prop_uint32, 4 },
    [SCRIPT_PROPERTY_TYPE_UINT64] = { &qdev_prop_uint64, 8 },
    [SCRIPT_PROPERTY_TYPE_INT32] = { &qdev_prop_int32, 4, true },
    [SCRIPT_PROPERTY_TYPE_INT64] = { &qdev_prop_int64, 8, true },
    [SCRIPT_PROPERTY_TYPE_SIZE] = { &qdev_prop_size, 8 },
    [SCRIPT_PROPERTY_TYPE_STRING] = { &qdev_prop_string, sizeof(char *) },
    [SCRIPT_PROPERTY_TYPE_CHARDEV] = { &qdev_prop_chr, sizeof(CharBackend) },
};

static void make_property(Property *prop, const ScriptProperty *decl,
                          size_t *offset)
{
    const PropertyKind *kind = &property_kinds[decl->type];

    *offset = ROUND_UP(*offset, MIN(kind->size, 8));
    prop->name = decl->name;
    prop->info = kind->info;
    prop->offset = *offset;
    prop->set_default = decl->has_default_signed || decl->has_default_unsigned;
    if (decl->has_default_signed) {
        prop->defval.i = decl->default_signed;
    } else {
        prop->defval.u = decl->default_unsigned;
    }
    *offset += kind->size;
}

/* Returns: the size of an object of the type */
static size_t make_properties(ScriptTypeData *type)
{
    size_t offset = type->tail + sizeof(ScriptTail);
    ScriptPropertyList *decl;
    Property *prop;

    prop = type->props = g_new0(Property,
                                QAPI_LIST_LENGTH(type->decl->properties));
    for (decl = type->decl->properties; decl; decl = decl->next) {
        make_property(prop++, decl->value, &offset);
    }
    return ROUND_UP(offset, 8);
}

static void install_properties(DeviceClass *dc, ScriptTypeData *type)
{
    size_t n = QAPI_LIST_LENGTH(type->decl->properties);
    ScriptPropertyList *decl;

    if (!n) {
        return;
    }
    device_class_set_props_n(dc, type->props, n);
    for (decl = type->decl->properties; decl; decl = decl->next) {
        if (decl->value->description) {
            object_class_property_set_description(OBJECT_CLASS(dc),
                                                  decl->value->name,
                                                  decl->value->description);
        }
    }
}

/* --- state --------------------------------------------------------------- */

typedef struct FieldKind {
    const VMStateInfo *info;
    size_t size;
} FieldKind;

static const FieldKind field_kinds[] = {
    [SCRIPT_FIELD_TYPE_BOOL] = { &vmstate_info_bool, 1 },
    [SCRIPT_FIELD_TYPE_UINT8] = { &vmstate_info_uint8, 1 },
    [SCRIPT_FIELD_TYPE_UINT16] = { &vmstate_info_uint16, 2 },
    [SCRIPT_FIELD_TYPE_UINT32] = { &vmstate_info_uint32, 4 },
    [SCRIPT_FIELD_TYPE_UINT64] = { &vmstate_info_uint64, 8 },
    [SCRIPT_FIELD_TYPE_INT8] = { &vmstate_info_int8, 1 },
    [SCRIPT_FIELD_TYPE_INT16] = { &vmstate_info_int16, 2 },
    [SCRIPT_FIELD_TYPE_INT32] = { &vmstate_info_int32, 4 },
    [SCRIPT_FIELD_TYPE_INT64] = { &vmstate_info_int64, 8 },
    [SCRIPT_FIELD_TYPE_UNUSED] = { &vmstate_info_unused_buffer, 1 },
};

static void make_field(VMStateField *field, const ScriptField *decl)
{
    const FieldKind *kind = &field_kinds[decl->type];

    field->name = decl->name;
    field->info = kind->info;
    field->offset = decl->offset;
    field->size = kind->size;
    if (decl->type == SCRIPT_FIELD_TYPE_UNUSED) {
        field->size = decl->count;
        field->flags = VMS_BUFFER;
    } else if (decl->count) {
        field->num = decl->count;
        field->flags = VMS_ARRAY;
    } else {
        field->flags = VMS_SINGLE;
    }
}

static VMStateDescription *make_fields(const ScriptState *state)
{
    size_t n = QAPI_LIST_LENGTH(state->fields);
    VMStateField *fields = g_new0(VMStateField, n + 1);
    const VMStateDescription vmsd = {
        .name = state->name,
        .version_id = state->version,
        .minimum_version_id = state->minimum_version,
        .fields = fields,
    };
    ScriptFieldList *decl;
    size_t i = 0;

    for (decl = state->fields; decl; decl = decl->next) {
        make_field(&fields[i++], decl->value);
    }
    fields[n].flags = VMS_END;
    return g_memdup2(&vmsd, sizeof(vmsd));
}

/*
 * The fields are in a block that the object points to, so the device's own
 * description has just the block.  In the stream that makes no difference.
 */
static VMStateDescription *make_vmsd(ScriptTypeData *type)
{
    const ScriptState *state = type->decl->state;
    VMStateField *fields = g_new0(VMStateField, 2);
    const VMStateDescription vmsd = {
        .name = state->name,
        .version_id = state->version,
        .minimum_version_id = state->minimum_version,
        .pre_save = script_pre_save,
        .pre_load = script_pre_load,
        .post_load = script_post_load,
        .fields = fields,
    };

    fields[0].name = "state";
    fields[0].offset = type->tail + offsetof(ScriptTail, vmstate);
    fields[0].size = state->size;
    fields[0].flags = VMS_STRUCT | VMS_POINTER;
    fields[0].vmsd = make_fields(state);
    fields[1].flags = VMS_END;
    return g_memdup2(&vmsd, sizeof(vmsd));
}

/* --- the type ------------------------------------------------------------ */

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
    install_properties(dc, type);
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
        data->vmsd = make_vmsd(data);
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
        .instance_size = make_properties(data),
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

/*
 * Properties of scripted device types
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "device.h"

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

size_t script_make_properties(ScriptTypeData *type)
{
    size_t offset = type->parent ? type->parent->size :
        type->tail + sizeof(ScriptTail);
    uint32_t i = 0, inherited = type->decl->inherited_properties;
    ScriptPropertyList *decl;

    type->props = g_new0(Property, QAPI_LIST_LENGTH(type->decl->properties));
    for (decl = type->decl->properties; decl; decl = decl->next, i++) {
        if (i < inherited) {
            type->props[i] = type->parent->props[i];
        } else {
            make_property(&type->props[i], decl->value, &offset);
        }
    }
    return ROUND_UP(offset, 8);
}

void script_install_properties(DeviceClass *dc, ScriptTypeData *type)
{
    size_t n = QAPI_LIST_LENGTH(type->decl->properties);
    uint32_t i = 0, inherited = type->decl->inherited_properties;
    ScriptPropertyList *decl;

    if (n == inherited) {
        return;
    }
    device_class_set_props_n(dc, type->props + inherited, n - inherited);
    for (decl = type->decl->properties; decl; decl = decl->next, i++) {
        if (i >= inherited && decl->value->description) {
            object_class_property_set_description(OBJECT_CLASS(dc),
                                                  decl->value->name,
                                                  decl->value->description);
        }
    }
}

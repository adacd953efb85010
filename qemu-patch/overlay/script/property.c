/*
 * Properties of scripted types: qdev's, from declarations
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/util.h"
#include "hw/qdev-properties.h"
#include "hw/core/qdev-prop-internal.h"
#include "hw/qdev-properties-system.h"
#include "qobject/qobject.h"
#include "device.h"

typedef struct PropertyKind {
    const PropertyInfo *info;
    size_t size;
    bool is_signed;
} PropertyKind;

/* What an array has in the object; qdev frees the elements, not the array */
typedef struct PropertyArray {
    uint32_t length;
    void *elements;
} PropertyArray;

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
    [SCRIPT_PROPERTY_TYPE_ENUM] = { NULL, sizeof(int), true },
    [SCRIPT_PROPERTY_TYPE_LINK] = { &qdev_prop_link, sizeof(Object *) },
    [SCRIPT_PROPERTY_TYPE_ARRAY] = { &qdev_prop_array,
                                     sizeof(PropertyArray) },
    [SCRIPT_PROPERTY_TYPE_BIT] = { &qdev_prop_bit, sizeof(uint32_t) },
};

/* --- making -------------------------------------------------------------- */

static const PropertyInfo *make_enum(const ScriptProperty *decl)
{
    size_t i = 0, n = QAPI_LIST_LENGTH(decl->values);
    const char **names = g_new0(const char *, n + 1);
    const QEnumLookup lookup = { .array = names, .size = n };
    PropertyInfo *info = g_new0(PropertyInfo, 1);
    strList *name;

    for (name = decl->values; name; name = name->next) {
        names[i++] = name->value;
    }
    info->type = "enum";
    info->enum_table = g_memdup2(&lookup, sizeof(lookup));
    info->get = qdev_propinfo_get_enum;
    info->set = qdev_propinfo_set_enum;
    info->set_default_value = qdev_propinfo_set_default_value_enum;
    return info;
}

static const PropertyInfo *info_of(const ScriptProperty *decl,
                                   ScriptPropertyType type)
{
    return type == SCRIPT_PROPERTY_TYPE_ENUM ? make_enum(decl) :
        property_kinds[type].info;
}

static void make_array(Property *prop, const ScriptProperty *decl)
{
    size_t base = prop->offset;

    prop->offset = base + offsetof(PropertyArray, length);
    prop->arrayoffset = base + offsetof(PropertyArray, elements);
    prop->arrayinfo = info_of(decl, decl->element);
    prop->arrayfieldsize = property_kinds[decl->element].size;
    prop->set_default = true;
}

static void make_property(Property *prop, const ScriptProperty *decl,
                          size_t *offset)
{
    const PropertyKind *kind = &property_kinds[decl->type];

    *offset = ROUND_UP(*offset, MIN(kind->size, 8));
    prop->name = decl->name;
    prop->info = info_of(decl, decl->type);
    prop->offset = *offset;
    prop->set_default = decl->has_default_signed || decl->has_default_unsigned;
    if (decl->has_default_signed) {
        prop->defval.i = decl->default_signed;
    } else {
        prop->defval.u = decl->default_unsigned;
    }
    prop->link_type = decl->target;
    prop->bitnr = decl->bit;
    if (decl->type == SCRIPT_PROPERTY_TYPE_ARRAY) {
        make_array(prop, decl);
    }
    *offset += kind->size;
}

/* A bit lies where the one before it in the same word does */
static const Property *word_of(ScriptTypeData *type, const ScriptProperty *bit)
{
    const Property *prop = type->props;
    ScriptPropertyList *decl = type->decl->properties;

    for (; decl->value != bit; decl = decl->next, prop++) {
        if (decl->value->type == SCRIPT_PROPERTY_TYPE_BIT &&
            bit->type == SCRIPT_PROPERTY_TYPE_BIT &&
            decl->value->word == bit->word) {
            return prop;
        }
    }
    return NULL;
}

size_t script_make_properties(ScriptTypeData *type)
{
    size_t offset = type->parent ? type->parent->size :
        type->tail + sizeof(ScriptTail);
    uint32_t i = 0, inherited = type->decl->inherited_properties;
    ScriptPropertyList *decl;

    type->props = g_new0(Property, QAPI_LIST_LENGTH(type->decl->properties));
    for (decl = type->decl->properties; decl; decl = decl->next, i++) {
        const Property *word = word_of(type, decl->value);
        size_t start = word ? word->offset : 0;

        if (i < inherited) {
            type->props[i] = type->parent->props[i];
        } else {
            make_property(&type->props[i], decl->value,
                          word ? &start : &offset);
        }
    }
    return ROUND_UP(offset, 8);
}

/* --- objects that are no devices: qdev's accessors would abort ------------ */

static bool allow_set(const Object *obj, const char *name, Error **errp)
{
    /* Defaults are set before there is an instance */
    ScriptInstance *instance = script_instance_of((Object *)obj);

    if (instance && instance->live) {
        error_setg(errp, "Attempt to set property '%s' on object (type '%s') "
                   "after it was complete", name, object_get_typename(obj));
        return false;
    }
    return true;
}

static void object_prop_get(Object *obj, Visitor *v, const char *name,
                            void *opaque, Error **errp)
{
    const Property *prop = opaque;

    prop->info->get(obj, v, name, opaque, errp);
}

static void object_prop_set(Object *obj, Visitor *v, const char *name,
                            void *opaque, Error **errp)
{
    const Property *prop = opaque;

    if (allow_set(obj, name, errp)) {
        prop->info->set(obj, v, name, opaque, errp);
    }
}

static void object_link_check(const Object *obj, const char *name,
                              Object *val, Error **errp)
{
    allow_set(obj, name, errp);
}

static void install_on_object(ObjectClass *oc, const Property *prop)
{
    const PropertyInfo *info = prop->info;
    ObjectProperty *op;

    if (prop->link_type) {
        object_class_property_add_link(oc, prop->name, prop->link_type,
                                       prop->offset, object_link_check,
                                       OBJ_PROP_LINK_STRONG);
        return;
    }
    op = object_class_property_add(oc, prop->name, info->type,
                                   object_prop_get, object_prop_set,
                                   info->release, (Property *)prop);
    if (prop->set_default) {
        info->set_default_value(op, prop);
    }
}

/* --- installing ---------------------------------------------------------- */

/* What qdev's tables have no place for */
static void complete_property(ObjectClass *oc, const ScriptProperty *decl)
{
    if (decl->description) {
        object_class_property_set_description(oc, decl->name,
                                              decl->description);
    }
    if (decl->default_string) {
        object_property_set_default_str(
            object_class_property_find(oc, decl->name), decl->default_string);
    }
}

void script_install_properties(ObjectClass *oc, ScriptTypeData *type)
{
    size_t n = QAPI_LIST_LENGTH(type->decl->properties);
    bool is_device = object_class_dynamic_cast(oc, TYPE_DEVICE);
    uint32_t i = 0, inherited = type->decl->inherited_properties;
    ScriptPropertyList *decl;

    if (n > inherited && is_device) {
        device_class_set_props_n(DEVICE_CLASS(oc), type->props + inherited,
                                 n - inherited);
    }
    for (decl = type->decl->properties; decl; decl = decl->next, i++) {
        if (i < inherited) {
            continue;
        }
        if (!is_device) {
            install_on_object(oc, &type->props[i]);
        }
        complete_property(oc, decl->value);
    }
}

/* The elements are gone by now: see release_prop_array() of qdev */
void script_free_properties(Object *obj, ScriptTypeData *type)
{
    const Property *prop = type->props;
    ScriptPropertyList *decl;

    for (decl = type->decl->properties; decl; decl = decl->next, prop++) {
        if (decl->value->type == SCRIPT_PROPERTY_TYPE_ARRAY) {
            g_free(*(void **)((void *)obj + prop->arrayoffset));
        }
    }
}

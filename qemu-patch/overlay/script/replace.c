/*
 * Scripted devices in place of those that boards create
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/sysbus.h"
#include "device.h"

/* Type that boards ask for -> type that they get */
static GHashTable *stand_ins;

/* Boards make objects, and put them on buses, without a way to fail */
static bool check_kind(DeviceClass *replaced, const char *type, Error **errp)
{
    ObjectClass *klass = object_class_by_name(type);
    DeviceClass *dc = (DeviceClass *)object_class_dynamic_cast(klass,
                                                               TYPE_DEVICE);

    if (object_class_is_abstract(klass)) {
        error_setg(errp, "'%s' is abstract: there are no objects of it", type);
        return false;
    }
    if (!dc || g_strcmp0(dc->bus_type, replaced->bus_type)) {
        error_setg(errp, "'%s' goes on %s%s, and '%s' does not",
                   object_class_get_name(OBJECT_CLASS(replaced)),
                   replaced->bus_type ? "a bus of type " : "no bus",
                   replaced->bus_type ?: "", type);
        return false;
    }
    return true;
}

/* Boards set properties without a way to fail: each must be there */
static bool check_properties(ObjectClass *replaced, const char *type,
                             Error **errp)
{
    ObjectClass *klass = object_class_by_name(type);
    ObjectPropertyIterator iter;
    ObjectProperty *prop;

    object_class_property_iter_init(&iter, replaced);
    while ((prop = object_property_iter_next(&iter))) {
        if (!object_class_property_find(klass, prop->name)) {
            error_setg(errp, "'%s' has a property '%s', which boards may set "
                       "and '%s' lacks", object_class_get_name(replaced),
                       prop->name, type);
            return false;
        }
    }
    return true;
}

bool script_replace_type(const char *replaced, const char *type,
                         Error **errp)
{
    ObjectClass *klass = object_class_by_name(replaced);

    if (!klass) {
        error_setg(errp, "there is no type '%s' to replace", replaced);
        return false;
    }
    if (!object_class_dynamic_cast(klass, TYPE_DEVICE)) {
        error_setg(errp, "'%s' is no device", replaced);
        return false;
    }
    if (object_class_is_abstract(klass)) {
        error_setg(errp, "'%s' is abstract: QEMU makes no objects of it",
                   replaced);
        return false;
    }
    if (!check_kind(DEVICE_CLASS(klass), type, errp) ||
        !check_properties(klass, type, errp)) {
        return false;
    }
    if (!stand_ins) {
        stand_ins = g_hash_table_new(g_str_hash, g_str_equal);
    }
    g_hash_table_insert(stand_ins, (void *)object_class_get_name(klass),
                        (void *)type);
    object_type_set_stand_in(object_class_get_name(klass), type);
    return true;
}

/* --- what boards connect without a way to fail ---------------------------- */

static bool check_lines(DeviceState *dev, DeviceState *replaced, Error **errp)
{
    NamedGPIOList *wanted;

    QLIST_FOREACH(wanted, &replaced->gpios, node) {
        NamedGPIOList *list = script_gpio_list(dev, wanted->name);
        int in = list ? list->num_in : 0, out = list ? list->num_out : 0;

        if (in < wanted->num_in || out < wanted->num_out) {
            error_setg(errp, "'%s' has %d inputs and %d outputs '%s', "
                       "which boards may connect: '%s' has %d and %d",
                       object_get_typename(OBJECT(replaced)), wanted->num_in,
                       wanted->num_out, wanted->name ?: "without a name",
                       object_get_typename(OBJECT(dev)), in, out);
            return false;
        }
    }
    return true;
}

static bool check_regions(DeviceState *dev, DeviceState *replaced, Error **errp)
{
    SysBusDevice *ours, *theirs;

    if (!object_dynamic_cast(OBJECT(replaced), TYPE_SYS_BUS_DEVICE)) {
        return true;
    }
    theirs = SYS_BUS_DEVICE(replaced);
    ours = (SysBusDevice *)object_dynamic_cast(OBJECT(dev),
                                               TYPE_SYS_BUS_DEVICE);
    if (!ours) {
        error_setg(errp, "'%s' is a sysbus device: '%s' is none",
                   object_get_typename(OBJECT(replaced)),
                   object_get_typename(OBJECT(dev)));
        return false;
    }
    if (ours->num_mmio < theirs->num_mmio) {
        error_setg(errp, "'%s' has %d regions, which boards may map: '%s' "
                   "has %d", object_get_typename(OBJECT(replaced)),
                   theirs->num_mmio, object_get_typename(OBJECT(dev)),
                   ours->num_mmio);
        return false;
    }
    return true;
}

/* By comparison with an object of the type; boards have made none so far */
static bool check_stand_in(DeviceState *dev, const char *name, Error **errp)
{
    Object *replaced;
    bool ok;

    object_type_set_stand_in(name, name);
    replaced = object_new(name);
    object_type_set_stand_in(name, object_get_typename(OBJECT(dev)));
    ok = check_regions(dev, DEVICE(replaced), errp) &&
        check_lines(dev, DEVICE(replaced), errp);
    object_unref(replaced);
    return ok;
}

bool script_check_replaced(DeviceState *dev, Error **errp)
{
    GHashTableIter iter;
    const char *replaced, *type;

    if (!stand_ins) {
        return true;
    }
    g_hash_table_iter_init(&iter, stand_ins);
    while (g_hash_table_iter_next(&iter, (void **)&replaced, (void **)&type)) {
        if (!strcmp(type, object_get_typename(OBJECT(dev))) &&
            !check_stand_in(dev, replaced, errp)) {
            return false;
        }
    }
    return true;
}

/*
 * Objects that scripts make, and devices that they realize
 *
 * As all of the API, none ends in an assertion: what QEMU takes for granted of
 * the C code that makes an object is checked here.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qbool.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qom/object_interfaces.h"
#include "qom/qom-qobject.h"
#include "hw/qdev-core.h"
#include "hw/sysbus.h"
#include "qemu/id.h"
#include "device.h"
#include "error.h"

/*
 * Types that are neither devices nor for -object rely on the C code that makes
 * their objects, and some fall over without it.
 */
static bool can_be_made(const char *type, Error **errp)
{
    ObjectClass *klass = module_object_class_by_name(type);

    if (!klass) {
        error_setg(errp, "there is no type '%s'", type);
        return false;
    }
    if (object_class_is_abstract(klass)) {
        error_setg(errp, "type '%s' is abstract", type);
        return false;
    }
    if (!object_class_dynamic_cast(klass, TYPE_DEVICE) &&
        !object_class_dynamic_cast(klass, TYPE_USER_CREATABLE) &&
        !object_class_dynamic_cast(klass, TYPE_CONTAINER) &&
        !script_type_of(type)) {
        error_setg(errp, "QEMU itself makes the objects of type '%s'", type);
        return false;
    }
    return true;
}

static bool set_properties(Object *obj, const QDict *props, Error **errp)
{
    const QDictEntry *entry;

    for (entry = qdict_first(props); entry; entry = qdict_next(props, entry)) {
        if (!script_set_property(obj, qdict_entry_key(entry),
                                 qdict_entry_value(entry), errp)) {
            return false;
        }
    }
    return true;
}

/* What -object does: most of those types ask for their place in /objects */
static bool complete(Object *obj, const char *id, Error **errp)
{
    Object *parent = object_get_objects_root();

    if (id) {
        if (!id_wellformed(id)) {
            error_setg(errp, "'%s' is no ID", id);
            return false;
        }
        if (!object_property_try_add_child(parent, id, obj, errp)) {
            return false;
        }
    } else if (!script_type_of(object_get_typename(obj))) {
        error_setg(errp, "a '%s' needs an 'id', its name in /objects",
                   object_get_typename(obj));
        return false;
    }
    return user_creatable_complete(USER_CREATABLE(obj), errp);
}

static Object *make(const char *type, QDict *props, Error **errp)
{
    g_autofree char *id = NULL;
    Object *obj;
    bool ok, user;

    if (!can_be_made(type, errp)) {
        return NULL;
    }
    obj = object_new(type);
    user = object_dynamic_cast(obj, TYPE_USER_CREATABLE);
    if (user && qdict_haskey(props, "id")) {
        id = g_strdup(qdict_get_try_str(props, "id"));
        qdict_del(props, "id");
    }
    ok = set_properties(obj, props, errp) &&
        (!user || complete(obj, id, errp));
    if (!ok) {
        object_unparent(obj);
        object_unref(obj);
        return NULL;
    }
    return obj;
}

void *script_object_new(const char *type, const char *json)
{
    Error *err = NULL;
    QObject *props;
    Object *obj = NULL;
    SCRIPT_API_GUARD();

    props = qobject_from_json(json, &err);
    if (props && !qobject_to(QDict, props)) {
        error_setg(&err, "properties are given by their names");
    } else if (props && script_descend(&err)) {
        obj = make(type, qobject_to(QDict, props), &err);
        script_ascend();
    }
    qobject_unref(props);
    script_result(err);
    return obj;
}

/* --- devices ------------------------------------------------------------- */

static bool set_bus(DeviceState *dev, BusState *bus, Error **errp)
{
    DeviceClass *dc = DEVICE_GET_CLASS(dev);
    const char *type = object_get_typename(OBJECT(dev));
    int most;

    bus = bus ?: dev->parent_bus;
    if (!bus && dc->bus_type && !strcmp(dc->bus_type, TYPE_SYSTEM_BUS)) {
        bus = sysbus_get_default();
    }
    if (!dc->bus_type || !bus) {
        if (bus || dc->bus_type) {
            error_setg(errp, dc->bus_type ? "a '%s' needs a bus, of type %s" :
                       "a '%s' goes on no bus", type, dc->bus_type);
            return false;
        }
        return true;
    }
    if (!object_dynamic_cast(OBJECT(bus), dc->bus_type)) {
        error_setg(errp, "a '%s' goes on a bus of type %s, not on a '%s'",
                   type, dc->bus_type, object_get_typename(OBJECT(bus)));
        return false;
    }
    if (dev->parent_bus == bus) {
        return true;
    }
    most = BUS_GET_CLASS(bus)->max_dev;
    if (dev->parent_bus || (most && bus->num_children >= most)) {
        error_setg(errp, dev->parent_bus ? "the '%s' is on another bus" :
                   "there is no room for the '%s' on the bus", type);
        return false;
    }
    return qdev_set_parent_bus(dev, bus, errp);
}

static bool check_realizable(DeviceState *dev, Error **errp)
{
    DeviceClass *dc = DEVICE_GET_CLASS(dev);
    const char *type = object_get_typename(OBJECT(dev));

    if (dev->realized) {
        error_setg(errp, "the '%s' is realized already", type);
        return false;
    }
    if (!object_resolve_path_type("/machine/unattached", TYPE_CONTAINER,
                                  NULL)) {
        error_setg(errp, "a '%s' can be realized only when there is a machine",
                   type);
        return false;
    }
    if (dev->hotplugged && !dc->hotpluggable) {
        error_setg(errp, "a '%s' cannot be hot-plugged", type);
        return false;
    }
    return true;
}

static bool realize(DeviceState *dev, BusState *bus, Error **errp)
{
    Object *unattached;
    bool orphan = !OBJECT(dev)->parent;

    if (!check_realizable(dev, errp) ||
        !script_check_idle(OBJECT(dev), errp)) {
        return false;
    }
    if (orphan) {
        /* So that a failure takes it off the bus again */
        unattached = object_resolve_path("/machine/unattached", NULL);
        object_property_add_child(unattached, "script-device[*]", OBJECT(dev));
    }
    if (set_bus(dev, bus, errp) &&
        object_property_set_bool(OBJECT(dev), "realized", true, errp)) {
        return true;
    }
    if (orphan) {
        object_unparent(OBJECT(dev));
    }
    return false;
}

/* qdev takes for granted that who realizes a device has done all before */
bool script_set_property(Object *obj, const char *name, QObject *value,
                         Error **errp)
{
    DeviceState *dev = (DeviceState *)object_dynamic_cast(obj, TYPE_DEVICE);
    QBool *on = qobject_to(QBool, value);

    if (!dev || !on || strcmp(name, "realized")) {
        return object_property_set_qobject(obj, name, value, errp);
    }
    if (qbool_get_bool(on) == dev->realized) {
        return true;
    }
    if (!dev->realized) {
        return realize(dev, NULL, errp);
    }
    return script_check_idle(obj, errp) &&
        object_property_set_bool(obj, name, false, errp);
}

int32_t script_device_realize_on(void *device, void *bus)
{
    Error *err = NULL;
    SCRIPT_API_GUARD();

    if (script_descend(&err)) {
        realize(device, bus, &err);
        script_ascend();
    }
    return script_result(err);
}

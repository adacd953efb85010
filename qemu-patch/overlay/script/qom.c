/*
 * QEMU's objects, for scripts
 *
 * A function that returns an object gives a reference to its caller, one that
 * returns "char *" gives memory for script_free().  None ends in an assertion
 * whatever a script passes: what QOM takes for granted is checked here.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qobject-input-visitor.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "qobject/qstring.h"
#include "qom/object_interfaces.h"
#include "qom/qom-qobject.h"
#include "hw/qdev-core.h"
#include "hw/sysbus.h"
#include "qemu/cutils.h"
#include "qemu/id.h"
#include "device.h"
#include "error.h"

void script_object_ref(void *object)
{
    object_ref(object);
}

void script_object_unref(void *object)
{
    SCRIPT_API_GUARD();

    object_unref(object);
}

const char *script_object_type(void *object)
{
    return object_get_typename(object);
}

int32_t script_object_is_a(void *object, const char *type)
{
    return object_dynamic_cast(object, type) != NULL;
}

char *script_object_class(void *object)
{
    ObjectClass *klass = object_get_class(object);
    g_autoptr(QList) parents = qlist_new();

    while ((klass = object_class_get_parent(klass))) {
        qlist_append_str(parents, object_class_get_name(klass));
    }
    return g_string_free(qobject_to_json(QOBJECT(parents)), false);
}

int32_t script_object_instance(void *object)
{
    bool scripted = script_type_of(object_get_typename(object));

    return scripted ? script_instance_of(object)->id : -1;
}

/* --- making -------------------------------------------------------------- */

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
        if (!object_property_set_qobject(obj, qdict_entry_key(entry),
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
    if (props && script_descend(&err)) {
        obj = make(type, qobject_to(QDict, props), &err);
        script_ascend();
    }
    qobject_unref(props);
    script_result(err);
    return obj;
}

/* --- the tree ------------------------------------------------------------ */

char *script_object_path(void *object)
{
    SCRIPT_API_GUARD();

    return object_get_canonical_path(object);
}

void *script_object_root(void)
{
    SCRIPT_API_GUARD();

    return object_ref(object_get_root());
}

void *script_object_parent(void *object)
{
    Object *obj = object;
    SCRIPT_API_GUARD();

    return obj->parent ? object_ref(obj->parent) : NULL;
}

void *script_object_resolve(const char *path, const char *type)
{
    Error *err = NULL;
    bool ambiguous = false;
    Object *obj;
    SCRIPT_API_GUARD();

    obj = object_resolve_path_type(path, type, &ambiguous);
    if (ambiguous) {
        error_setg(&err, "path '%s' fits several objects of type '%s'", path,
                   type);
        obj = NULL;
    }
    script_result(err);
    return obj ? object_ref(obj) : NULL;
}

static Object *child_of(Object *obj, const char *name)
{
    ObjectProperty *prop = object_property_find(obj, name);

    return prop && strstart(prop->type, "child<", NULL) ?
        object_resolve_path_component(obj, name) : NULL;
}

void *script_object_child(void *object, const char *name)
{
    Object *child;
    SCRIPT_API_GUARD();

    child = child_of(object, name);
    return child ? object_ref(child) : NULL;
}

static int append_name(Object *child, void *opaque)
{
    qlist_append_str(opaque, object_get_canonical_path_component(child));
    return 0;
}

char *script_object_children(void *object)
{
    g_autoptr(QList) names = qlist_new();
    SCRIPT_API_GUARD();

    object_child_foreach(object, append_name, names);
    return g_string_free(qobject_to_json(QOBJECT(names)), false);
}

static int is_unrealized(Object *obj, void *opaque)
{
    DeviceState *dev = (DeviceState *)object_dynamic_cast(obj, TYPE_DEVICE);

    return dev && !dev->realized;
}

/*
 * QEMU asserts that no device in the tree is unrealized when the machine is
 * ready.  Until then a script may have one there during a realize() only,
 * after which script_check_children() looks.
 */
static bool may_be_unrealized_below(Object *obj)
{
    for (; obj; obj = obj->parent) {
        if (obj == object_get_root()) {
            return false;
        }
        if (script_type_of(object_get_typename(obj)) &&
            script_instance_of(obj)->live && is_unrealized(obj, NULL)) {
            return true;
        }
    }
    /* Not in the tree */
    return true;
}

bool script_check_children(Object *obj, Error **errp)
{
    if (!phase_check(PHASE_MACHINE_READY) &&
        object_child_foreach_recursive(obj, is_unrealized, NULL)) {
        error_setg(errp, "a '%s' has children that are not realized",
                   object_get_typename(obj));
        return false;
    }
    return true;
}

static bool check_child(Object *obj, const char *name, Object *child,
                        Error **errp)
{
    Object *above;

    if (!*name || strchr(name, '/')) {
        error_setg(errp, "'%s' is no name for a child", name);
        return false;
    }
    if (child->parent) {
        g_autofree char *path = object_get_canonical_path(child);

        error_setg(errp, "the object is a child already, %s",
                   path ?: "of one outside the tree");
        return false;
    }
    for (above = obj; above; above = above->parent) {
        if (above == child) {
            error_setg(errp, "an object cannot be a child of itself");
            return false;
        }
    }
    if (!may_be_unrealized_below(obj) && is_unrealized(child, NULL) &&
        !phase_check(PHASE_MACHINE_READY)) {
        error_setg(errp, "a '%s' must be realized first: the machine starts "
                   "with all devices realized", object_get_typename(child));
        return false;
    }
    return may_be_unrealized_below(obj) || script_check_children(child, errp);
}

int32_t script_object_add_child(void *object, const char *name, void *child)
{
    Error *err = NULL;
    SCRIPT_API_GUARD();

    if (check_child(object, name, child, &err)) {
        object_property_try_add_child(object, name, child, &err);
    }
    return script_result(err);
}

/* A device is unrealized by that, which may enter its script */
int32_t script_object_unparent(void *object)
{
    Error *err = NULL;
    SCRIPT_API_GUARD();

    if (script_descend(&err)) {
        object_unparent(object);
        script_ascend();
    }
    return script_result(err);
}

/* --- devices ------------------------------------------------------------- */

static bool set_bus(DeviceState *dev, BusState *bus, Error **errp)
{
    DeviceClass *dc = DEVICE_GET_CLASS(dev);
    const char *type = object_get_typename(OBJECT(dev));
    int most;

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

    if (!check_realizable(dev, errp)) {
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

/* --- properties ---------------------------------------------------------- */

char *script_object_get(void *object, const char *name)
{
    Error *err = NULL;
    QObject *value = NULL;
    char *json = NULL;
    SCRIPT_API_GUARD();

    if (script_descend(&err)) {
        value = object_property_get_qobject(object, name, &err);
        script_ascend();
    }
    if (value) {
        json = script_json(value, &err);
        qobject_unref(value);
    }
    script_result(err);
    return json;
}

int32_t script_object_set(void *object, const char *name, const char *json)
{
    Error *err = NULL;
    QObject *value;
    SCRIPT_API_GUARD();

    value = qobject_from_json(json, &err);
    if (value && script_descend(&err)) {
        object_property_set_qobject(object, name, value, &err);
        script_ascend();
    }
    qobject_unref(value);
    return script_result(err);
}

char *script_object_properties(void *object)
{
    g_autoptr(QList) list = qlist_new();
    ObjectPropertyIterator iter;
    ObjectProperty *prop;
    SCRIPT_API_GUARD();

    object_property_iter_init(&iter, object);
    while ((prop = object_property_iter_next(&iter))) {
        QDict *entry = qdict_new();

        qdict_put_str(entry, "name", prop->name);
        qdict_put_str(entry, "type", prop->type);
        if (prop->description) {
            qdict_put_str(entry, "description", prop->description);
        }
        qlist_append(list, entry);
    }
    return g_string_free(qobject_to_json(QOBJECT(list)), false);
}

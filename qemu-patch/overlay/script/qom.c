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
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "qom/qom-qobject.h"
#include "hw/qdev-core.h"
#include "qemu/cutils.h"
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

bool script_check_idle(Object *obj, Error **errp)
{
    if (script_is_busy_below(obj)) {
        error_setg(errp, "QEMU waits for what a script does with the '%s': "
                   "this can be done later", object_get_typename(obj));
        return false;
    }
    return true;
}

/* What QEMU itself relies on, and what is in use up the stack, must stay */
static bool check_removable(Object *obj, Error **errp)
{
    static const char *const paths[] = {
        "/machine", "/machine/unattached", "/machine/peripheral",
        "/machine/peripheral-anon", "/objects", "/chardevs",
    };
    int i;

    for (i = 0; i < ARRAY_SIZE(paths); i++) {
        if (obj == object_resolve_path(paths[i], NULL)) {
            error_setg(errp, "QEMU needs %s", paths[i]);
            return false;
        }
    }
    return script_check_idle(obj, errp);
}

/* A device is unrealized by that, which may enter its script */
int32_t script_object_unparent(void *object)
{
    Error *err = NULL;
    SCRIPT_API_GUARD();

    if (check_removable(object, &err) && script_descend(&err)) {
        object_unparent(object);
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
        script_set_property(object, name, value, &err);
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

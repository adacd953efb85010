/*
 * Properties whose values scripts compute
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qapi/visitor-impl.h"
#include "qobject/qbool.h"
#include "qobject/qjson.h"
#include "qobject/qnum.h"
#include "qobject/qstring.h"
#include "qom/object.h"
#include "qemu/queue.h"
#include "device.h"
#include "error.h"

/* A property whose value a script computes */
typedef struct ScriptAccessor {
    ScriptInstance *instance;  /* NULL once the property is gone */
    char *name;
    uint32_t id;               /* identifies it to the engine */
    uint32_t kind;
    uint32_t users;            /* the property, and calls under way */
    QLIST_ENTRY(ScriptAccessor) next;
} ScriptAccessor;

static QLIST_HEAD(, ScriptAccessor) accessors =
    QLIST_HEAD_INITIALIZER(accessors);

static void accessor_put(ScriptAccessor *accessor)
{
    if (!--accessor->users) {
        g_free(accessor->name);
        g_free(accessor);
    }
}

static void accessor_release(Object *obj, const char *name, void *opaque)
{
    ScriptAccessor *accessor = opaque;

    QLIST_REMOVE(accessor, next);
    accessor->instance = NULL;
    accessor_put(accessor);
}

void script_accessors_remove(ScriptInstance *instance)
{
    ScriptAccessor *accessor, *next;

    QLIST_FOREACH_SAFE(accessor, &accessors, next, next) {
        if (accessor->instance == instance) {
            /* The accessor and its name go before QOM looks it up again */
            g_autofree char *name = g_strdup(accessor->name);

            object_property_del(instance->obj, name);
        }
    }
}

/*
 * Without the BQL for a while, if it waits for the script: the property and
 * its object may go meanwhile.
 */
static char *ask(Object *obj, ScriptAccessor *accessor, uint32_t kind,
                 const char *json, Error **errp)
{
    char *text = NULL;

    object_ref(obj);
    accessor->users++;
    script_call(kind, accessor->instance->id, accessor->id, (void *)json,
                &text, errp);
    accessor_put(accessor);
    object_unref(obj);
    return text;
}

/* Not every visitor knows values of any type */
static bool visit_any(Visitor *v, const char *name, QObject **value,
                      Error **errp)
{
    if (!v->type_any) {
        error_setg(errp, "property '%s' has no form as plain text", name);
        return false;
    }
    return visit_type_any(v, name, value, errp);
}

static bool wrong_type(const char *name, Error **errp)
{
    error_setg(errp, "the script's value of property '%s' is not of its type",
               name);
    return false;
}

static bool put_number(Visitor *v, const char *name, uint32_t kind,
                       const QNum *number, Error **errp)
{
    double real;
    int64_t i;
    uint64_t u;

    if (!number) {
        return wrong_type(name, errp);
    }
    switch (kind) {
    case SCRIPT_VALUE_INT:
        return qnum_get_try_int(number, &i) ?
            visit_type_int(v, name, &i, errp) : wrong_type(name, errp);
    case SCRIPT_VALUE_UINT:
        return qnum_get_try_uint(number, &u) ?
            visit_type_uint64(v, name, &u, errp) : wrong_type(name, errp);
    case SCRIPT_VALUE_SIZE:
        return qnum_get_try_uint(number, &u) ?
            visit_type_size(v, name, &u, errp) : wrong_type(name, errp);
    default:
        real = qnum_get_double((QNum *)number);
        return visit_type_number(v, name, &real, errp);
    }
}

static bool put_value(Visitor *v, const char *name, uint32_t kind,
                      QObject *value, Error **errp)
{
    QString *string = qobject_to(QString, value);
    char *text;
    bool flag;

    switch (kind) {
    case SCRIPT_VALUE_BOOL:
        if (!qobject_to(QBool, value)) {
            return wrong_type(name, errp);
        }
        flag = qbool_get_bool(qobject_to(QBool, value));
        return visit_type_bool(v, name, &flag, errp);
    case SCRIPT_VALUE_STR:
        if (!string) {
            return wrong_type(name, errp);
        }
        text = (char *)qstring_get_str(string);
        return visit_type_str(v, name, &text, errp);
    case SCRIPT_VALUE_ANY:
        return visit_any(v, name, &value, errp);
    default:
        return put_number(v, name, kind, qobject_to(QNum, value), errp);
    }
}

static void accessor_get(Object *obj, Visitor *v, const char *name,
                         void *opaque, Error **errp)
{
    ScriptAccessor *accessor = opaque;
    uint32_t kind = accessor->kind;
    g_autofree char *json = NULL;
    QObject *value;

    json = ask(obj, accessor, SCRIPT_PROP_GET, NULL, errp);
    value = json ? qobject_from_json(json, errp) : NULL;
    if (value) {
        put_value(v, name, kind, value, errp);
        qobject_unref(value);
    }
}

/* Returns: the value that @v has for the property, or %NULL with @errp set */
static QObject *take_value(Visitor *v, const char *name, uint32_t kind,
                           Error **errp)
{
    g_autofree char *text = NULL;
    QObject *value = NULL;
    double real;
    uint64_t u;
    int64_t i;
    bool flag;

    switch (kind) {
    case SCRIPT_VALUE_BOOL:
        return visit_type_bool(v, name, &flag, errp) ?
            QOBJECT(qbool_from_bool(flag)) : NULL;
    case SCRIPT_VALUE_INT:
        return visit_type_int(v, name, &i, errp) ?
            QOBJECT(qnum_from_int(i)) : NULL;
    case SCRIPT_VALUE_UINT:
        return visit_type_uint64(v, name, &u, errp) ?
            QOBJECT(qnum_from_uint(u)) : NULL;
    case SCRIPT_VALUE_SIZE:
        return visit_type_size(v, name, &u, errp) ?
            QOBJECT(qnum_from_uint(u)) : NULL;
    case SCRIPT_VALUE_NUMBER:
        return visit_type_number(v, name, &real, errp) ?
            QOBJECT(qnum_from_double(real)) : NULL;
    case SCRIPT_VALUE_STR:
        return visit_type_str(v, name, &text, errp) ?
            QOBJECT(qstring_from_str(text)) : NULL;
    default:
        return visit_any(v, name, &value, errp) ? value : NULL;
    }
}

static void accessor_set(Object *obj, Visitor *v, const char *name,
                         void *opaque, Error **errp)
{
    ScriptAccessor *accessor = opaque;
    g_autofree char *json = NULL;
    QObject *value = take_value(v, name, accessor->kind, errp);

    if (!value) {
        return;
    }
    json = script_json(value, errp);
    qobject_unref(value);
    if (json) {
        g_free(ask(obj, accessor, SCRIPT_PROP_SET, json, errp));
    }
}

/* A script may not know yet that its object was finalized */
static bool check_there(const Object *obj, Error **errp)
{
    if (!obj) {
        error_setg(errp, "the object is gone");
    }
    return obj != NULL;
}

int32_t script_property_add(void *opaque, const char *name, const char *type,
                            const char *description, uint32_t kind,
                            uint32_t access, uint32_t id)
{
    ScriptInstance *instance = opaque;
    Object *obj = instance->obj;
    Error *err = NULL;
    ScriptAccessor *accessor;
    SCRIPT_API_GUARD();

    if (check_there(obj, &err) && script_check_name(obj, name, &err)) {
        accessor = g_new0(ScriptAccessor, 1);
        accessor->instance = instance;
        accessor->name = g_strdup(name);
        accessor->id = id;
        accessor->kind = kind;
        accessor->users = 1;
        QLIST_INSERT_HEAD(&accessors, accessor, next);
        object_property_add(obj, name, type,
                            access & SCRIPT_CAN_GET ? accessor_get : NULL,
                            access & SCRIPT_CAN_SET ? accessor_set : NULL,
                            accessor_release, accessor);
        if (*description) {
            object_property_set_description(obj, name, description);
        }
    }
    return script_result(err);
}

/* Only what a script added can be taken away, lest C miss it */
int32_t script_property_remove(void *opaque, const char *name)
{
    ScriptInstance *instance = opaque;
    Object *obj = instance->obj;
    Error *err = NULL;
    ObjectProperty *prop;
    SCRIPT_API_GUARD();

    if (!check_there(obj, &err)) {
        return script_result(err);
    }
    prop = object_property_find(obj, name);
    if (prop && prop->release == accessor_release) {
        object_property_del(obj, name);
    } else {
        error_setg(&err, "no script added a property '%s' to the '%s'", name,
                   object_get_typename(obj));
    }
    return script_result(err);
}

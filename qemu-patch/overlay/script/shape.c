/*
 * What a script declares of its types, and may declare anew when it is
 * reloaded
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-script.h"
#include "device.h"

/* Takes @decl over */
ScriptShape *script_shape_new(ScriptTypeData *type, ScriptType *decl,
                              const void *initial_state)
{
    ScriptShape *shape = g_new0(ScriptShape, 1);

    shape->decl = decl;
    shape->users = 1;
    if (decl->state) {
        shape->initial_state = g_memdup2(initial_state, decl->state->size);
        if (!decl->state->inherited) {
            script_make_vmsd(type, shape);
        }
    }
    return shape;
}

ScriptShape *script_shape_ref(ScriptShape *shape)
{
    shape->users++;
    return shape;
}

void script_shape_unref(ScriptShape *shape)
{
    if (!shape || --shape->users) {
        return;
    }
    script_free_vmsd(shape);
    g_free(shape->initial_state);
    qapi_free_ScriptType(shape->decl);
    g_free(shape);
}

/* --- what the script engine calls --------------------------------------- */

static ScriptShape *stage(ScriptTypeData **type, const char *json,
                          const void *initial_state, Error **errp)
{
    ScriptType *decl = script_parse_type(json, errp);

    if (!decl) {
        return NULL;
    }
    *type = script_type_of(decl->name);
    if (!script_check_clashes(decl, errp)) {
        qapi_free_ScriptType(decl);
        return NULL;
    }
    return script_shape_new(*type, decl, initial_state);
}

/*
 * Checks a new declaration of a type that is there.  Returns the error
 * message, which lives until the next call, or NULL; script_shape_commit()
 * then makes it that of objects to come.
 */
const char *script_shape_stage(const char *json, const void *initial_state)
{
    static char *message;
    ScriptTypeData *type;
    ScriptShape *shape;
    Error *err = NULL;
    SCRIPT_API_GUARD();

    g_clear_pointer(&message, g_free);
    shape = stage(&type, json, initial_state, &err);
    if (!shape) {
        message = g_strdup(error_get_pretty(err));
        error_free(err);
        return message;
    }
    script_shape_unref(type->staged);
    type->staged = shape;
    return NULL;
}

void script_shape_commit(const char *name)
{
    ScriptTypeData *type;
    SCRIPT_API_GUARD();

    type = script_type_of(name);
    script_shape_unref(type->shape);
    type->shape = g_steal_pointer(&type->staged);
}

/* The reload came to nothing */
void script_shape_drop(const char *name)
{
    ScriptTypeData *type;
    SCRIPT_API_GUARD();

    type = script_type_of(name);
    script_shape_unref(g_steal_pointer(&type->staged));
}

/*
 * A block for the state of an object under new code, as it is before anything
 * is put there; script_instance_commit() makes it the object's.  @anew: of the
 * type's new shape, as opposed to the one that the object has.
 */
void *script_instance_stage(void *opaque, uint32_t anew)
{
    ScriptInstance *instance = opaque;
    ScriptTypeData *type = instance->type;
    SCRIPT_API_GUARD();

    script_timers_save(instance, instance->state);
    g_free(instance->staged);
    instance->staged = script_state_new(!anew ? instance->shape :
                                        type->staged ?: type->shape);
    return instance->staged;
}

void script_instance_drop(void *opaque)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    g_clear_pointer(&instance->staged, g_free);
}

static void take_shape(ScriptInstance *instance)
{
    ScriptShape *shape = instance->type->shape;

    if (shape->vmsd && instance->dev) {
        vmstate_replace(instance->dev, instance->shape->vmsd, shape->vmsd);
    }
    script_timers_stop(instance);
    script_timers_free(instance);
    script_state_replace(instance, shape, g_steal_pointer(&instance->staged));
    script_regions_declare(instance);
    script_timers_init(instance);
    script_timers_load(instance);
}

/* The script has no view of the old block any more */
void script_instance_commit(void *opaque, uint32_t anew)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    if (anew) {
        take_shape(instance);
    } else {
        g_free(instance->state);
        instance->state = g_steal_pointer(&instance->staged);
    }
    /* A post that has a timer's number in the old shape finds nothing due */
}

void script_instance_receives(void *opaque, uint32_t index, uint32_t receives)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    script_chardev_set_receives(&instance->chardevs[index], receives);
}

/* Properties that its old code computed */
void script_instance_drop_accessors(void *opaque)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    script_accessors_remove(instance);
}

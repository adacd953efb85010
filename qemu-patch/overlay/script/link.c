/*
 * Links that scripts add to objects
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qom/object.h"
#include "error.h"

bool script_check_name(Object *obj, const char *name, Error **errp)
{
    if (!*name || strchr(name, '/')) {
        error_setg(errp, "'%s' is no name for a property", name);
        return false;
    }
    if (g_str_has_suffix(name, "[*]")) {
        /* Nobody would hear which number it got */
        error_setg(errp, "property '%s' must have a name of its own", name);
        return false;
    }
    if (object_property_find(obj, name)) {
        error_setg(errp, "a '%s' has a property '%s' already",
                   object_get_typename(obj), name);
        return false;
    }
    return true;
}

/* What QOM itself does when a link property goes */
static ObjectPropertyRelease *release_link;
/* What QOM keeps for a link -> where the link's target is */
static GHashTable *link_targets;

static void link_released(Object *obj, const char *name, void *opaque)
{
    Object **target = g_hash_table_lookup(link_targets, opaque);

    g_hash_table_remove(link_targets, opaque);
    release_link(obj, name, opaque);
    g_free(target);
}

int32_t script_object_add_link(void *object, const char *name,
                               const char *type)
{
    Error *err = NULL;
    ObjectProperty *prop;
    Object **target;
    SCRIPT_API_GUARD();

    if (!script_check_name(object, name, &err)) {
        return script_result(err);
    }
    target = g_new0(Object *, 1);
    prop = object_property_add_link(object, name, type, target,
                                    object_property_allow_set_link,
                                    OBJ_PROP_LINK_STRONG);
    if (!link_targets) {
        link_targets = g_hash_table_new(NULL, NULL);
    }
    g_hash_table_insert(link_targets, prop->opaque, target);
    release_link = prop->release;
    prop->release = link_released;
    return script_result(NULL);
}

/* Follows the link itself: its target need not be in the tree any more */
void *script_object_get_link(void *object, const char *name)
{
    Error *err = NULL;
    ObjectProperty *prop;
    Object *target = NULL;
    SCRIPT_API_GUARD();

    prop = object_property_find_err(object, name, &err);
    if (prop && !strstart(prop->type, "link<", NULL)) {
        error_setg(&err, "property '%s' of the '%s' is no link", name,
                   object_get_typename(object));
    } else if (prop) {
        target = prop->resolve(object, prop->opaque, name);
    }
    script_result(err);
    return target ? object_ref(target) : NULL;
}

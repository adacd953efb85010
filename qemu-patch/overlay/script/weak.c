/*
 * Weak references of scripts to QEMU's objects
 *
 * QOM tells nobody that an object is gone, except the function that frees its
 * memory.  That of a weakly referenced object is replaced by one that clears
 * the reference first.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/lockable.h"
#include "qom/object.h"
#include "device.h"

/* One for each object that had a weak reference, as long as it lives */
typedef struct ScriptWeak {
    Object *obj;               /* NULL when it is gone */
    ObjectFree *free;          /* what freed it, or NULL if it is embedded */
    uint32_t users;            /* weak references of scripts */
} ScriptWeak;

/* Objects can be freed by any thread, with or without the BQL */
static QemuMutex lock;
static GHashTable *weaks;      /* Object -> ScriptWeak */

static void __attribute__((constructor)) init_lock(void)
{
    qemu_mutex_init(&lock);
}

/* With the lock held.  Returns: what frees the object's memory */
static ObjectFree *forget(Object *obj, ScriptWeak *weak)
{
    ObjectFree *free_object = weak->free;

    g_hash_table_remove(weaks, obj);
    weak->obj = NULL;
    if (!weak->users) {
        g_free(weak);
    }
    return free_object;
}

static void object_gone(void *obj)
{
    ObjectFree *free_object;

    WITH_QEMU_LOCK_GUARD(&lock) {
        free_object = forget(obj, g_hash_table_lookup(weaks, obj));
    }
    if (free_object) {
        free_object(obj);
    }
}

/*
 * A scripted object may be referenced before object_new() has set how it is
 * freed: that is overwritten then, but its finalizer comes here.
 */
void script_weak_finalized(Object *obj)
{
    ScriptWeak *weak;
    ObjectFree *free_object;

    QEMU_LOCK_GUARD(&lock);
    weak = weaks ? g_hash_table_lookup(weaks, obj) : NULL;
    if (weak) {
        free_object = forget(obj, weak);
        if (obj->free == object_gone) {
            obj->free = free_object;
        }
    }
}

void *script_weak_new(void *object)
{
    Object *obj = object;
    ScriptWeak *weak;

    QEMU_LOCK_GUARD(&lock);
    if (!weaks) {
        weaks = g_hash_table_new(NULL, NULL);
    }
    weak = g_hash_table_lookup(weaks, obj);
    if (!weak) {
        weak = g_new0(ScriptWeak, 1);
        weak->obj = obj;
        weak->free = obj->free;
        obj->free = object_gone;
        g_hash_table_insert(weaks, obj, weak);
    }
    weak->users++;
    return weak;
}

void *script_weak_get(void *opaque)
{
    ScriptWeak *weak = opaque;
    uint32_t count;

    QEMU_LOCK_GUARD(&lock);
    if (!weak->obj) {
        return NULL;
    }
    /* Its memory is there, but its last reference may be gone already */
    count = qatomic_read(&weak->obj->ref);
    while (count) {
        uint32_t seen = qatomic_cmpxchg(&weak->obj->ref, count, count + 1);

        if (seen == count) {
            return weak->obj;
        }
        count = seen;
    }
    return NULL;
}

void script_weak_free(void *opaque)
{
    ScriptWeak *weak = opaque;

    QEMU_LOCK_GUARD(&lock);
    weak->users--;
    if (!weak->users && !weak->obj) {
        g_free(weak);
    }
}

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
#include "engine.h"

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

static void object_gone(void *obj)
{
    ObjectFree *free_object;
    ScriptWeak *weak;

    WITH_QEMU_LOCK_GUARD(&lock) {
        weak = g_hash_table_lookup(weaks, obj);
        g_hash_table_remove(weaks, obj);
        free_object = weak->free;
        weak->obj = NULL;
        if (!weak->users) {
            g_free(weak);
        }
    }
    if (free_object) {
        free_object(obj);
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

/*
 * Migration of scripted devices: what runs when one is saved or loaded
 *
 * The stream is written from a copy that the engine's thread makes, and read
 * into one that it takes over, so that no script is between two writes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "migration/blocker.h"
#include "device.h"

/* How long saving waits for a peer that is slow to take output, in us */
#define DRAIN_US (1 * G_USEC_PER_SEC)
#define DRAIN_INTERVAL_US 500

static size_t state_size(ScriptInstance *instance)
{
    return instance->shape->decl->state->size;
}

static ScriptBlob *blob_of(ScriptInstance *instance)
{
    return instance->saved + state_size(instance);
}

static void drop_blob(ScriptInstance *instance)
{
    ScriptBlob *blob = blob_of(instance);

    g_free(blob->bytes);
    *blob = (ScriptBlob) { };
}

void *script_state_new(ScriptShape *shape)
{
    return g_memdup2(shape->initial_state, shape->decl->state->size);
}

static void make_saved(ScriptInstance *instance)
{
    instance->saved = g_malloc0(state_size(instance) + sizeof(ScriptBlob));
}

static void drop_saved(ScriptInstance *instance)
{
    drop_blob(instance);
    g_clear_pointer(&instance->saved, g_free);
}

void script_state_init(ScriptInstance *instance)
{
    instance->state = script_state_new(instance->shape);
    make_saved(instance);
}

void script_state_free(ScriptInstance *instance)
{
    if (instance->state) {
        drop_saved(instance);
    }
    g_free(instance->staged);
    g_free(instance->state);
}

/* Between two saves or loads: see script_reload_obstacle() */
void script_state_replace(ScriptInstance *instance, ScriptShape *shape,
                          void *state)
{
    drop_saved(instance);
    g_free(instance->state);
    script_shape_unref(instance->shape);
    instance->state = state;
    instance->shape = script_shape_ref(shape);
    make_saved(instance);
}

/* With what timers are set to, which is not in the state all the time */
static void copy_state(ScriptInstance *instance, void *copy)
{
    memcpy(copy, instance->state, state_size(instance));
    script_timers_save(instance, copy);
    script_clocks_point(instance, copy);
}

/* --- what QEMU calls ----------------------------------------------------- */

static int enter(ScriptInstance *instance, uint32_t kind, uint32_t value)
{
    ScriptFrame *frame = script_frame_get(kind, instance->id);
    Error *err = NULL;
    bool refused;

    frame->value = value;
    instance->busy++;
    script_frame_call(frame);
    instance->busy--;
    refused = frame->result == SCRIPT_POST_LOAD_REFUSED;
    if (script_frame_put(frame, NULL, &err)) {
        return 0;
    }
    if (refused) {
        /* What most of QEMU's devices return; QEMU says the rest */
        error_free(err);
        return -1;
    }
    error_report_err(err);
    return -EINVAL;
}

static bool drained(ScriptInstance *instance)
{
    bool all = true;
    uint32_t i;

    for (i = 0; i < instance->n_chardevs; i++) {
        all &= script_chardev_drain(&instance->chardevs[i]);
    }
    return all;
}

/*
 * What the guest has sent must not be here any more: this process may end as
 * soon as the machine is elsewhere.  A model in C, which waits in every write,
 * would not let the machine stop before.
 */
static bool drain(ScriptInstance *instance)
{
    int64_t end = g_get_monotonic_time() + DRAIN_US;

    while (!drained(instance)) {
        if (g_get_monotonic_time() > end) {
            error_report("%s: the other side does not take its output",
                         instance->type->decl->name);
            return false;
        }
        instance->busy++;
        bql_unlock();
        g_usleep(DRAIN_INTERVAL_US);
        bql_lock();
        instance->busy--;
    }
    return true;
}

int script_pre_save(void *opaque)
{
    ScriptInstance *instance = script_instance_of(opaque);

    if (!drain(instance)) {
        return -EAGAIN;
    }
    return enter(instance, SCRIPT_PRE_SAVE, 0);
}

int script_post_save(void *opaque)
{
    ScriptInstance *instance = script_instance_of(opaque);

    return enter(instance, SCRIPT_POST_SAVE, 0);
}

int script_pre_load(void *opaque)
{
    ScriptInstance *instance = script_instance_of(opaque);

    if (instance->shape->decl->state->pre_load) {
        int ret = enter(instance, SCRIPT_PRE_LOAD, 0);

        if (ret) {
            return ret;
        }
    }
    /* Fields that the stream lacks stay as they are */
    copy_state(instance, instance->saved);
    drop_blob(instance);
    return 0;
}

int script_post_load(void *opaque, int version_id)
{
    return enter(script_instance_of(opaque), SCRIPT_POST_LOAD, version_id);
}

bool script_block_migration(ScriptInstance *instance, Error **errp)
{
    ScriptState *state = instance->shape->decl->state;

    if (!state || !state->blocker) {
        return true;
    }
    error_setg(&instance->blocker, "%s does not migrate: %s",
               instance->type->decl->name, state->blocker);
    return migrate_add_blocker(&instance->blocker, errp) >= 0;
}

void script_unblock_migration(ScriptInstance *instance)
{
    migrate_del_blocker(&instance->blocker);
}

/* --- what the script calls ----------------------------------------------- */

void script_instance_snapshot(void *opaque, uint32_t needed)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    copy_state(instance, instance->saved);
    drop_blob(instance);
    instance->needed = needed;
}

/* Twice is back to the start, for a script that refuses what was loaded */
void script_instance_restore(void *opaque)
{
    ScriptInstance *instance = opaque;
    g_autofree void *old = NULL;
    SCRIPT_API_GUARD();

    old = g_malloc(state_size(instance));
    copy_state(instance, old);
    memcpy(instance->state, instance->saved, state_size(instance));
    memcpy(instance->saved, old, state_size(instance));
    script_timers_load(instance);
}

/* After the snapshot */
void script_instance_set_blob(void *opaque, const void *bytes, uint64_t length)
{
    ScriptInstance *instance = opaque;
    ScriptBlob *blob = blob_of(instance);
    SCRIPT_API_GUARD();

    drop_blob(instance);
    blob->present = true;
    blob->length = MIN(length, SCRIPT_MAX_BLOB);
    blob->bytes = g_memdup2(bytes, blob->length);
}

int32_t script_instance_blob_length(void *opaque)
{
    ScriptBlob *blob = blob_of(opaque);
    SCRIPT_API_GUARD();

    return blob->present ? blob->length : -1;
}

void *script_instance_blob(void *opaque)
{
    SCRIPT_API_GUARD();

    return blob_of(opaque)->bytes;
}

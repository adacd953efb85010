/*
 * Instances of scripted device types
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/irq.h"
#include "hw/qdev-clock.h"
#include "hw/qdev-properties.h"
#include "qemu/error-report.h"
#include "device.h"

static GPtrArray *instances;

ScriptInstance *script_instance_of(DeviceState *dev)
{
    ScriptTypeData *type = script_type_of(object_get_typename(OBJECT(dev)));
    ScriptTail *tail = (void *)dev + type->tail;

    return tail->instance;
}

static const char *frame_verb(uint32_t kind)
{
    static const char *const verbs[] = {
        [SCRIPT_READ] = "read", [SCRIPT_WRITE] = "write",
        [SCRIPT_LOAD] = "loading", [SCRIPT_REALIZE] = "realize",
        [SCRIPT_UNREALIZE] = "unrealize", [SCRIPT_RESET] = "reset",
        [SCRIPT_PRE_SAVE] = "saving", [SCRIPT_POST_LOAD] = "postLoad",
        [SCRIPT_RECEIVE] = "receive", [SCRIPT_CHR_EVENT] = "chardev event",
        [SCRIPT_CLOCK] = "clock update",
    };

    return kind < ARRAY_SIZE(verbs) && verbs[kind] ? verbs[kind] : "a call";
}

static ScriptInstance *frame_instance(ScriptFrame *frame)
{
    ScriptRegionPort *port;

    switch (frame->kind) {
    case SCRIPT_READ:
    case SCRIPT_WRITE:
        port = script_region_by_slot(frame->target);
        return port ? port->instance : NULL;
    case SCRIPT_LOAD:
        return NULL;
    default:
        return instances && frame->target < instances->len ?
            g_ptr_array_index(instances, frame->target) : NULL;
    }
}

char *script_describe_frame(ScriptFrame *frame)
{
    ScriptInstance *instance;

    if (!frame) {
        return g_strdup("a timer or promise of a script");
    }
    instance = frame_instance(frame);
    if (frame->kind == SCRIPT_READ || frame->kind == SCRIPT_WRITE) {
        return g_strdup_printf("%s at offset 0x%x of %s",
                               frame_verb(frame->kind), frame->offset,
                               instance ? instance->type->decl->name : "?");
    }
    return g_strdup_printf("%s of %s", frame_verb(frame->kind),
                           instance ? instance->type->decl->name : "a script");
}

/* --- init and finalize: C only, a script is not entered ------------------ */

static void clock_changed(void *opaque, ClockEvent event)
{
    ScriptClockPort *port = opaque;

    if (port->instance->live) {
        script_post(SCRIPT_CLOCK, port->instance->id, port->index, 0, NULL, 0,
                    NULL, NULL);
    }
}

static void init_sysbus(ScriptInstance *instance)
{
    SysBusDevice *sbd = SYS_BUS_DEVICE(instance->dev);
    ScriptType *decl = instance->type->decl;
    ScriptRegionList *region;
    uint32_t i = 0;

    instance->regions = g_new0(ScriptRegionPort,
                               QAPI_LIST_LENGTH(decl->regions));
    for (region = decl->regions; region; region = region->next, i++) {
        script_region_init(&instance->regions[i], instance, i, region->value);
        sysbus_init_mmio(sbd, &instance->regions[i].mr);
    }
    instance->irqs = g_new0(qemu_irq, decl->irqs);
    for (i = 0; i < decl->irqs; i++) {
        sysbus_init_irq(sbd, &instance->irqs[i]);
    }
}

static void init_clock_inputs(ScriptInstance *instance)
{
    strList *name;
    uint32_t i = 0;

    instance->clocks = g_new0(ScriptClockPort,
                              QAPI_LIST_LENGTH(instance->type->decl->clocks));
    for (name = instance->type->decl->clocks; name; name = name->next, i++) {
        ScriptClockPort *port = &instance->clocks[i];

        port->instance = instance;
        port->index = i;
        port->clock = qdev_init_clock_in(instance->dev, name->value,
                                         clock_changed, port, ClockUpdate);
    }
}

static void init_chardevs(ScriptInstance *instance)
{
    ScriptPropertyList *prop;
    uint32_t i = 0;

    for (prop = instance->type->decl->properties; prop; prop = prop->next) {
        instance->n_chardevs +=
            prop->value->type == SCRIPT_PROPERTY_TYPE_CHARDEV;
    }
    instance->chardevs = g_new0(ScriptChardev, instance->n_chardevs);
    instance->n_chardevs = 0;
    for (prop = instance->type->decl->properties; prop; prop = prop->next) {
        if (prop->value->type == SCRIPT_PROPERTY_TYPE_CHARDEV) {
            script_chardev_init(&instance->chardevs[instance->n_chardevs],
                                instance, instance->n_chardevs,
                                (void *)instance->dev +
                                instance->type->props[i].offset,
                                prop->value->receives);
            instance->n_chardevs++;
        }
        i++;
    }
}

void script_instance_init(Object *obj)
{
    ScriptInstance *instance = g_new0(ScriptInstance, 1);
    ScriptTypeData *type = script_type_of(object_get_typename(obj));

    if (!instances) {
        instances = g_ptr_array_new();
    }
    instance->dev = DEVICE(obj);
    instance->type = type;
    instance->tail = (void *)obj + type->tail;
    instance->tail->instance = instance;
    instance->id = instances->len;
    g_ptr_array_add(instances, instance);
    if (type->decl->state) {
        instance->state = g_memdup2(type->initial_state,
                                    type->decl->state->size);
        instance->saved = g_malloc0(type->decl->state->size);
        instance->tail->vmstate = instance->state;
    }
    init_sysbus(instance);
    init_clock_inputs(instance);
    init_chardevs(instance);
}

void script_instance_finalize(Object *obj)
{
    ScriptInstance *instance = script_instance_of(DEVICE(obj));
    uint32_t i;

    g_assert(!instance->live);
    g_ptr_array_index(instances, instance->id) = NULL;
    for (i = 0; i < instance->n_chardevs; i++) {
        script_chardev_free(&instance->chardevs[i]);
    }
    g_free(instance->chardevs);
    g_free(instance->clocks);
    g_free(instance->irqs);
    /* The slots of its regions stay taken, and empty */
    for (i = 0; i < QAPI_LIST_LENGTH(instance->type->decl->regions); i++) {
        script_region_forget(&instance->regions[i]);
    }
    g_free(instance->regions);
    g_free(instance->saved);
    g_free(instance->state);
    g_free(instance);
}

/* --- what enters the script --------------------------------------------- */

static bool call(ScriptInstance *instance, uint32_t kind, uint32_t value,
                 Error **errp)
{
    return script_call(kind, instance->id, value, instance, NULL, errp);
}

void script_device_realize(DeviceState *dev, Error **errp)
{
    ScriptInstance *instance = script_instance_of(dev);
    uint32_t i;

    /* Its realize() may raise a line or write to its chardevs */
    instance->live = true;
    if (!call(instance, SCRIPT_REALIZE, 0, errp)) {
        instance->live = false;
        return;
    }
    for (i = 0; i < instance->n_chardevs; i++) {
        script_chardev_attach(&instance->chardevs[i]);
    }
}

void script_device_unrealize(DeviceState *dev)
{
    ScriptInstance *instance = script_instance_of(dev);
    uint32_t i;

    for (i = 0; i < instance->n_chardevs; i++) {
        script_chardev_detach(&instance->chardevs[i]);
    }
    call(instance, SCRIPT_UNREALIZE, 0, NULL);
    instance->live = false;
}

void script_device_reset(DeviceState *dev)
{
    ScriptInstance *instance = script_instance_of(dev);

    if (instance->live) {
        call(instance, SCRIPT_RESET, 0, NULL);
    }
}

/*
 * The stream is written from a copy that the engine's thread makes, and read
 * into one that it takes over, so that no script is between two writes.
 */
int script_pre_save(void *opaque)
{
    ScriptInstance *instance = script_instance_of(opaque);
    Error *err = NULL;

    if (!call(instance, SCRIPT_PRE_SAVE, 0, &err)) {
        error_report_err(err);
        return -EINVAL;
    }
    instance->tail->vmstate = instance->saved;
    return 0;
}

int script_pre_load(void *opaque)
{
    ScriptInstance *instance = script_instance_of(opaque);

    /* Fields that the stream lacks stay as they are */
    script_instance_snapshot(instance);
    instance->tail->vmstate = instance->saved;
    return 0;
}

int script_post_load(void *opaque, int version_id)
{
    ScriptInstance *instance = script_instance_of(opaque);
    Error *err = NULL;

    if (!call(instance, SCRIPT_POST_LOAD, version_id, &err)) {
        error_report_err(err);
        return -EINVAL;
    }
    return 0;
}

/* --- what the script calls ---------------------------------------------- */

void *script_instance_state(void *opaque)
{
    ScriptInstance *instance = opaque;

    return instance->state;
}

void script_instance_snapshot(void *opaque)
{
    ScriptInstance *instance = opaque;

    if (instance->state) {
        memcpy(instance->saved, instance->state,
               instance->type->decl->state->size);
    }
}

void script_instance_restore(void *opaque)
{
    ScriptInstance *instance = opaque;

    memcpy(instance->state, instance->saved,
           instance->type->decl->state->size);
}

uint32_t script_instance_region(void *opaque, uint32_t index)
{
    ScriptInstance *instance = opaque;

    return instance->regions[index].slot;
}

void *script_instance_chardev(void *opaque, uint32_t index)
{
    ScriptInstance *instance = opaque;

    return &instance->chardevs[index];
}

/*
 * As text: properties are read once, at realize.  The string lives until the
 * next call.
 */
const char *script_instance_property(void *opaque, const char *name)
{
    static char *text;
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    g_free(text);
    text = object_property_print(OBJECT(instance->dev), name, false, NULL);
    return text ?: "";
}

const char *script_instance_type(void *opaque)
{
    ScriptInstance *instance = opaque;

    return instance->type->decl->name;
}

/* The string lives until the next call */
const char *script_instance_path(void *opaque)
{
    static char *path;
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    g_free(path);
    path = object_get_canonical_path(OBJECT(instance->dev));
    return path ?: "";
}

void script_irq_set(void *opaque, uint32_t line, uint32_t level)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    if (instance->live) {
        qemu_set_irq(instance->irqs[line], level);
    }
}

void script_irq_drive(void *opaque, uint32_t levels)
{
    ScriptInstance *instance = opaque;
    uint32_t i, n = instance->type->decl->irqs;
    SCRIPT_API_GUARD();

    if (!instance->live) {
        return;
    }
    for (i = 0; i < n; i++) {
        qemu_set_irq(instance->irqs[i], (levels >> i) & 1);
    }
}

double script_clock_hz(void *opaque, uint32_t index)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    return clock_get_hz(instance->clocks[index].clock);
}

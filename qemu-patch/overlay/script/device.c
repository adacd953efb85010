/*
 * Instances of scripted device types
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "device.h"
#include "error.h"

static GPtrArray *instances;

ScriptInstance *script_instance_of(Object *obj)
{
    ScriptTypeData *type = script_type_of(object_get_typename(obj));
    ScriptTail *tail = (void *)obj + type->tail;

    return tail->instance;
}

ScriptInstance *script_instance_by_id(uint32_t id)
{
    return id < instances->len ? g_ptr_array_index(instances, id) : NULL;
}

bool script_is_busy_below(Object *obj)
{
    uint32_t i;

    for (i = 0; instances && i < instances->len; i++) {
        ScriptInstance *instance = g_ptr_array_index(instances, i);
        Object *above = instance && instance->busy ? instance->obj : NULL;

        for (; above; above = above->parent) {
            if (above == obj) {
                return true;
            }
        }
    }
    return false;
}

bool script_any_instance_busy(void)
{
    uint32_t i;

    for (i = 0; instances && i < instances->len; i++) {
        ScriptInstance *instance = g_ptr_array_index(instances, i);

        if (instance && instance->busy) {
            return true;
        }
    }
    return false;
}

static const char *frame_verb(uint32_t kind)
{
    static const char *const verbs[] = {
        [SCRIPT_READ] = "read", [SCRIPT_WRITE] = "write",
        [SCRIPT_LOAD] = "loading", [SCRIPT_REALIZE] = "realize",
        [SCRIPT_UNREALIZE] = "unrealize", [SCRIPT_RESET] = "reset",
        [SCRIPT_PRE_SAVE] = "saving", [SCRIPT_POST_LOAD] = "postLoad",
        [SCRIPT_RECEIVE] = "receive", [SCRIPT_CHR_EVENT] = "chardev event",
        [SCRIPT_CLOCK] = "clock update", [SCRIPT_INIT] = "init",
        [SCRIPT_UNPARENT] = "unparent", [SCRIPT_FORGET] = "finalize",
        [SCRIPT_NMI] = "nmi", [SCRIPT_TIMER] = "timer",
        [SCRIPT_GPIO] = "GPIO input",
        [SCRIPT_RESET_ENTER] = "resetEnter", [SCRIPT_RESET_HOLD] = "resetHold",
        [SCRIPT_RESET_EXIT] = "resetExit",
        [SCRIPT_CONFIG_READ] = "configRead",
        [SCRIPT_CONFIG_WRITE] = "configWrite",
        [SCRIPT_PROP_GET] = "getting a property",
        [SCRIPT_PROP_SET] = "setting a property",
        [SCRIPT_POST_SAVE] = "postSave", [SCRIPT_PRE_LOAD] = "preLoad",
        [SCRIPT_RELOAD] = "reloading", [SCRIPT_ROOM] = "room",
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
    case SCRIPT_RELOAD:
    case SCRIPT_QUERY:
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

static bool call(ScriptInstance *instance, uint32_t kind, uint32_t value,
                 Error **errp)
{
    return script_call(kind, instance->id, value, instance, NULL, errp);
}

/* --- init and finalize --------------------------------------------------- */

static void init_sysbus(ScriptInstance *instance)
{
    SysBusDevice *sbd = SYS_BUS_DEVICE(instance->dev);
    ScriptType *decl = instance->shape->decl;
    ScriptRegionList *region;
    uint32_t i = 0;

    for (region = decl->regions; region; region = region->next, i++) {
        if (!region->value->has_inside) {
            sysbus_init_mmio(sbd, &instance->regions[i].mr);
        }
    }
    instance->irqs = g_new0(qemu_irq, decl->irqs);
    for (i = 0; i < decl->irqs; i++) {
        sysbus_init_irq(sbd, &instance->irqs[i]);
    }
}

static void init_chardevs(ScriptInstance *instance)
{
    ScriptPropertyList *prop;
    uint32_t i = 0;

    for (prop = instance->shape->decl->properties; prop; prop = prop->next) {
        instance->n_chardevs +=
            prop->value->type == SCRIPT_PROPERTY_TYPE_CHARDEV;
    }
    instance->chardevs = g_new0(ScriptChardev, instance->n_chardevs);
    instance->n_chardevs = 0;
    for (prop = instance->shape->decl->properties; prop; prop = prop->next) {
        if (prop->value->type == SCRIPT_PROPERTY_TYPE_CHARDEV) {
            script_chardev_init(&instance->chardevs[instance->n_chardevs],
                                instance, instance->n_chardevs,
                                (void *)instance->obj +
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
    instance->obj = obj;
    instance->dev = (DeviceState *)object_dynamic_cast(obj, TYPE_DEVICE);
    instance->type = type;
    instance->shape = script_shape_ref(type->shape);
    instance->tail = (void *)obj + type->tail;
    instance->tail->instance = instance;
    instance->id = instances->len;
    g_ptr_array_add(instances, instance);
    if (instance->shape->decl->state) {
        script_state_init(instance);
    }
    script_regions_init(instance);
    if (object_dynamic_cast(obj, TYPE_SYS_BUS_DEVICE)) {
        init_sysbus(instance);
    }
    if (instance->dev) {
        script_clocks_init(instance);
        script_gpio_init(instance);
    }
    init_chardevs(instance);
    script_timers_init(instance);
}

void script_instance_post_init(Object *obj)
{
    ScriptInstance *instance = script_instance_of(obj);

    if (instance->shape->decl->init) {
        instance->known = true;
        call(instance, SCRIPT_INIT, 0, NULL);
    }
}

static void free_instance(ScriptInstance *instance)
{
    uint32_t i;

    g_ptr_array_index(instances, instance->id) = NULL;
    for (i = 0; i < instance->n_chardevs; i++) {
        script_chardev_free(&instance->chardevs[i]);
    }
    g_free(instance->chardevs);
    g_free(instance->clocks);
    script_timers_free(instance);
    script_state_free(instance);
    script_shape_unref(instance->shape);
    g_free(instance);
}

/*
 * The last reference may have been dropped by any thread: what the script must
 * know of it is posted, and what it can reach stays until it knows.
 */
void script_instance_finalize(Object *obj)
{
    ScriptInstance *instance = script_instance_of(obj);
    uint32_t i;

    BQL_LOCK_GUARD();
    instance->live = false;
    instance->obj = NULL;
    instance->dev = NULL;
    script_weak_finalized(obj);
    for (i = 0; i < instance->n_chardevs; i++) {
        script_chardev_finalize(&instance->chardevs[i]);
    }
    script_timers_stop(instance);
    g_free(instance->irqs);
    script_gpio_free(instance);
    script_regions_free(instance);
    script_free_properties(obj, instance->type);
    if (instance->known) {
        script_post(SCRIPT_FORGET, instance->id, 0, 0, NULL, 0, NULL, NULL);
    } else {
        free_instance(instance);
    }
}

void script_instance_free(uint32_t id)
{
    SCRIPT_API_GUARD();

    free_instance(g_ptr_array_index(instances, id));
}

/* --- what the type of QEMU's does that the script's inherits from --------- */

static void super_realize(ScriptInstance *instance, Error **errp)
{
    ScriptTypeData *type = instance->type;
    ERRP_GUARD();

    if (instance->super_realized) {
        error_setg(errp, "the parent type has been realized already");
    } else if (type->c_pci_realize) {
        type->c_pci_realize(PCI_DEVICE(instance->dev), errp);
    } else if (type->c_realize) {
        type->c_realize(instance->dev, errp);
    }
    if (!*errp) {
        instance->super_realized = true;
    }
}

static void super_unrealize(ScriptInstance *instance)
{
    ScriptTypeData *type = instance->type;

    instance->super_realized = false;
    if (type->c_pci_exit) {
        type->c_pci_exit(PCI_DEVICE(instance->dev));
    } else if (type->c_unrealize) {
        type->c_unrealize(instance->dev);
    }
}

int32_t script_instance_super(void *opaque, uint32_t kind)
{
    ScriptInstance *instance = opaque;
    Error *err = NULL;
    SCRIPT_API_GUARD();

    if (!instance->live) {
        error_setg(&err, "the device is not being realized");
    } else if (kind == SCRIPT_REALIZE) {
        super_realize(instance, &err);
    } else if (instance->super_realized) {
        super_unrealize(instance);
    }
    return script_result(err);
}

/* --- what enters the script --------------------------------------------- */

static void detach_chardevs(ScriptInstance *instance)
{
    uint32_t i;

    for (i = 0; i < instance->n_chardevs; i++) {
        script_chardev_detach(&instance->chardevs[i]);
    }
}

/* After realize() failed, or unrealize(): whatever the script did there */
static void end_life(ScriptInstance *instance)
{
    uint32_t i;

    if (instance->super_realized) {
        super_unrealize(instance);
    }
    instance->live = false;
    for (i = 0; i < instance->n_chardevs; i++) {
        script_chardev_end(&instance->chardevs[i]);
    }
    script_timers_stop(instance);
    script_gpio_disconnect(instance);
    script_accessors_remove(instance);
    script_regions_unrealize(instance);
    script_unblock_migration(instance);
}

static void put_to_rest(ScriptInstance *instance)
{
    /* No more input from here on */
    detach_chardevs(instance);
    instance->leaving = true;
    call(instance, SCRIPT_UNREALIZE, 0, NULL);
    end_life(instance);
}

static void bring_to_life(ScriptInstance *instance, Error **errp)
{
    uint32_t i;

    if (!script_block_migration(instance, errp) ||
        !script_regions_realize(instance, errp)) {
        script_regions_unrealize(instance);
        script_unblock_migration(instance);
        return;
    }
    /* Its realize() may raise a line or write to its chardevs */
    instance->live = true;
    instance->leaving = false;
    instance->known = true;
    if (!call(instance, SCRIPT_REALIZE, 0, errp)) {
        end_life(instance);
        return;
    }
    for (i = 0; i < instance->n_chardevs; i++) {
        script_chardev_attach(&instance->chardevs[i]);
    }
    if (!script_check_children(instance->obj, errp)) {
        put_to_rest(instance);
    }
}

void script_device_realize(DeviceState *dev, Error **errp)
{
    if (script_check_replaced(dev, errp)) {
        bring_to_life(script_instance_of(OBJECT(dev)), errp);
    }
}

void script_device_unrealize(DeviceState *dev)
{
    put_to_rest(script_instance_of(OBJECT(dev)));
}

/* An object that is no device has all its properties now */
void script_object_complete(UserCreatable *uc, Error **errp)
{
    bring_to_life(script_instance_of(OBJECT(uc)), errp);
}

void script_instance_unparent(Object *obj)
{
    ScriptInstance *instance = script_instance_of(obj);

    if (instance->known && instance->shape->decl->unparent) {
        call(instance, SCRIPT_UNPARENT, 0, NULL);
    }
    if (!instance->dev && instance->live) {
        put_to_rest(instance);
    }
    if (instance->type->c_unparent) {
        instance->type->c_unparent(obj);
    }
}

void script_instance_nmi(NMIState *nmi, int cpu_index, Error **errp)
{
    ScriptInstance *instance = script_instance_of(OBJECT(nmi));

    if (instance->live) {
        call(instance, SCRIPT_NMI, cpu_index, errp);
    }
}

/* --- what the script calls ---------------------------------------------- */

void *script_instance_state(void *opaque)
{
    ScriptInstance *instance = opaque;

    return instance->state;
}

/*
 * Has the object what its type declares?  A reload gives that to those alone
 * that a script knows.
 */
int32_t script_instance_current(void *opaque)
{
    ScriptInstance *instance = opaque;

    return instance->shape == instance->type->shape;
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
    path = instance->obj ? object_get_canonical_path(instance->obj) : NULL;
    return path ?: "";
}

/* NULL once QEMU finalizes it; the caller gets no reference */
void *script_instance_object(void *opaque)
{
    ScriptInstance *instance = opaque;

    return instance->obj;
}

void script_irq_set(void *opaque, uint32_t line, uint32_t level)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    if (instance->live) {
        qemu_set_irq(instance->irqs[line], level);
    }
}

/* The lines in @mask that lead somewhere */
static void drive(ScriptInstance *instance, uint32_t levels, uint32_t mask)
{
    qemu_irq *irqs = instance->irqs;
    uint32_t i, n = instance->shape->decl->irqs;

    if (!instance->live) {
        return;
    }
    for (i = 0; i < n; i++) {
        if (irqs[i] && (mask >> i) & 1) {
            qemu_set_irq(irqs[i], (levels >> i) & 1);
        }
    }
}

void script_irq_drive(void *opaque, uint32_t levels, uint32_t mask)
{
    SCRIPT_API_GUARD();

    drive(opaque, levels, mask);
}

void script_irq_flush(uint32_t irq_owner)
{
    ScriptInstance *instance =
        script_instance_by_id(irq_owner - SCRIPT_IRQ_OF);

    if (script_state.irq_mask) {
        drive(instance, script_state.irq_levels, script_state.irq_mask);
    } else {
        script_pci_pin(instance, script_state.irq_levels);
    }
}

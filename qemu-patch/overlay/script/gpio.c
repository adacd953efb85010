/*
 * GPIO lines of scripted devices
 *
 * Input is posted: who drives a line never waits for a script, and drives the
 * next one before any script has seen the first.  Every call arrives, also one
 * that leaves the level as it is.
 *
 * What a script does in answer to a line may come back to it, on the same line
 * or through other devices.  Posts that follow from each other are counted, so
 * that a ring of inverters ends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "hw/irq.h"
#include "device.h"

/* How many posts may follow from each other */
#define MAX_HOPS 64

/* Of inputs; the key of an array has the instance's id above this */
#define MAX_ARRAYS 256

/* --- input -------------------------------------------------------------- */

static uint32_t hops_so_far(void)
{
    const ScriptFrame *served = script_served_post();

    return served && served->kind == SCRIPT_GPIO ? served->attrs : 0;
}

static void warn_of_oscillation(ScriptInstance *instance,
                                ScriptInputPort *input, uint32_t line)
{
    if (!input->oscillated) {
        input->oscillated = true;
        warn_report("%s: GPIO input %u oscillates: it changed %d times by its "
                    "own doing, and is cut off there",
                    instance->type->decl->name, line, MAX_HOPS);
    }
}

/*
 * @opaque is no pointer: a line that is still connected to an unplugged device
 * may be driven.
 */
static void input_driven(void *opaque, int n, int level)
{
    uintptr_t key = (uintptr_t)opaque;
    ScriptInstance *instance = script_instance_by_id(key / MAX_ARRAYS);
    uint32_t array = key % MAX_ARRAYS;
    ScriptInputPort *input;
    uint32_t line, hops;
    bool changes;

    if (!instance || !instance->inputs) {
        return;
    }
    input = &instance->inputs[array];
    line = n - input->first;
    changes = input->levels[line] != !!level;
    input->levels[line] = level;
    if (!instance->live) {
        return;
    }
    hops = hops_so_far();
    if (hops < MAX_HOPS) {
        const ScriptFrame frame = {
            .kind = SCRIPT_GPIO,
            .target = instance->id,
            .offset = array,
            .value = line,
            .value_high = !!level,
            .attrs = hops + 1,
        };

        script_post_frame(&frame, NULL, NULL, NULL);
    } else if (changes) {
        warn_of_oscillation(instance, input, line);
    }
}

/* A type of QEMU's that the script inherits from may have unnamed lines too */
NamedGPIOList *script_gpio_list(DeviceState *dev, const char *name)
{
    NamedGPIOList *list;

    QLIST_FOREACH(list, &dev->gpios, node) {
        if (!g_strcmp0(list->name, name)) {
            return list;
        }
    }
    return NULL;
}

static int count_inputs(DeviceState *dev, const char *name)
{
    NamedGPIOList *list = script_gpio_list(dev, name);

    return list ? list->num_in : 0;
}

static void init_inputs(ScriptInstance *instance)
{
    ScriptLinesList *decl = instance->shape->decl->inputs;
    uintptr_t key = (uintptr_t)instance->id * MAX_ARRAYS;
    ScriptInputPort *input;

    input = instance->inputs = g_new0(ScriptInputPort,
                                      QAPI_LIST_LENGTH(decl));
    for (; decl; decl = decl->next, input++, key++) {
        const char *name = decl->value->name;

        input->first = count_inputs(instance->dev, name);
        input->levels = g_new0(bool, decl->value->count);
        qdev_init_gpio_in_named_with_opaque(instance->dev, input_driven,
                                            (void *)key, name,
                                            decl->value->count);
    }
}

/* --- output ------------------------------------------------------------- */

static uint32_t count_outputs(ScriptInstance *instance)
{
    ScriptLinesList *decl;
    uint32_t n = 0;

    for (decl = instance->shape->decl->outputs; decl; decl = decl->next) {
        n += decl->value->count;
    }
    return n;
}

static void init_outputs(ScriptInstance *instance)
{
    ScriptLinesList *decl;
    uint32_t first = 0;

    instance->outputs = g_new0(qemu_irq, count_outputs(instance));
    for (decl = instance->shape->decl->outputs; decl; decl = decl->next) {
        qdev_init_gpio_out_named(instance->dev, &instance->outputs[first],
                                 decl->value->name, decl->value->count);
        first += decl->value->count;
    }
}

void script_gpio_init(ScriptInstance *instance)
{
    init_inputs(instance);
    init_outputs(instance);
}

/* --- wires -------------------------------------------------------------- */

/*
 * A line does not keep the device alive that it leads to.  A wire is a property
 * of that device, so that the line ends when the device does, and a script
 * cannot drive one into freed memory.
 */
struct ScriptWire {
    uint32_t id;                 /* of the instance that drives it */
    const char *output;
    uint32_t line;
    qemu_irq irq;
    Object *target;
    const char *property;
};

static void release_wire(Object *obj, const char *name, void *opaque)
{
    ScriptWire *wire = opaque;
    ScriptInstance *instance = script_instance_by_id(wire->id);
    DeviceState *dev = instance ? instance->dev : NULL;

    if (dev) {
        instance->wires = g_slist_remove(instance->wires, wire);
        if (qdev_get_gpio_out_connector(dev, wire->output, wire->line) ==
            wire->irq) {
            qdev_connect_gpio_out_named(dev, wire->output, wire->line, NULL);
        }
    }
    g_free(wire);
}

static void remove_wire(ScriptWire *wire)
{
    object_property_del(wire->target, wire->property);
}

static void add_wire(ScriptInstance *instance, const char *output,
                     uint32_t line, Object *target, qemu_irq irq)
{
    ScriptWire *wire;
    GSList *item;

    for (item = instance->wires; item; item = item->next) {
        wire = item->data;
        if (wire->line == line && !g_strcmp0(wire->output, output)) {
            remove_wire(wire);
            break;
        }
    }
    wire = g_new0(ScriptWire, 1);
    wire->id = instance->id;
    wire->output = output;
    wire->line = line;
    wire->irq = irq;
    wire->target = target;
    wire->property = object_property_add(target, "script-wire[*]",
                                         "script-wire", NULL, NULL,
                                         release_wire, wire)->name;
    instance->wires = g_slist_prepend(instance->wires, wire);
}

/* Of those that the script made */
void script_gpio_disconnect(ScriptInstance *instance)
{
    while (instance->wires) {
        remove_wire(instance->wires->data);
    }
}

void script_gpio_free(ScriptInstance *instance)
{
    uint32_t i, n = QAPI_LIST_LENGTH(instance->shape->decl->inputs);

    for (i = 0; instance->inputs && i < n; i++) {
        g_free(instance->inputs[i].levels);
    }
    g_clear_pointer(&instance->inputs, g_free);
    g_clear_pointer(&instance->outputs, g_free);
}

/* --- what the script calls ---------------------------------------------- */

void script_gpio_set(void *opaque, uint32_t line, uint32_t level)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    if (instance->live) {
        qemu_set_irq(instance->outputs[line], level);
    }
}

void script_gpio_drive(void *opaque, uint32_t first, uint32_t count,
                       uint32_t levels)
{
    ScriptInstance *instance = opaque;
    uint32_t i;
    SCRIPT_API_GUARD();

    for (i = 0; i < count && instance->live; i++) {
        qemu_set_irq(instance->outputs[first + i], (levels >> i) & 1);
    }
}

/* The level that the script has not been told of yet, if there is one */
uint32_t script_gpio_level(void *opaque, uint32_t input, uint32_t line)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    return instance->inputs ? instance->inputs[input].levels[line] : 0;
}

/* What QEMU calls the first line of an array: an ancestor has others */
uint32_t script_gpio_first(void *opaque, uint32_t input)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    return instance->inputs ? instance->inputs[input].first : 0;
}

/* Returns: the input, or %NULL and the message that the script gets */
static qemu_irq find_input(Object *obj, const char *name, uint32_t line,
                           const char **message)
{
    static char *text;
    DeviceState *dev = (DeviceState *)object_dynamic_cast(obj, TYPE_DEVICE);

    g_clear_pointer(&text, g_free);
    if (dev && line < count_inputs(dev, name)) {
        return qdev_get_gpio_in_named(dev, name, line);
    }
    text = g_strdup_printf("%s has no %s%s %u",
                           object_get_typename(obj), name ? "input " : "",
                           name ?: "unnamed input", line);
    *message = text;
    return NULL;
}

/* The list's last @own lines are the script's, this is one of them */
static void connect_one(ScriptInstance *instance, const char *name,
                        uint32_t own, uint32_t line, Object *obj, qemu_irq irq)
{
    NamedGPIOList *list = script_gpio_list(instance->dev, name);

    line += list->num_out - own;
    if (!g_strcmp0(name, SYSBUS_DEVICE_GPIO_IRQ)) {
        sysbus_connect_irq(SYS_BUS_DEVICE(instance->dev), line, irq);
    } else {
        qdev_connect_gpio_out_named(instance->dev, name, line, irq);
    }
    add_wire(instance, name, line, obj, irq);
}

/* The message lives until the next call */
const char *script_gpio_connect(void *opaque, uint32_t line, void *object,
                                const char *input, uint32_t input_line)
{
    ScriptInstance *instance = opaque;
    ScriptLinesList *array = instance->shape->decl->outputs;
    const char *message = NULL;
    qemu_irq irq;
    SCRIPT_API_GUARD();

    irq = find_input(object, input, input_line, &message);
    if (irq && instance->live) {
        for (; line >= array->value->count; array = array->next) {
            line -= array->value->count;
        }
        connect_one(instance, array->value->name, array->value->count, line,
                    object, irq);
    }
    return message;
}

const char *script_irq_connect(void *opaque, uint32_t line, void *object,
                               const char *input, uint32_t input_line)
{
    ScriptInstance *instance = opaque;
    const char *message = NULL;
    qemu_irq irq;
    SCRIPT_API_GUARD();

    irq = find_input(object, input, input_line, &message);
    if (irq && instance->live) {
        connect_one(instance, SYSBUS_DEVICE_GPIO_IRQ,
                    instance->shape->decl->irqs, line, object, irq);
    }
    return message;
}

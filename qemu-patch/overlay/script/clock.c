/*
 * Clock inputs and outputs of scripted devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/qdev-clock.h"
#include "device.h"

/* The unit of a period is 2^-32 ns */
#define PERIOD_1NS CLOCK_PERIOD_FROM_NS(1)

static void clock_changed(void *opaque, ClockEvent event)
{
    ScriptClockPort *port = opaque;
    uint64_t period = port->clock->period;

    if (port->instance->live) {
        script_post(SCRIPT_CLOCK, port->instance->id, port->index, 0,
                    &period, sizeof(period), NULL, NULL);
    }
}

/* The inputs come first */
void script_clocks_init(ScriptInstance *instance)
{
    ScriptType *decl = instance->shape->decl;
    uint32_t inputs = QAPI_LIST_LENGTH(decl->clocks);
    uint32_t outputs = QAPI_LIST_LENGTH(decl->clock_outputs);
    ScriptClockPort *port;
    strList *name;

    port = instance->clocks = g_new0(ScriptClockPort, inputs + outputs);
    for (name = decl->clocks; name; name = name->next, port++) {
        port->instance = instance;
        port->index = port - instance->clocks;
        port->clock = qdev_init_clock_in(instance->dev, name->value,
                                         clock_changed, port, ClockUpdate);
    }
    for (name = decl->clock_outputs; name; name = name->next, port++) {
        port->clock = qdev_init_clock_out(instance->dev, name->value);
    }
}

/* --- migration ----------------------------------------------------------- */

static Clock *clock_by_name(ScriptInstance *instance, const char *wanted)
{
    ScriptType *decl = instance->shape->decl;
    ScriptClockPort *port = instance->clocks;
    strList *name;

    for (name = decl->clocks; name; name = name->next, port++) {
        if (!strcmp(name->value, wanted)) {
            return port->clock;
        }
    }
    for (name = decl->clock_outputs; name; name = name->next, port++) {
        if (!strcmp(name->value, wanted)) {
            return port->clock;
        }
    }
    return NULL;
}

static void point(ScriptInstance *instance, ScriptFieldList *field, void *state)
{
    for (; field; field = field->next) {
        if (field->value->type == SCRIPT_FIELD_TYPE_CLOCK) {
            *(Clock **)(state + field->value->offset) =
                clock_by_name(instance, field->value->clock);
        }
    }
}

/*
 * In @state, a copy of the state block that migrates, has the fields that are
 * clocks point to them: they are QEMU's objects, and QEMU saves and loads them.
 */
void script_clocks_point(ScriptInstance *instance, void *state)
{
    ScriptState *decl = instance->shape->decl->state;
    ScriptLayoutList *sub;

    point(instance, decl->fields, state);
    for (sub = decl->subsections; sub; sub = sub->next) {
        point(instance, sub->value->fields, state);
    }
}

/* --- what the script calls ----------------------------------------------- */

/* NULL when the object is gone, and its clocks with it */
static Clock *clock_of(ScriptInstance *instance, uint32_t index)
{
    return instance->obj ? instance->clocks[index].clock : NULL;
}

double script_clock_hz(void *instance, uint32_t index)
{
    Clock *clk;
    SCRIPT_API_GUARD();

    clk = clock_of(instance, index);
    return clk && clk->period ? CLOCK_PERIOD_1SEC / clk->period : 0;
}

double script_clock_period_ns(void *instance, uint32_t index)
{
    Clock *clk;
    SCRIPT_API_GUARD();

    clk = clock_of(instance, index);
    return clk ? clk->period / (double)PERIOD_1NS : 0;
}

uint64_t script_clock_period(void *instance, uint32_t index)
{
    Clock *clk;
    SCRIPT_API_GUARD();

    clk = clock_of(instance, index);
    return clk ? clk->period : 0;
}

static void set_period(ScriptInstance *instance, uint32_t index,
                       uint64_t period)
{
    Clock *clk = clock_of(instance, index);

    if (clk) {
        clock_update(clk, period);
    }
}

static uint64_t to_period(double period)
{
    return period >= (double)UINT64_MAX ? UINT64_MAX : (uint64_t)period;
}

/* Divided as clock_set_hz() does, so that a whole number gives what C gets */
void script_clock_set_hz(void *instance, uint32_t index, double hz)
{
    uint64_t whole = to_period(hz);
    SCRIPT_API_GUARD();

    set_period(instance, index,
               hz == whole ? CLOCK_PERIOD_FROM_HZ(whole) :
               to_period(CLOCK_PERIOD_1SEC / hz));
}

void script_clock_set_ns(void *instance, uint32_t index, double ns)
{
    SCRIPT_API_GUARD();

    set_period(instance, index, to_period(ns * PERIOD_1NS));
}

void script_clock_set_period(void *instance, uint32_t index, uint32_t low,
                             uint32_t high)
{
    SCRIPT_API_GUARD();

    set_period(instance, index, (uint64_t)high << 32 | low);
}

void script_clock_scale(void *instance, uint32_t index, uint32_t multiplier,
                        uint32_t divider)
{
    Clock *clk;
    SCRIPT_API_GUARD();

    clk = clock_of(instance, index);
    if (clk && clock_set_mul_div(clk, multiplier, divider)) {
        clock_propagate(clk);
    }
}

/* The string lives until the next call; empty if the object is gone */
const char *script_clock_path(void *instance, uint32_t index)
{
    static char *path;
    Clock *clk;
    SCRIPT_API_GUARD();

    clk = clock_of(instance, index);
    g_free(path);
    path = clk ? object_get_canonical_path(OBJECT(clk)) : NULL;
    return path ?: "";
}

static bool comes_from(Clock *clk, Clock *source)
{
    for (; clk; clk = clk->source) {
        if (clk == source) {
            return true;
        }
    }
    return false;
}

static Clock *clock_at(const char *path, Error **errp)
{
    Object *obj = object_resolve_path(path, NULL);
    Clock *clk = (Clock *)object_dynamic_cast(obj, TYPE_CLOCK);

    if (!clk) {
        error_setg(errp, obj ? "%s is no clock" : "there is no %s", path);
    }
    return clk;
}

static void set_source(Clock *clk, Clock *source, Error **errp)
{
    g_autofree char *name = object_get_canonical_path(OBJECT(clk));

    if (clock_has_source(clk)) {
        error_setg(errp, "%s has a source already", name);
        return;
    }
    if (comes_from(source, clk)) {
        error_setg(errp, "the source comes from %s itself", name);
        return;
    }
    clock_set_source(clk, source);
}

/*
 * An input takes the clock at @path for its source, an output becomes that of
 * the clock there.  Returns the error message, which lives until the next
 * call, or NULL.
 */
const char *script_clock_connect(void *opaque, uint32_t index,
                                 const char *path)
{
    static char *message;
    ScriptInstance *instance = opaque;
    Error *err = NULL;
    Clock *clk, *other;
    SCRIPT_API_GUARD();

    g_clear_pointer(&message, g_free);
    clk = clock_of(instance, index);
    if (!clk) {
        return NULL;
    }
    other = clock_at(path, &err);
    if (other && index < QAPI_LIST_LENGTH(instance->shape->decl->clocks)) {
        set_source(clk, other, &err);
    } else if (other) {
        set_source(other, clk, &err);
    }
    if (!err) {
        return NULL;
    }
    message = g_strdup(error_get_pretty(err));
    error_free(err);
    return message;
}

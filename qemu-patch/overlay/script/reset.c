/*
 * Reset of scripted devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/resettable.h"
#include "device.h"

static void enter_script(Object *obj, uint32_t kind, ResetType type)
{
    ScriptInstance *instance = script_instance_of(obj);

    if (instance->live) {
        script_call(kind, instance->id, type, instance, NULL, NULL);
    }
}

/* What the nearest type of QEMU's does comes first */
static ResettablePhases *c_phases(Object *obj)
{
    return &script_type_of(object_get_typename(obj))->c_phases;
}

static void reset_enter(Object *obj, ResetType type)
{
    if (c_phases(obj)->enter) {
        c_phases(obj)->enter(obj, type);
    }
    enter_script(obj, SCRIPT_RESET_ENTER, type);
}

static void reset_hold(Object *obj, ResetType type)
{
    if (c_phases(obj)->hold) {
        c_phases(obj)->hold(obj, type);
    }
    enter_script(obj, SCRIPT_RESET_HOLD, type);
}

static void reset_exit(Object *obj, ResetType type)
{
    if (c_phases(obj)->exit) {
        c_phases(obj)->exit(obj, type);
    }
    enter_script(obj, SCRIPT_RESET_EXIT, type);
}

/* A device without phases does all at once, when QEMU's older models do */
static void reset_all(Object *obj, ResetType type)
{
    if (c_phases(obj)->hold) {
        c_phases(obj)->hold(obj, type);
    }
    enter_script(obj, SCRIPT_RESET, type);
}

static void take(ResettablePhases *phases, ScriptResetPhase phase)
{
    switch (phase) {
    case SCRIPT_RESET_PHASE_ALL:
        phases->hold = reset_all;
        break;
    case SCRIPT_RESET_PHASE_ENTER:
        phases->enter = reset_enter;
        break;
    case SCRIPT_RESET_PHASE_HOLD:
        phases->hold = reset_hold;
        break;
    case SCRIPT_RESET_PHASE_EXIT:
        phases->exit = reset_exit;
        break;
    default:
        g_assert_not_reached();
    }
}

void script_reset_class_init(DeviceClass *dc, ScriptTypeData *type)
{
    ResettablePhases *phases = &RESETTABLE_CLASS(dc)->phases;
    ScriptResetPhaseList *phase;

    /* The class of a scripted parent had its own put in, and so has this */
    type->c_phases = type->parent ? type->parent->c_phases : *phases;
    *phases = type->c_phases;
    for (phase = type->decl->reset; phase; phase = phase->next) {
        take(phases, phase->value);
    }
}

/*
 * Reset of scripted devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/resettable.h"
#include "device.h"

/* Has the script anything to do in this phase, as it is now? */
static bool wants(ScriptInstance *instance, ScriptResetPhase wanted)
{
    ScriptResetPhaseList *phase = instance->shape->decl->reset;

    for (; phase; phase = phase->next) {
        if (phase->value == wanted) {
            return true;
        }
    }
    return false;
}

static void enter_script(Object *obj, ScriptResetPhase phase, uint32_t kind,
                         ResetType type)
{
    ScriptInstance *instance = script_instance_of(obj);

    if (instance->live && wants(instance, phase)) {
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
    enter_script(obj, SCRIPT_RESET_PHASE_ENTER, SCRIPT_RESET_ENTER, type);
}

/* A device without phases does all at once, when QEMU's older models do */
static void reset_hold(Object *obj, ResetType type)
{
    if (c_phases(obj)->hold) {
        c_phases(obj)->hold(obj, type);
    }
    enter_script(obj, SCRIPT_RESET_PHASE_ALL, SCRIPT_RESET, type);
    enter_script(obj, SCRIPT_RESET_PHASE_HOLD, SCRIPT_RESET_HOLD, type);
}

static void reset_exit(Object *obj, ResetType type)
{
    if (c_phases(obj)->exit) {
        c_phases(obj)->exit(obj, type);
    }
    enter_script(obj, SCRIPT_RESET_PHASE_EXIT, SCRIPT_RESET_EXIT, type);
}

void script_reset_class_init(DeviceClass *dc, ScriptTypeData *type)
{
    ResettablePhases *phases = &RESETTABLE_CLASS(dc)->phases;

    /* The class of a scripted parent had its own put in, and so has this */
    type->c_phases = type->parent ? type->parent->c_phases : *phases;
    *phases = (ResettablePhases) {
        .enter = reset_enter,
        .hold = reset_hold,
        .exit = reset_exit,
    };
}

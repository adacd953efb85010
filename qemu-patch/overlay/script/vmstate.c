/*
 * Migration of scripted devices: VMStateDescriptions from declarations
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "device.h"

typedef struct FieldKind {
    const VMStateInfo *info;
    size_t size;
} FieldKind;

static const FieldKind field_kinds[] = {
    [SCRIPT_FIELD_TYPE_BOOL] = { &vmstate_info_bool, 1 },
    [SCRIPT_FIELD_TYPE_UINT8] = { &vmstate_info_uint8, 1 },
    [SCRIPT_FIELD_TYPE_UINT16] = { &vmstate_info_uint16, 2 },
    [SCRIPT_FIELD_TYPE_UINT32] = { &vmstate_info_uint32, 4 },
    [SCRIPT_FIELD_TYPE_UINT64] = { &vmstate_info_uint64, 8 },
    [SCRIPT_FIELD_TYPE_INT8] = { &vmstate_info_int8, 1 },
    [SCRIPT_FIELD_TYPE_INT16] = { &vmstate_info_int16, 2 },
    [SCRIPT_FIELD_TYPE_INT32] = { &vmstate_info_int32, 4 },
    [SCRIPT_FIELD_TYPE_INT64] = { &vmstate_info_int64, 8 },
    [SCRIPT_FIELD_TYPE_UNUSED] = { &vmstate_info_unused_buffer, 1 },
};

static void make_field(VMStateField *field, const ScriptField *decl)
{
    const FieldKind *kind = &field_kinds[decl->type];

    field->name = decl->name;
    field->info = kind->info;
    field->offset = decl->offset;
    field->size = kind->size;
    if (decl->type == SCRIPT_FIELD_TYPE_UNUSED) {
        field->size = decl->count;
        field->flags = VMS_BUFFER;
    } else if (decl->count) {
        field->num = decl->count;
        field->flags = VMS_ARRAY;
    } else {
        field->flags = VMS_SINGLE;
    }
}

static VMStateDescription *make_fields(const ScriptState *state)
{
    size_t n = QAPI_LIST_LENGTH(state->fields);
    VMStateField *fields = g_new0(VMStateField, n + 1);
    const VMStateDescription vmsd = {
        .name = state->name,
        .version_id = state->version,
        .minimum_version_id = state->minimum_version,
        .fields = fields,
    };
    ScriptFieldList *decl;
    size_t i = 0;

    for (decl = state->fields; decl; decl = decl->next) {
        make_field(&fields[i++], decl->value);
    }
    fields[n].flags = VMS_END;
    return g_memdup2(&vmsd, sizeof(vmsd));
}

/*
 * The fields are in a block that the object points to, so the device's own
 * description has just the block.  In the stream that makes no difference.
 */
VMStateDescription *script_make_vmsd(ScriptTypeData *type)
{
    const ScriptState *state = type->decl->state;
    VMStateField *fields = g_new0(VMStateField, 4), *field;
    const VMStateDescription vmsd = {
        .name = state->name,
        .version_id = state->version,
        .minimum_version_id = state->minimum_version,
        .pre_save = script_pre_save,
        .pre_load = script_pre_load,
        .post_load = script_post_load,
        .fields = fields,
    };

    field = script_pci_make_fields(fields, type->decl->pci);
    field->name = "state";
    field->offset = type->tail + offsetof(ScriptTail, vmstate);
    field->size = state->size;
    field->flags = VMS_STRUCT | VMS_POINTER;
    field->vmsd = make_fields(state);
    field[1].flags = VMS_END;
    return g_memdup2(&vmsd, sizeof(vmsd));
}

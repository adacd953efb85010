/*
 * Migration of scripted devices: VMStateDescriptions from declarations
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "migration/qemu-file-types.h"
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
    [SCRIPT_FIELD_TYPE_STRUCT] = { },
    [SCRIPT_FIELD_TYPE_CLOCK] = { NULL, sizeof(Clock) },
};

static VMStateDescription *make_layout(const ScriptLayout *layout);

static void make_field(VMStateField *field, const ScriptField *decl)
{
    const FieldKind *kind = &field_kinds[decl->type];

    field->name = decl->name;
    field->info = kind->info;
    field->offset = decl->offset;
    field->size = kind->size;
    field->version_id = decl->since;
    field->flags = decl->count ? VMS_ARRAY : VMS_SINGLE;
    field->num = decl->count;
    if (decl->type == SCRIPT_FIELD_TYPE_UNUSED) {
        field->size = decl->count;
        field->flags = VMS_BUFFER;
    } else if (decl->type == SCRIPT_FIELD_TYPE_STRUCT) {
        field->size = decl->layout->size;
        field->flags |= VMS_STRUCT;
        field->vmsd = make_layout(decl->layout);
    } else if (decl->type == SCRIPT_FIELD_TYPE_CLOCK) {
        /* See script_clocks_point() */
        field->flags = VMS_STRUCT | VMS_POINTER;
        field->vmsd = &vmstate_clock;
    }
}

static VMStateDescription *make_layout(const ScriptLayout *layout)
{
    size_t n = QAPI_LIST_LENGTH(layout->fields);
    VMStateField *fields = g_new0(VMStateField, n + 1);
    const VMStateDescription vmsd = {
        .name = layout->name,
        .version_id = layout->version,
        .minimum_version_id = layout->minimum_version,
        .fields = fields,
    };
    ScriptFieldList *decl;
    size_t i = 0;

    for (decl = layout->fields; decl; decl = decl->next) {
        make_field(&fields[i++], decl->value);
    }
    fields[n].flags = VMS_END;
    return g_memdup2(&vmsd, sizeof(vmsd));
}

/* --- the bytes that a script makes itself --------------------------------- */

/*
 * Runs between the two fields: the length is in the stream of a stranger, and
 * would be allocated.  That it came at all is worth knowing, as it may be 0.
 */
static bool blob_fits(void *opaque, int version_id)
{
    ScriptBlob *blob = opaque;

    blob->present = true;
    return blob->length <= SCRIPT_MAX_BLOB;
}

/* At the end of the copy of the state block: see ScriptBlob */
static VMStateDescription *make_blob(const ScriptLayout *state)
{
    static const VMStateField parts[] = {
        VMSTATE_UINT32(length, ScriptBlob),
        VMSTATE_VALIDATE("the length", blob_fits),
        VMSTATE_VBUFFER_ALLOC_UINT32(bytes, ScriptBlob, 0, NULL, length),
        VMSTATE_END_OF_LIST()
    };
    char *name = g_strdup_printf("%s/blob", state->name);
    const VMStateDescription inner = {
        .name = g_strdup_printf("%s.bytes", name),
        .fields = parts,
    };
    VMStateField *fields = g_new0(VMStateField, 2);
    const VMStateDescription vmsd = {
        .name = name,
        .version_id = state->version,
        .minimum_version_id = state->minimum_version,
        .fields = fields,
    };

    fields[0].name = "blob";
    fields[0].offset = state->size;
    fields[0].size = sizeof(ScriptBlob);
    fields[0].flags = VMS_STRUCT;
    fields[0].vmsd = g_memdup2(&inner, sizeof(inner));
    fields[1].flags = VMS_END;
    return g_memdup2(&vmsd, sizeof(vmsd));
}

/* --- the section --------------------------------------------------------- */

/* The descriptions of the copy go with the shape, which the section's are of */
static const VMStateDescription *keep(ScriptShape *shape,
                                      VMStateDescription *copy)
{
    g_ptr_array_add(shape->copies, copy);
    return copy;
}

static const VMStateDescription **make_subsections(ScriptShape *shape)
{
    const ScriptState *state = shape->decl->state;
    size_t n = QAPI_LIST_LENGTH(state->subsections);
    const VMStateDescription **all = g_new0(const VMStateDescription *, n + 2);
    ScriptLayoutList *sub;
    size_t i = 0;

    for (sub = state->subsections; sub; sub = sub->next) {
        all[i++] = script_make_subsection(keep(shape, make_layout(sub->value)));
    }
    if (state->blob) {
        all[i] = script_make_subsection(
            keep(shape, make_blob(qapi_ScriptState_base(state))));
    }
    return all;
}

static const MigrationPriority priorities[] = {
    [SCRIPT_PRIORITY_DEFAULT] = MIG_PRI_DEFAULT,
    [SCRIPT_PRIORITY_IOMMU] = MIG_PRI_IOMMU,
    [SCRIPT_PRIORITY_PCI_BUS] = MIG_PRI_PCI_BUS,
    [SCRIPT_PRIORITY_VIRTIO_MEM] = MIG_PRI_VIRTIO_MEM,
    [SCRIPT_PRIORITY_GICV3_ITS] = MIG_PRI_GICV3_ITS,
    [SCRIPT_PRIORITY_GICV3] = MIG_PRI_GICV3,
};

/* How the nearest type of QEMU's migrates, or %NULL if it has nothing to */
static const VMStateDescription *c_vmsd(ScriptTypeData *type)
{
    DeviceClass *dc;

    while (type->parent) {
        type = type->parent;
    }
    dc = (DeviceClass *)object_class_dynamic_cast(
        object_class_by_name(type->decl->parent), TYPE_DEVICE);
    return dc ? dc->vmsd : NULL;
}

/* Its fields come first, as for types of QEMU's that inherit from it */
static VMStateField *make_c_fields(VMStateField *field, ScriptTypeData *type)
{
    const VMStateDescription *vmsd = c_vmsd(type);

    if (!vmsd) {
        return script_pci_make_fields(field, type->decl->pci);
    }
    *field++ = (VMStateField) {
        .name = "parent_obj",
        .size = type->tail,
        .vmsd = vmsd,
        .flags = VMS_STRUCT,
    };
    return field;
}

void script_make_vmsd(ScriptTypeData *type, ScriptShape *shape)
{
    const ScriptState *state = shape->decl->state;
    const VMStateDescription *parent = c_vmsd(type);
    const VMStateDescription *copy;
    VMStateField *fields;

    shape->copies = g_ptr_array_new();
    copy = keep(shape, make_layout(qapi_ScriptState_base(state)));
    fields = g_new0(VMStateField, script_count_fields(copy) + 3);
    script_make_section(make_c_fields(fields, type), copy);
    shape->vmsd = g_new(VMStateDescription, 1);
    *shape->vmsd = (VMStateDescription) {
        .name = state->name,
        .unmigratable = state->unmigratable || (parent && parent->unmigratable),
        .version_id = state->version,
        .minimum_version_id = state->minimum_version,
        .priority = priorities[state->priority],
        .pre_save = script_pre_save,
        .post_save = state->post_save ? script_post_save : NULL,
        .pre_load = script_pre_load,
        .post_load = script_post_load,
        .fields = fields,
        .subsections = make_subsections(shape),
    };
}

/* --- freeing -------------------------------------------------------------- */

static void free_layout(const VMStateDescription *vmsd)
{
    const VMStateField *field;

    for (field = vmsd->fields; field->flags != VMS_END; field++) {
        if (field->flags & VMS_STRUCT && !(field->flags & VMS_POINTER)) {
            free_layout(field->vmsd);
        }
    }
    g_free((void *)vmsd->fields);
    g_free((void *)vmsd);
}

static void free_blob(const VMStateDescription *vmsd)
{
    g_free((void *)vmsd->fields[0].vmsd->name);
    g_free((void *)vmsd->fields[0].vmsd);
    g_free((void *)vmsd->fields);
    g_free((void *)vmsd->name);
    g_free((void *)vmsd);
}

void script_free_vmsd(ScriptShape *shape)
{
    const VMStateDescription * const *sub;
    uint32_t i;

    if (!shape->vmsd) {
        return;
    }
    for (sub = shape->vmsd->subsections; *sub; sub++) {
        script_free_section(*sub);
    }
    g_free((void *)shape->vmsd->subsections);
    script_free_section(shape->vmsd);
    if (shape->decl->state->blob) {
        free_blob(g_ptr_array_steal_index(shape->copies,
                                          shape->copies->len - 1));
    }
    for (i = 0; i < shape->copies->len; i++) {
        free_layout(g_ptr_array_index(shape->copies, i));
    }
    g_ptr_array_unref(shape->copies);
}

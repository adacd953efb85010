/*
 * Migration of scripted devices: sections, as if all were in the object
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qobject/json-writer.h"
#include "device.h"

/* Where @real is, in the copy that belongs to the object at @pv */
static void *place_of(void *pv, const VMStateField *real)
{
    void *place = script_instance_of(pv)->saved + real->offset;

    return real->flags & VMS_POINTER ? *(void **)place : place;
}

/*
 * For a field of the section, whose vmsd has one field: the real one.  Neither
 * the stream nor what QEMU says of a bad one shows that this is not in the
 * object.
 */
static int get_field(QEMUFile *f, void *pv, size_t size,
                     const VMStateField *field)
{
    const VMStateField *real = field->vmsd->fields;
    void *elem = place_of(pv, real);
    int n = real->flags & VMS_ARRAY ? real->num : 1;
    int ret = 0;

    for (; n > 0 && ret >= 0; n--) {
        if (real->flags & VMS_STRUCT) {
            ret = vmstate_load_state(f, real->vmsd, elem,
                                     real->vmsd->version_id);
        } else {
            ret = real->info->get(f, elem, real->size, real);
        }
        elem += real->size;
    }
    return ret;
}

static bool is_plain(const VMStateField *real)
{
    return !(real->flags & (VMS_ARRAY | VMS_STRUCT));
}

static int put_field(QEMUFile *f, void *pv, size_t size,
                     const VMStateField *field, JSONWriter *vmdesc)
{
    const VMStateField *real = field->vmsd->fields;
    int ret;

    if (is_plain(real)) {
        return real->info->put(f, place_of(pv, real), real->size, real, vmdesc);
    }
    if (vmdesc) {
        json_writer_start_object(vmdesc, "struct");
    }
    if (real->flags & VMS_ARRAY) {
        ret = vmstate_save_state(f, field->vmsd, script_instance_of(pv)->saved,
                                 vmdesc);
    } else {
        ret = vmstate_save_state(f, real->vmsd, place_of(pv, real), vmdesc);
    }
    if (vmdesc) {
        json_writer_end_object(vmdesc);
    }
    return ret;
}

static void make_section_field(VMStateField *field, const VMStateField *real,
                               const VMStateDescription *copy)
{
    VMStateField *alone = g_new0(VMStateField, 2);
    const VMStateDescription vmsd = {
        .name = copy->name,
        .version_id = copy->version_id,
        .fields = alone,
    };
    const VMStateInfo info = {
        .name = is_plain(real) ? real->info->name : "struct",
        .get = get_field,
        .put = put_field,
    };

    alone[0] = *real;
    alone[1].flags = VMS_END;
    field->name = real->name;
    field->version_id = real->version_id;
    field->flags = VMS_SINGLE;
    field->info = g_memdup2(&info, sizeof(info));
    field->vmsd = g_memdup2(&vmsd, sizeof(vmsd));
}

void script_make_section(VMStateField *field, const VMStateDescription *copy)
{
    const VMStateField *real;

    for (real = copy->fields; real->name; real++) {
        make_section_field(field++, real, copy);
    }
    field->flags = VMS_END;
}

void script_free_section(const VMStateDescription *vmsd)
{
    const VMStateField *field;

    for (field = vmsd->fields; field->flags != VMS_END; field++) {
        if (field->info && field->info->get == get_field) {
            g_free((void *)field->info);
            g_free((void *)field->vmsd->fields);
            g_free((void *)field->vmsd);
        }
    }
    g_free((void *)vmsd->fields);
    g_free((void *)vmsd);
}

size_t script_count_fields(const VMStateDescription *vmsd)
{
    size_t n = 0;

    while (vmsd->fields[n].name) {
        n++;
    }
    return n;
}

/* Which are needed was asked once, before the copy was made; asked in order */
static bool subsection_needed(void *opaque)
{
    ScriptInstance *instance = script_instance_of(opaque);
    bool needed = instance->needed & 1;

    instance->needed >>= 1;
    return needed;
}

VMStateDescription *script_make_subsection(const VMStateDescription *copy)
{
    VMStateField *fields = g_new0(VMStateField, script_count_fields(copy) + 1);
    const VMStateDescription vmsd = {
        .name = copy->name,
        .version_id = copy->version_id,
        .minimum_version_id = copy->minimum_version_id,
        .needed = subsection_needed,
        .fields = fields,
    };

    script_make_section(fields, copy);
    return g_memdup2(&vmsd, sizeof(vmsd));
}

/*
 * The regions of a scripted device: how they are made, where they are, and
 * what the script does with them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "exec/address-spaces.h"
#include "exec/cpu-common.h"
#include "migration/vmstate.h"
#include "device.h"

/* RAMBlock.idstr has 256 bytes */
#define LONGEST_RAM_NAME 255

static bool is_ram(const ScriptRegion *decl)
{
    return decl->kind == SCRIPT_REGION_KIND_RAM ||
           decl->kind == SCRIPT_REGION_KIND_ROM;
}

static void init_region(ScriptInstance *instance, uint32_t index,
                        const ScriptRegion *decl)
{
    ScriptRegionPort *port = &instance->regions[index];
    Object *owner = instance->obj;

    port->decl = decl;
    switch (decl->kind) {
    case SCRIPT_REGION_KIND_IO:
        script_region_init(port, instance, index, decl);
        break;
    case SCRIPT_REGION_KIND_CONTAINER:
        memory_region_init(&port->mr, owner, decl->name, decl->size);
        break;
    case SCRIPT_REGION_KIND_ALIAS:
        memory_region_init_alias(&port->mr, owner, decl->name,
                                 &instance->regions[decl->alias_of].mr,
                                 decl->alias_offset, decl->size);
        break;
    default:
        /* RAM is for devices that are realized */
        return;
    }
    memory_region_set_enabled(&port->mr, decl->enabled);
}

void script_regions_init(ScriptInstance *instance)
{
    ScriptRegionList *region = instance->shape->decl->regions;
    uint32_t i;

    instance->regions = g_new0(ScriptRegionPort, QAPI_LIST_LENGTH(region));
    for (i = 0; region; region = region->next, i++) {
        init_region(instance, i, region->value);
    }
}

/* The same regions, in another shape's declaration */
void script_regions_declare(ScriptInstance *instance)
{
    ScriptRegionList *region = instance->shape->decl->regions;
    uint32_t i;

    for (i = 0; region; region = region->next, i++) {
        instance->regions[i].decl = region->value;
    }
}

void script_regions_free(ScriptInstance *instance)
{
    uint32_t i, n = QAPI_LIST_LENGTH(instance->shape->decl->regions);

    /* The slots stay taken, and empty */
    for (i = 0; i < n; i++) {
        if (instance->regions[i].decl->kind == SCRIPT_REGION_KIND_IO) {
            script_region_forget(&instance->regions[i]);
        }
        script_region_words_end(&instance->regions[i]);
    }
    g_clear_pointer(&instance->regions, g_free);
}

/*
 * RAM migrates under a name that no other has.  Where the bus gives devices no
 * path that QEMU could put before the name, as the system bus does not, that
 * of the object does.
 */
static char *ram_name(ScriptInstance *instance, const ScriptRegion *decl)
{
    g_autofree char *bus_path = qdev_get_dev_path(instance->dev);
    g_autofree char *path = NULL;

    if (bus_path) {
        return g_strdup(decl->name);
    }
    path = object_get_canonical_path(instance->obj);
    return g_strdup_printf("%s/%s", path, decl->name);
}

static bool init_ram(ScriptInstance *instance, ScriptRegionPort *port,
                     Error **errp)
{
    const ScriptRegion *decl = port->decl;
    Object *owner = instance->obj;
    g_autofree char *name = ram_name(instance, decl);

    if (strlen(name) > LONGEST_RAM_NAME || qemu_ram_block_by_name(name)) {
        error_setg(errp, "the RAM of region '%s' cannot be called '%s'",
                   decl->name, name);
        return false;
    }
    if (!(decl->kind == SCRIPT_REGION_KIND_ROM ?
          memory_region_init_rom_nomigrate(&port->mr, owner, name, decl->size,
                                           errp) :
          memory_region_init_ram_nomigrate(&port->mr, owner, name, decl->size,
                                           errp))) {
        return false;
    }
    memory_region_set_enabled(&port->mr, decl->enabled);
    port->has_ram = true;
    return true;
}

bool script_regions_realize(ScriptInstance *instance, Error **errp)
{
    uint32_t i, n = QAPI_LIST_LENGTH(instance->shape->decl->regions);

    for (i = 0; i < n; i++) {
        ScriptRegionPort *port = &instance->regions[i];

        if (!is_ram(port->decl) || port->migrates) {
            continue;
        }
        if (!port->has_ram && !init_ram(instance, port, errp)) {
            script_regions_unrealize(instance);
            return false;
        }
        vmstate_register_ram(&port->mr, instance->dev);
        port->migrates = true;
    }
    for (i = 0; i < n; i++) {
        ScriptRegionPort *port = &instance->regions[i];

        if (port->decl->has_inside && !port->placed) {
            MemoryRegion *mr = &instance->regions[port->decl->inside].mr;

            memory_region_add_subregion_overlap(mr, port->decl->at, &port->mr,
                                                port->decl->priority);
            port->placed = true;
        }
    }
    return true;
}

/*
 * A region inside another keeps a reference to its owner, which is the other's
 * too: taken out, the device can go.
 */
void script_regions_unrealize(ScriptInstance *instance)
{
    uint32_t i, n = QAPI_LIST_LENGTH(instance->shape->decl->regions);

    for (i = 0; i < n; i++) {
        ScriptRegionPort *port = &instance->regions[i];

        script_region_words_end(port);
        if (port->placed) {
            memory_region_del_subregion(
                &instance->regions[port->decl->inside].mr, &port->mr);
            port->placed = false;
        }
        if (port->migrates) {
            vmstate_unregister_ram(&port->mr, instance->dev);
            port->migrates = false;
        }
    }
}

/* --- what the script calls: nothing is there unless the device is live --- */

void *script_region_ram(void *opaque, uint32_t index)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    return instance->live ?
        memory_region_get_ram_ptr(&instance->regions[index].mr) : NULL;
}

/* The script wrote to the RAM as a device does that has it mapped */
void script_region_wrote(void *opaque, uint32_t index, double offset,
                         double length)
{
    ScriptInstance *instance = opaque;
    MemoryRegion *mr;
    uint8_t *ram;
    SCRIPT_API_GUARD();

    if (!instance->live) {
        return;
    }
    mr = &instance->regions[index].mr;
    ram = memory_region_get_ram_ptr(mr);
    memory_region_ref(mr);
    address_space_unmap(&address_space_memory, ram + (hwaddr)offset, length,
                        true, length);
}

int32_t script_region_enable(void *opaque, uint32_t index, uint32_t on)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    if (!instance->live) {
        return -1;
    }
    memory_region_set_enabled(&instance->regions[index].mr, on);
    return 0;
}

uint32_t script_region_enabled(void *opaque, uint32_t index)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    return instance->live && instance->regions[index].mr.enabled;
}

int32_t script_region_move(void *opaque, uint32_t index, double at)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    if (!instance->live) {
        return -1;
    }
    memory_region_set_address(&instance->regions[index].mr, at);
    return 0;
}

double script_region_at(void *opaque, uint32_t index)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    return instance->live ? instance->regions[index].mr.addr : 0;
}

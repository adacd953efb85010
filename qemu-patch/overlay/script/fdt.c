/*
 * Device-tree nodes of scripted devices on a platform bus
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <libfdt.h>
#include "qapi/error.h"
#include "hw/platform-bus.h"
#include "qemu/error-report.h"
#include "system/device_tree.h"
#include "device.h"

/* The interrupt cells of the GIC, the only controller with a platform bus */
#define IRQ_TYPE_SPI 0
#define IRQ_FLAGS_LEVEL_HI 4

static void set_strings(void *fdt, const char *node, const char *name,
                        strList *list)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    for (; list; list = list->next) {
        g_byte_array_append(bytes, (const uint8_t *)list->value,
                            strlen(list->value) + 1);
    }
    qemu_fdt_setprop(fdt, node, name, bytes->data, bytes->len);
}

static void set_clocks(void *fdt, const char *node, strList *paths)
{
    g_autoptr(GArray) cells = g_array_new(false, false, sizeof(uint32_t));

    for (; paths; paths = paths->next) {
        int offset = fdt_path_offset(fdt, paths->value);
        uint32_t phandle = offset < 0 ? 0 : fdt_get_phandle(fdt, offset);
        uint32_t cell = cpu_to_be32(phandle);

        if (!phandle) {
            warn_report("%s: this machine's device tree has no clock %s",
                        node, paths->value);
            return;
        }
        g_array_append_val(cells, cell);
    }
    qemu_fdt_setprop(fdt, node, "clocks", cells->data,
                     cells->len * sizeof(uint32_t));
}

static void set_interrupts(void *fdt, const char *node, SysBusDevice *sbdev,
                           PlatformBusDevice *pbus, int irq_start,
                           uint32List *lines)
{
    g_autoptr(GArray) cells = g_array_new(false, false, sizeof(uint32_t));

    for (; lines; lines = lines->next) {
        uint32_t irq = irq_start + platform_bus_get_irqn(pbus, sbdev,
                                                         lines->value);
        uint32_t triple[3] = { cpu_to_be32(IRQ_TYPE_SPI), cpu_to_be32(irq),
                               cpu_to_be32(IRQ_FLAGS_LEVEL_HI) };

        g_array_append_vals(cells, triple, 3);
    }
    qemu_fdt_setprop(fdt, node, "interrupts", cells->data,
                     cells->len * sizeof(uint32_t));
}

/* All regions: one cell for the address, one for the size, as the bus says */
static void set_reg(void *fdt, const char *node, SysBusDevice *sbdev,
                    PlatformBusDevice *pbus)
{
    g_autoptr(GArray) cells = g_array_new(false, false, sizeof(uint32_t));
    int i;

    for (i = 0; sysbus_has_mmio(sbdev, i); i++) {
        MemoryRegion *mr = sysbus_mmio_get_region(sbdev, i);
        hwaddr base = platform_bus_get_mmio_addr(pbus, sbdev, i);
        uint32_t pair[2] = { cpu_to_be32(base),
                             cpu_to_be32(memory_region_size(mr)) };

        if (base != -1) {
            g_array_append_vals(cells, pair, 2);
        }
    }
    qemu_fdt_setprop(fdt, node, "reg", cells->data,
                     cells->len * sizeof(uint32_t));
}

static void set_property(void *fdt, const char *node,
                         const ScriptTreeProperty *prop)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    const char *digits;

    for (digits = prop->value; digits[0] && digits[1]; digits += 2) {
        uint8_t byte = g_ascii_xdigit_value(digits[0]) << 4 |
                       g_ascii_xdigit_value(digits[1]);

        g_byte_array_append(bytes, &byte, 1);
    }
    qemu_fdt_setprop(fdt, node, prop->name, bytes->data, bytes->len);
}

static void set_alias(void *fdt, const char *node, const char *stem)
{
    int n;

    for (n = 0; ; n++) {
        g_autofree char *alias = g_strdup_printf("%s%d", stem, n);

        if (!fdt_get_alias(fdt, alias)) {
            qemu_fdt_setprop_string(fdt, "/aliases", alias, node);
            return;
        }
    }
}

/*
 * A node that is added becomes the first of its siblings, and firmware may
 * take the first device that fits for its console.  Put the console that the
 * board chose back in front.
 */
static void keep_console_first(void *fdt)
{
    int chosen = fdt_path_offset(fdt, "/chosen");
    const char *path = chosen < 0 ? NULL :
        fdt_getprop(fdt, chosen, "stdout-path", NULL);
    g_autofree char *name = g_strdup(path);
    g_autoptr(GPtrArray) props = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) sizes = g_array_new(false, false, sizeof(int));
    int node = name ? fdt_path_offset(fdt, name) : -1;
    int prop, i;

    if (node < 0 || fdt_parent_offset(fdt, node) != 0 ||
        fdt_first_subnode(fdt, node) >= 0) {
        return;
    }
    /* Properties, too, are added in front */
    fdt_for_each_property_offset(prop, fdt, node) {
        const char *prop_name;
        int size;
        const void *value = fdt_getprop_by_offset(fdt, prop, &prop_name, &size);

        g_ptr_array_add(props, g_strdup(prop_name));
        g_ptr_array_add(props, g_memdup2(value, size));
        g_array_append_val(sizes, size);
    }
    fdt_del_node(fdt, node);
    qemu_fdt_add_subnode(fdt, name);
    for (i = sizes->len - 1; i >= 0; i--) {
        qemu_fdt_setprop(fdt, name, g_ptr_array_index(props, 2 * i),
                         g_ptr_array_index(props, 2 * i + 1),
                         g_array_index(sizes, int, i));
    }
}

bool script_add_fdt_node(SysBusDevice *sbdev, void *fdt, const char *parent,
                         PlatformBusDevice *pbus, int irq_start)
{
    ScriptTypeData *type = script_type_of(object_get_typename(OBJECT(sbdev)));
    ScriptDeviceTree *decl = type ? type->decl->device_tree : NULL;
    g_autofree char *node = NULL;
    ScriptTreePropertyList *prop;
    hwaddr base;

    if (!decl) {
        /* A scripted device may well have no node */
        return type != NULL;
    }
    if (!sysbus_has_mmio(sbdev, 0)) {
        warn_report("%s has no regions, and so no node in the device tree",
                    type->decl->name);
        return true;
    }
    base = platform_bus_get_mmio_addr(pbus, sbdev, 0);
    node = g_strdup_printf("%s/%s@%" PRIx64, parent, decl->name, base);
    qemu_fdt_add_subnode(fdt, node);
    if (decl->has_clocks) {
        if (decl->has_clock_names) {
            set_strings(fdt, node, "clock-names", decl->clock_names);
        }
        set_clocks(fdt, node, decl->clocks);
    }
    if (decl->interrupts) {
        set_interrupts(fdt, node, sbdev, pbus, irq_start, decl->interrupts);
    }
    if (decl->has_interrupt_names) {
        set_strings(fdt, node, "interrupt-names", decl->interrupt_names);
    }
    set_reg(fdt, node, sbdev, pbus);
    if (decl->has_reg_names) {
        set_strings(fdt, node, "reg-names", decl->reg_names);
    }
    set_strings(fdt, node, "compatible", decl->compatible);
    for (prop = decl->properties; prop; prop = prop->next) {
        set_property(fdt, node, prop->value);
    }
    if (decl->alias) {
        set_alias(fdt, node, decl->alias);
    }
    keep_console_first(fdt);
    return true;
}

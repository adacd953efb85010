/*
 * Scripted PCI devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"
#include "qemu/bswap.h"
#include "device.h"

static ScriptInstance *instance_of(PCIDevice *dev)
{
    return script_instance_of(OBJECT(dev));
}

/* --- realize and exit ---------------------------------------------------- */

static uint8_t bar_type(const ScriptBar *bar)
{
    if (bar->io) {
        return PCI_BASE_ADDRESS_SPACE_IO;
    }
    return (bar->bits64 ? PCI_BASE_ADDRESS_MEM_TYPE_64 : 0) |
           (bar->prefetchable ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0);
}

static void register_bars(PCIDevice *dev, ScriptInstance *instance)
{
    ScriptBarList *bar;

    for (bar = instance->shape->decl->pci->bars; bar; bar = bar->next) {
        pci_register_bar(dev, bar->value->index, bar_type(bar->value),
                         &instance->regions[bar->value->region].mr);
    }
}

/* The region that BAR @index shows, or NULL if it is none of the script's */
static MemoryRegion *region_of_bar(ScriptInstance *instance, uint8_t index)
{
    ScriptBarList *bar;

    for (bar = instance->shape->decl->pci->bars; bar; bar = bar->next) {
        if (bar->value->index == index) {
            return &instance->regions[bar->value->region].mr;
        }
    }
    return NULL;
}

static bool init_msix(PCIDevice *dev, ScriptInstance *instance, Error **errp)
{
    const ScriptMsix *decl = instance->shape->decl->pci->msix;
    MemoryRegion *bar = region_of_bar(instance, decl->bar);
    uint32_t i;

    if (bar ? msix_init(dev, decl->vectors, bar, decl->bar, decl->table, bar,
                        decl->bar, decl->pba, 0, errp)
            : msix_init_exclusive_bar(dev, decl->vectors, decl->bar, errp)) {
        return false;
    }
    for (i = 0; i < decl->vectors; i++) {
        msix_vector_use(dev, i);
    }
    return true;
}

static void exit_msix(PCIDevice *dev, ScriptInstance *instance)
{
    const ScriptMsix *decl = instance->shape->decl->pci->msix;
    MemoryRegion *bar = decl ? region_of_bar(instance, decl->bar) : NULL;

    if (!decl || !msix_present(dev)) {
        return;
    }
    msix_unuse_all_vectors(dev);
    if (bar) {
        msix_uninit(dev, bar, bar);
    } else {
        msix_uninit_exclusive_bar(dev);
    }
}

static void exit_capabilities(PCIDevice *dev, ScriptInstance *instance)
{
    exit_msix(dev, instance);
    if (instance->shape->decl->pci->msi) {
        msi_uninit(dev);
    }
    if (dev->exp.exp_cap && instance->shape->decl->pci->express) {
        pcie_cap_exit(dev);
    }
}

static bool init_capabilities(PCIDevice *dev, ScriptInstance *instance,
                              Error **errp)
{
    const ScriptPci *decl = instance->shape->decl->pci;
    int offset;

    pci_config_set_interrupt_pin(dev->config, decl->pin);
    pci_config_set_prog_interface(dev->config, decl->programming_interface);
    if (decl->express) {
        offset = pcie_endpoint_cap_init(dev, 0);
        if (offset < 0) {
            error_setg(errp, "no room for the PCI Express capability");
            return false;
        }
    }
    if (decl->msi && msi_init(dev, decl->msi->offset, decl->msi->vectors,
                              decl->msi->bits64, decl->msi->maskable, errp)) {
        return false;
    }
    return !decl->msix || init_msix(dev, instance, errp);
}

static int disable_guard(Object *child, void *opaque)
{
    if (object_dynamic_cast(child, TYPE_MEMORY_REGION)) {
        MEMORY_REGION(child)->disable_reentrancy_guard = true;
    }
    return 0;
}

/*
 * An access to configuration space may wait for a script: for its answer, or
 * until it has heard that the access unplugs it.  QEMU's guard, one flag for
 * all threads, would let accesses of other vCPUs fail that the host bridge
 * gets meanwhile.  The engine has a guard for each chain of calls.
 */
static void disable_guard_of_bridge(PCIDevice *dev)
{
    DeviceState *bridge = BUS(pci_device_root_bus(dev))->parent;

    if (bridge) {
        object_child_foreach(OBJECT(bridge), disable_guard, NULL);
    }
}

/*
 * The first that runs.  What the bus lets go of when a device is unrealized, it
 * does some time later, without looking whether that is in use again; and it
 * keeps the sizes of BARs.
 */
static void bus_realize(DeviceState *dev, Error **errp)
{
    ScriptInstance *instance = script_instance_of(OBJECT(dev));

    if (instance->spent) {
        error_setg(errp, "a PCI device cannot be realized a second time");
        return;
    }
    instance->spent = true;
    instance->type->c_bus_realize(dev, errp);
}

static void pci_realize(PCIDevice *dev, Error **errp)
{
    ScriptInstance *instance = instance_of(dev);
    ERRP_GUARD();

    disable_guard_of_bridge(dev);
    if (!script_regions_realize(instance, errp)) {
        return;
    }
    if (instance->shape->decl->pci) {
        register_bars(dev, instance);
        if (!init_capabilities(dev, instance, errp)) {
            exit_capabilities(dev, instance);
            script_regions_unrealize(instance);
            return;
        }
    }
    script_device_realize(DEVICE(dev), errp);
    if (*errp && instance->shape->decl->pci) {
        exit_capabilities(dev, instance);
    }
}

static void pci_exit(PCIDevice *dev)
{
    ScriptInstance *instance = instance_of(dev);

    script_device_unrealize(DEVICE(dev));
    if (instance->shape->decl->pci) {
        exit_capabilities(dev, instance);
    }
}

/* --- configuration space, where the script has a say ---------------------- */

static uint32_t config_call(ScriptInstance *instance, uint32_t kind,
                            uint32_t address, uint32_t value, int length)
{
    ScriptFrame *frame = script_frame_get(kind, instance->id);

    frame->offset = address;
    frame->size = length;
    frame->value = value;
    script_frame_call(frame);
    value = frame->value;
    script_frame_put(frame, NULL, NULL);
    return value;
}

static uint32_t config_read(PCIDevice *dev, uint32_t address, int length)
{
    ScriptInstance *instance = instance_of(dev);

    /* What the script gives when it fails */
    uint32_t value = pci_default_read_config(dev, address, length);

    return instance->live ? config_call(instance, SCRIPT_CONFIG_READ, address,
                                        value, length) : value;
}

static void config_write(PCIDevice *dev, uint32_t address, uint32_t value,
                         int length)
{
    ScriptInstance *instance = instance_of(dev);

    if (instance->live) {
        config_call(instance, SCRIPT_CONFIG_WRITE, address, value, length);
    } else {
        pci_default_write_config(dev, address, value, length);
    }
}

/* --- the class ----------------------------------------------------------- */

/* For the first scripted type of a line: the others inherit it */
void script_pci_class_init(ObjectClass *klass, ScriptTypeData *type)
{
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);
    DeviceClass *dc = DEVICE_CLASS(klass);

    type->c_pci_realize = pc->realize;
    type->c_pci_exit = pc->exit;
    /* DeviceClass.realize is the bus's, and calls PCIDeviceClass.realize */
    type->c_bus_realize = dc->realize;
    dc->realize = bus_realize;
    pc->realize = pci_realize;
    pc->exit = pci_exit;
}

/* For each type that declares what it is on the bus */
void script_pci_class_declare(ObjectClass *klass, const ScriptPci *decl)
{
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->vendor_id = decl->vendor;
    pc->device_id = decl->device;
    pc->class_id = decl->q_class;
    pc->revision = decl->revision;
    pc->subsystem_vendor_id = decl->subsystem_vendor;
    pc->subsystem_id = decl->subsystem;
    if (decl->config_read) {
        pc->config_read = config_read;
    }
    if (decl->config_write) {
        pc->config_write = config_write;
    }
}

VMStateField *script_pci_make_fields(VMStateField *field,
                                     const ScriptPci *decl)
{
    if (decl) {
        /* The device's struct is the first in an object */
        *field++ = (VMStateField) {
            .name = "parent_obj",
            .size = sizeof(PCIDevice),
            .vmsd = &vmstate_pci_device,
            .flags = VMS_STRUCT,
        };
    }
    if (decl && decl->msix) {
        *field++ = (VMStateField) {
            .name = "parent_obj",
            .size = sizeof(PCIDevice),
            .vmsd = &vmstate_msix,
            .flags = VMS_STRUCT,
        };
    }
    return field;
}

/* --- what the script calls ------------------------------------------------ */

/* The device, if it is live and its configuration space has these bytes */
static PCIDevice *config_of(ScriptInstance *instance, uint32_t address,
                            uint32_t length)
{
    PCIDevice *dev = instance->live ? pci_of(instance) : NULL;

    return dev && length <= 4 && address <= pci_config_size(dev) - length ?
        dev : NULL;
}

uint32_t script_pci_config_get(void *opaque, uint32_t address, uint32_t length)
{
    PCIDevice *dev;
    SCRIPT_API_GUARD();

    dev = config_of(opaque, address, length);
    return dev ? ldn_le_p(dev->config + address, length) : 0;
}

void script_pci_config_set(void *opaque, uint32_t address, uint32_t value,
                           uint32_t length)
{
    PCIDevice *dev;
    SCRIPT_API_GUARD();

    dev = config_of(opaque, address, length);
    if (dev) {
        stn_le_p(dev->config + address, length, value);
    }
}

void script_pci_config_allow(void *opaque, uint32_t address, uint32_t mask,
                             uint32_t length)
{
    PCIDevice *dev;
    SCRIPT_API_GUARD();

    dev = config_of(opaque, address, length);
    if (dev) {
        stn_le_p(dev->wmask + address, length, mask);
    }
}

uint32_t script_pci_config_read(void *opaque, uint32_t address,
                                uint32_t length)
{
    PCIDevice *dev;
    SCRIPT_API_GUARD();

    dev = config_of(opaque, address, length);
    return dev ? pci_default_read_config(dev, address, length) : 0;
}

void script_pci_config_write(void *opaque, uint32_t address, uint32_t value,
                             uint32_t length)
{
    PCIDevice *dev;
    SCRIPT_API_GUARD();

    dev = config_of(opaque, address, length);
    if (dev) {
        pci_default_write_config(dev, address, value, length);
    }
}

void script_pci_pin(ScriptInstance *instance, bool level)
{
    const ScriptPci *decl = instance->shape->decl->pci;

    /* Its own configuration space is the script's, and has the pin */
    if (instance->live && decl && decl->pin &&
        pci_intx(pci_of(instance)) == decl->pin - 1) {
        pci_set_irq(pci_of(instance), level);
    }
}

void script_pci_irq_set(void *opaque, uint32_t level)
{
    SCRIPT_API_GUARD();

    script_pci_pin(opaque, level);
}

uint32_t script_pci_irq_level(void *opaque)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    return instance->live && pci_of(instance)->irq_state;
}

/*
 * Devices ask before each interrupt, so this needs no guard: a device does not
 * go away while its script runs, and one byte of configuration space is whole.
 */
static bool sends_messages(ScriptInstance *instance)
{
    return instance->live && msi_enabled(pci_of(instance));
}

/* Vectors that the guest allocated; 0 while it is not enabled */
uint32_t script_pci_msi_vectors(void *opaque)
{
    ScriptInstance *instance = opaque;

    return sends_messages(instance) ?
        msi_nr_vectors_allocated(pci_of(instance)) : 0;
}

/* Returns: whether it is enabled */
uint32_t script_pci_msi_notify(void *opaque, uint32_t vector)
{
    ScriptInstance *instance = opaque;
    PCIDevice *dev = pci_of(instance);

    if (!sends_messages(instance)) {
        return false;
    }
    SCRIPT_API_GUARD();
    if (!sends_messages(instance)) {
        /* Not any more, now that nobody else has the BQL */
        return false;
    }
    /* A device uses no more bits of the message than the guest gave it */
    msi_notify(dev, vector & (msi_nr_vectors_allocated(dev) - 1));
    return true;
}

uint32_t script_pci_msix_enabled(void *opaque)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    return instance->live && msix_enabled(pci_of(instance));
}

/* Returns: whether it is enabled */
uint32_t script_pci_msix_notify(void *opaque, uint32_t vector)
{
    ScriptInstance *instance = opaque;
    PCIDevice *dev;
    SCRIPT_API_GUARD();

    if (!instance->live || !msix_enabled(pci_of(instance))) {
        return false;
    }
    dev = pci_of(instance);
    if (vector < dev->msix_entries_nr) {
        msix_notify(dev, vector);
    }
    return true;
}

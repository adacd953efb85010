/*
 * Scripted PCI devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "device.h"

static void pci_realize(PCIDevice *dev, Error **errp)
{
    script_device_realize(DEVICE(dev), errp);
}

static void pci_exit(PCIDevice *dev)
{
    script_device_unrealize(DEVICE(dev));
}

/* DeviceClass.realize stays: it is the bus's, and calls ours */
void script_pci_class_init(ObjectClass *klass, ScriptTypeData *type)
{
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    type->c_pci_realize = pc->realize;
    type->c_pci_exit = pc->exit;
    pc->realize = pci_realize;
    pc->exit = pci_exit;
}

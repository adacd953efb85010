/*
 * Scripted devices: what the rest of QEMU calls
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SCRIPT_SCRIPT_H
#define SCRIPT_SCRIPT_H

#include "qemu/thread.h"
#include "qemu/typedefs.h"

struct PlatformBusDevice;
struct SysBusDevice;

/* Interface of every scripted device type */
#define TYPE_SCRIPT_DEVICE "script-device"

/* The driver name of "-device script,path=FILE", which is no type */
#define TYPE_SCRIPT_SUGAR "script"

/* Is this the script engine's thread, but outside its vCPU? */
extern __thread bool script_thread_outside_vcpu;

static inline bool script_outside_vcpu(void)
{
    return script_thread_outside_vcpu;
}

/**
 * script_vcpu_adopt:
 * @fn: the function of a vCPU thread
 * @cpu: its argument, a CPUState
 *
 * Returns: true if the engine will run @fn on its own thread.
 */
bool script_vcpu_adopt(void *(*fn)(void *), CPUState *cpu);

/**
 * script_vcpu_poll:
 *
 * Called by vCPU threads between two slices, with the BQL held: lets the
 * engine have the thread if it asked for it.
 */
void script_vcpu_poll(void);

/* system/cpus.c */
bool mutex_is_bql(QemuMutex *mutex);

/**
 * script_early_option:
 * @name: an option's name, without the dash
 * @optarg: its argument, or %NULL
 *
 * Loads the scripts that the command line names.  Ends the program with a
 * message if one of them is wrong.
 */
void script_early_option(const char *name, const char *optarg);

/**
 * script_resolve_driver:
 * @driver: value of "driver"
 * @path: value of "path", or %NULL
 * @errp: error object
 *
 * Returns: the type that the script at @path exports if @driver is
 * TYPE_SCRIPT_SUGAR, %NULL with @errp set if there is none; @driver otherwise.
 */
const char *script_resolve_driver(const char *driver, const char *path,
                                  Error **errp);

/**
 * script_resolve_device:
 * @driver: value of "driver"
 * @opts: all that was said of the device; "path" and "watch" count here
 *
 * The same for a device that is to be added to the machine: %NULL with @errp
 * set, too, if it is a script's and the machine has no bus for it.
 */
const char *script_resolve_device(const char *driver, const QDict *opts,
                                  Error **errp);

/**
 * script_add_fdt_node:
 *
 * Adds the device-tree node of @sbdev, below @parent, if it is a scripted
 * device.  @irq_start is the number of the platform bus's first interrupt.
 *
 * Returns: whether it is one.
 */
bool script_add_fdt_node(struct SysBusDevice *sbdev, void *fdt,
                         const char *parent, struct PlatformBusDevice *pbus,
                         int irq_start);

/* Commands of the human monitor */
void hmp_info_scripts(Monitor *mon, const QDict *qdict);
void hmp_script_reload(Monitor *mon, const QDict *qdict);

#endif

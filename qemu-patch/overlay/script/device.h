/*
 * Scripted device types and their instances
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SCRIPT_DEVICE_H
#define SCRIPT_DEVICE_H

#include "chardev/char-fe.h"
#include "exec/memory.h"
#include "hw/clock.h"
#include "hw/nmi.h"
#include "hw/pci/pci_device.h"
#include "hw/qdev-core.h"
#include "hw/sysbus.h"
#include "migration/vmstate.h"
#include "qapi/qapi-types-script.h"
#include "qom/object_interfaces.h"
#include "engine.h"

typedef struct ScriptInstance ScriptInstance;

/*
 * What of a type its script may declare anew when it is reloaded.  Objects
 * have the shape that their type had when they were made, or was given since.
 */
typedef struct ScriptShape {
    ScriptType *decl;
    void *initial_state;
    VMStateDescription *vmsd;    /* of an object; or NULL */
    GPtrArray *copies;           /* what that refers to: see script_make_vmsd */
    uint32_t users;              /* the type, and its objects */
} ScriptShape;

/* What a script registered; lives as long as the program */
typedef struct ScriptTypeData ScriptTypeData;
struct ScriptTypeData {
    const ScriptType *decl;      /* as it was registered */
    ScriptTypeData *parent;      /* if that is a scripted type */
    size_t size;                 /* of an object */
    size_t tail;                 /* where ScriptTail is in an object */
    Property *props;
    ScriptShape *shape;          /* of objects to come */
    ScriptShape *staged;         /* which a reload is about to make that */
    /* What the nearest type of QEMU's does */
    DeviceRealize c_realize;
    DeviceUnrealize c_unrealize;
    DeviceRealize c_bus_realize;
    void (*c_pci_realize)(PCIDevice *dev, Error **errp);
    void (*c_pci_exit)(PCIDevice *dev);
    void (*c_unparent)(Object *obj);
    ResettablePhases c_phases;
};

/*
 * Follows the parent type's struct in an object, and is followed by the values
 * of the properties.  All else is in a ScriptInstance, so that an object fits
 * where a board embeds a device.
 */
typedef struct ScriptTail {
    ScriptInstance *instance;
} ScriptTail;

/* Bytes that a script makes to be saved with its state, or gets back */
typedef struct ScriptBlob {
    uint32_t length;
    bool present;
    void *bytes;
} ScriptBlob;

/* A word of a region, with how frames begin that ask the script for it */
typedef struct ScriptPortWord {
    ScriptWord word;
    uint32_t reads[4];
    uint32_t writes[4];
} ScriptPortWord;

/* What that is: kind, target, and offset as two words */
QEMU_BUILD_BUG_ON(offsetof(ScriptFrame, target) != 4);
QEMU_BUILD_BUG_ON(offsetof(ScriptFrame, offset) != 8);
QEMU_BUILD_BUG_ON(offsetof(ScriptFrame, offset_high) != 12);

typedef struct ScriptRegionPort {
    MemoryRegion mr;
    ScriptInstance *instance;
    const ScriptRegion *decl;
    uint32_t index;
    uint32_t slot;               /* identifies the region to the engine */
    bool has_ram;
    bool migrates;               /* its RAM does */
    bool placed;                 /* is inside another region */
    ScriptPortWord *words;       /* as far as there are some */
    uint32_t n_words;
    uint32_t reader;             /* numbers of the handlers of all accesses, */
    uint32_t writer;             /* of a region without declared words; or 0 */
    bool held;                   /* the script must have all accesses */
} ScriptRegionPort;

/* In the place of a room: the script must look again */
#define SCRIPT_ROOM_UNKNOWN INT32_MIN

typedef struct ScriptChardev {
    CharBackend *be;
    ScriptInstance *instance;
    uint32_t index;              /* among the properties */
    bool receives;
    bool attached;
    bool opened;                 /* the backend is the script's choice */
    uint32_t room;               /* index into ScriptShared.rooms */
    uint32_t queued;             /* bytes posted and not taken */
    uint32_t told;               /* room that the backend has not used yet */
    bool asked;                  /* the script is to look for its room */
    GByteArray *backlog;         /* bytes that the backend did not take yet */
    bool wants_room;             /* the script could not write all it had */
    guint watch;
    QEMUTimer *retry;
} ScriptChardev;

typedef struct ScriptClockPort {
    ScriptInstance *instance;
    uint32_t index;
    Clock *clock;
} ScriptClockPort;

typedef struct ScriptTimerPort {
    QEMUTimer timer;
    ScriptInstance *instance;
    uint32_t index;
    QEMUClockType clock;
    uint32_t offset;             /* of its expiry in the state block */
    bool periodic;               /* followed by its period there */
    int64_t deadline;            /* when it expires, or did last */
    int64_t period;              /* 0 if it expires once */
    bool due;                    /* expired, and the script has not heard */
    bool posted;                 /* ... but will */
    bool serving;                /* QEMU's loop over timers waits for it */
} ScriptTimerPort;

typedef struct ScriptWire ScriptWire;

/* An array of GPIO inputs */
typedef struct ScriptInputPort {
    int first;                   /* number of its first line to QEMU */
    bool *levels;
    bool oscillated;             /* and the user was told */
} ScriptInputPort;

/*
 * Outlives its object if the script knows it: the engine's thread frees it,
 * when the script can no longer reach it.
 */
struct ScriptInstance {
    Object *obj;                 /* NULL when it is gone */
    DeviceState *dev;            /* the same, if it is a device */
    ScriptTypeData *type;
    ScriptShape *shape;
    ScriptTail *tail;
    uint32_t id;
    bool live;                   /* between realize and unrealize */
    bool leaving;                /* since unrealize began */
    bool known;                  /* the script has an object for it, or had */
    bool super_realized;         /* the nearest type of QEMU's is */
    bool spent;                  /* a PCI device that was realized once */
    uint32_t busy;               /* calls that its script serves */
    void *state;
    void *staged;                /* a block that a reload is to put there */
    void *saved;                 /* copy of @state, and behind it a ScriptBlob:
                                    what vmstate code works on */
    uint32_t needed;             /* a bit for each subsection to save */
    Error *blocker;
    ScriptRegionPort *regions;
    AddressSpace *dma_as;        /* found at the first use */
    qemu_irq *irqs;
    ScriptClockPort *clocks;     /* inputs, then outputs */
    ScriptTimerPort *timers;
    uint32_t n_timers;
    ScriptInputPort *inputs;     /* arrays of GPIO inputs */
    qemu_irq *outputs;           /* the lines of all arrays of outputs */
    GSList *wires;               /* ScriptWire: connections by the script */
    ScriptChardev *chardevs;     /* as many as chardev properties */
    uint32_t n_chardevs;
    uint32_t backlogged;         /* how many of them have a backlog */
};

/**
 * script_type_of:
 *
 * Returns: what the script that registered type @name declared, or %NULL if
 * it is no scripted type.
 */
ScriptTypeData *script_type_of(const char *name);

ScriptInstance *script_instance_of(Object *obj);

/* Returns: %NULL when it is gone; ids are not used twice */
ScriptInstance *script_instance_by_id(uint32_t id);

/*
 * Is a script in the middle of a call of QEMU's for @obj or an object below
 * it?  The caller needs the object there when it comes back.
 */
bool script_is_busy_below(Object *obj);

/* The same for any object */
bool script_any_instance_busy(void);

/* property.c; the first returns the size of an object of the type */
size_t script_make_properties(ScriptTypeData *type);
void script_install_properties(ObjectClass *oc, ScriptTypeData *type);
void script_free_properties(Object *obj, ScriptTypeData *type);

bool script_check_idle(Object *obj, Error **errp);

/* qom-make.c: what a script sets */
bool script_set_property(Object *obj, const char *name, QObject *value,
                         Error **errp);

/* qom.c: has the script realized all that it put below its device? */
bool script_check_children(Object *obj, Error **errp);

/* weak.c: the object's memory is about to go */
void script_weak_finalized(Object *obj);

/* clash.c: what does not fit the type that is inherited from */
bool script_check_clashes(const ScriptType *decl, Error **errp);

/* accessor.c: takes away the properties that the instance's script added */
void script_accessors_remove(ScriptInstance *instance);

/* replace.c: has @dev all that boards may use of what it stands in for? */
bool script_replace_type(const char *replaced, const char *type, Error **errp);
bool script_check_replaced(DeviceState *dev, Error **errp);

/* type.c */
ScriptType *script_parse_type(const char *json, Error **errp);

/* shape.c; the type's own use of its shape counts as one */
ScriptShape *script_shape_new(ScriptTypeData *type, ScriptType *decl,
                              const void *initial_state);
ScriptShape *script_shape_ref(ScriptShape *shape);
void script_shape_unref(ScriptShape *shape);

/* vmstate.c */
void script_make_vmsd(ScriptTypeData *type, ScriptShape *shape);
void script_free_vmsd(ScriptShape *shape);

/*
 * section.c: @copy describes the copy of the state block.  The first fills in
 * fields of the device's own description, and the end behind them.
 */
void script_make_section(VMStateField *field, const VMStateDescription *copy);
VMStateDescription *script_make_subsection(const VMStateDescription *copy);
void script_free_section(const VMStateDescription *vmsd);
size_t script_count_fields(const VMStateDescription *vmsd);

/* migrate.c */
void script_state_init(ScriptInstance *instance);
void script_state_free(ScriptInstance *instance);
void *script_state_new(ScriptShape *shape);
void script_state_replace(ScriptInstance *instance, ScriptShape *shape,
                          void *state);
int script_pre_save(void *opaque);
int script_post_save(void *opaque);
int script_pre_load(void *opaque);
int script_post_load(void *opaque, int version_id);
bool script_block_migration(ScriptInstance *instance, Error **errp);
void script_unblock_migration(ScriptInstance *instance);

/* device.c: the parts of a type that run for an instance */
void script_instance_init(Object *obj);
void script_instance_post_init(Object *obj);
void script_instance_finalize(Object *obj);
void script_instance_unparent(Object *obj);
void script_instance_nmi(NMIState *nmi, int cpu_index, Error **errp);
void script_object_complete(UserCreatable *uc, Error **errp);
void script_device_realize(DeviceState *dev, Error **errp);
void script_device_unrealize(DeviceState *dev);

/* pci.c */

/* Of a device of that kind, as it is known to be: without a cast that checks */
static inline PCIDevice *pci_of(ScriptInstance *instance)
{
    return (PCIDevice *)instance->dev;
}

void script_pci_pin(ScriptInstance *instance, bool level);
void script_pci_class_init(ObjectClass *klass, ScriptTypeData *type);
void script_pci_class_declare(ObjectClass *klass, const ScriptPci *decl);

/* Fills in what of a PCI device comes first in a stream: the next to fill */
VMStateField *script_pci_make_fields(VMStateField *field,
                                     const ScriptPci *decl);

/* For messages: "read of pl011-ts at /machine/..." */
char *script_describe_frame(ScriptFrame *frame);

/* memory.c; the third may be called twice */
void script_regions_init(ScriptInstance *instance);
void script_regions_declare(ScriptInstance *instance);
void script_regions_free(ScriptInstance *instance);
bool script_regions_realize(ScriptInstance *instance, Error **errp);
void script_regions_unrealize(ScriptInstance *instance);

/* region.c: regions whose accesses scripts serve */
void script_region_init(ScriptRegionPort *port, ScriptInstance *instance,
                        uint32_t index, const ScriptRegion *decl);
void script_region_forget(ScriptRegionPort *port);
void script_region_words_end(ScriptRegionPort *port);
ScriptRegionPort *script_region_by_slot(uint32_t slot);

/* gpio.c */
void script_gpio_init(ScriptInstance *instance);
void script_gpio_disconnect(ScriptInstance *instance);
void script_gpio_free(ScriptInstance *instance);
NamedGPIOList *script_gpio_list(DeviceState *dev, const char *name);

/* chardev.c */
void script_chardev_init(ScriptChardev *chr, ScriptInstance *instance,
                         uint32_t index, CharBackend *be, bool receives);
void script_chardev_set_receives(ScriptChardev *chr, bool receives);
void script_chardev_attach(ScriptChardev *chr);
void script_chardev_detach(ScriptChardev *chr);
void script_chardev_end(ScriptChardev *chr);
void script_chardev_finalize(ScriptChardev *chr);
void script_chardev_free(ScriptChardev *chr);

/* The script must look for the room for input before any is taken */
void script_chardev_doubt_room(ScriptChardev *chr);

/* Returns: whether the backend has all that was written */
bool script_chardev_drain(ScriptChardev *chr);

/* reset.c */
void script_reset_class_init(DeviceClass *dc, ScriptTypeData *type);

/* clock.c */
void script_clocks_init(ScriptInstance *instance);
void script_clocks_point(ScriptInstance *instance, void *state);

/* timer.c */
void script_timers_init(ScriptInstance *instance);
void script_timers_free(ScriptInstance *instance);
void script_timers_stop(ScriptInstance *instance);
void script_timers_save(ScriptInstance *instance, void *state);
void script_timers_load(ScriptInstance *instance);

/* Waits until the backends took what the instance wrote */
void script_wait_for_backends(ScriptInstance *instance);

#endif

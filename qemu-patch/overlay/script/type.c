/*
 * Registering the device types that scripts declare
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-script.h"
#include "qapi/qobject-input-visitor.h"
#include "qobject/qjson.h"
#include "qobject/qdict.h"
#include "hw/pci/pci.h"
#include "device.h"

/* ScriptTypeData, by name */
static GHashTable *types;
/* Names of the interfaces that scripts brought into being */
static GHashTable *own_interfaces;

ScriptTypeData *script_type_of(const char *name)
{
    return types ? g_hash_table_lookup(types, name) : NULL;
}

/* --- the class: a script is not entered, all it needs was declared -------- */

/* That of the object's own shape */
static const VMStateDescription *vmsd_of(DeviceState *dev)
{
    return script_instance_of(OBJECT(dev))->shape->vmsd;
}

static void device_class_init(ObjectClass *klass, ScriptTypeData *type)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->desc = type->decl->description;
    dc->user_creatable = true;
    if (!dc->bus_type) {
        /* device_del would look in vain for who unplugs it */
        dc->hotpluggable = false;
    }
    script_reset_class_init(dc, type);
    if (type->shape->vmsd) {
        dc->vmsd = type->shape->vmsd;
        dc->vmsd_of = vmsd_of;
    }
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

/* For the first scripted type of a line: the others inherit it */
static void take_over(ObjectClass *klass, ScriptTypeData *type)
{
    DeviceClass *dc =
        (DeviceClass *)object_class_dynamic_cast(klass, TYPE_DEVICE);

    type->c_unparent = klass->unparent;
    klass->unparent = script_instance_unparent;
    if (object_class_dynamic_cast(klass, TYPE_PCI_DEVICE)) {
        script_pci_class_init(klass, type);
    } else if (dc) {
        type->c_realize = dc->realize;
        type->c_unrealize = dc->unrealize;
        dc->realize = script_device_realize;
        dc->unrealize = script_device_unrealize;
    } else {
        USER_CREATABLE_CLASS(klass)->complete = script_object_complete;
    }
}

static void inherit(ScriptTypeData *type)
{
    type->c_unparent = type->parent->c_unparent;
    type->c_realize = type->parent->c_realize;
    type->c_unrealize = type->parent->c_unrealize;
    type->c_bus_realize = type->parent->c_bus_realize;
    type->c_pci_realize = type->parent->c_pci_realize;
    type->c_pci_exit = type->parent->c_pci_exit;
}

static void class_init(ObjectClass *klass, void *data)
{
    ScriptTypeData *type = data;
    strList *name;

    if (type->parent) {
        inherit(type);
    } else {
        take_over(klass, type);
    }
    for (name = type->decl->interfaces; name; name = name->next) {
        if (!strcmp(name->value, TYPE_NMI)) {
            NMI_CLASS(klass)->nmi_monitor_handler = script_instance_nmi;
        }
    }
    if (type->decl->pci) {
        script_pci_class_declare(klass, type->decl->pci);
    }
    if (object_class_dynamic_cast(klass, TYPE_DEVICE)) {
        device_class_init(klass, type);
    }
    script_install_properties(klass, type);
}

/* --- registering --------------------------------------------------------- */

static bool check_parent(const ScriptType *decl, Error **errp)
{
    ObjectClass *parent = object_class_by_name(decl->parent);

    if (!parent) {
        error_setg(errp, "there is no type '%s' to inherit from",
                   decl->parent);
        return false;
    }
    if (!object_class_dynamic_cast(parent, decl->base) ||
        (!strcmp(decl->base, TYPE_OBJECT) && strcmp(decl->parent, decl->base) &&
         !script_type_of(decl->parent))) {
        error_setg(errp, "parent type '%s' is no %s", decl->parent,
                   decl->base);
        return false;
    }
    return true;
}

/* An interface without methods, which scripts made, or one that we know */
static bool check_interface(const ScriptType *decl, const char *name,
                            Error **errp)
{
    ObjectClass *klass = object_class_by_name(name);

    if (!strcmp(name, decl->name)) {
        error_setg(errp, "interface '%s' has the name of the type itself",
                   name);
        return false;
    }
    if (klass && strcmp(name, TYPE_NMI) &&
        !g_hash_table_contains(own_interfaces, name)) {
        error_setg(errp, "'%s' is no interface that a script can implement: "
                   "only " TYPE_NMI " and those that scripts name first",
                   name);
        return false;
    }
    return true;
}

/* QOM asserts that names have two characters at least */
static bool check_name(const char *name, Error **errp)
{
    if (strlen(name) < 2 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz"
               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != strlen(name) ||
        !g_ascii_isalpha(name[0])) {
        error_setg(errp, "'%s' is no name for a type", name);
        return false;
    }
    return true;
}

static bool check_type(const ScriptType *decl, Error **errp)
{
    strList *interface;

    if (object_class_by_name(decl->name)) {
        error_setg(errp, "there is a type '%s' already", decl->name);
        return false;
    }
    if (!check_name(decl->name, errp) || !check_parent(decl, errp)) {
        return false;
    }
    for (interface = decl->interfaces; interface; interface = interface->next) {
        if (!check_name(interface->value, errp) ||
            !check_interface(decl, interface->value, errp)) {
            return false;
        }
    }
    return script_check_clashes(decl, errp);
}

static void ensure_interface(const char *name)
{
    if (!object_class_by_name(name)) {
        type_register_static(&(const TypeInfo) {
            .name = name,
            .parent = TYPE_INTERFACE,
        });
        g_hash_table_add(own_interfaces, g_strdup(name));
    }
}

/* As TypeInfo wants them */
static InterfaceInfo *make_interfaces(const ScriptType *decl)
{
    GArray *list = g_array_new(true, true, sizeof(InterfaceInfo));
    InterfaceInfo info = { };
    strList *name;

    if (!script_type_of(decl->parent)) {
        info.type = !strcmp(decl->base, TYPE_OBJECT) ? TYPE_USER_CREATABLE :
            TYPE_SCRIPT_DEVICE;
        g_array_append_val(list, info);
        if (!strcmp(decl->parent, TYPE_PCI_DEVICE)) {
            info.type = decl->pci && decl->pci->express ?
                INTERFACE_PCIE_DEVICE : INTERFACE_CONVENTIONAL_PCI_DEVICE;
            g_array_append_val(list, info);
        }
    }
    for (name = decl->interfaces; name; name = name->next) {
        ensure_interface(name->value);
        info.type = name->value;
        g_array_append_val(list, info);
    }
    return (InterfaceInfo *)g_array_free(list, false);
}

static ScriptTypeData *make_type(ScriptType *decl, const void *initial_state)
{
    ScriptTypeData *data = g_new0(ScriptTypeData, 1);

    data->decl = decl;
    data->parent = script_type_of(decl->parent);
    data->tail = data->parent ? data->parent->tail :
        ROUND_UP(object_type_get_instance_size(decl->parent), 8);
    /* QOM has pointers into the declaration: its shape never goes */
    data->shape = script_shape_ref(script_shape_new(data, decl, initial_state));
    data->size = script_make_properties(data);
    return data;
}

static void register_type(ScriptType *decl, const void *initial_state)
{
    ScriptTypeData *data = make_type(decl, initial_state);
    bool first = !data->parent;

    g_hash_table_insert(types, decl->name, data);
    type_register_static(&(const TypeInfo) {
        .name = decl->name,
        .parent = decl->parent,
        .abstract = decl->abstract,
        .instance_size = data->size,
        .instance_init = first ? script_instance_init : NULL,
        .instance_post_init = first ? script_instance_post_init : NULL,
        .instance_finalize = first ? script_instance_finalize : NULL,
        .class_init = class_init,
        .class_data = data,
        .interfaces = make_interfaces(decl),
    });
}

int32_t script_type_exists(const char *name)
{
    SCRIPT_API_GUARD();

    return module_object_class_by_name(name) != NULL;
}

ScriptType *script_parse_type(const char *json, Error **errp)
{
    QObject *obj = qobject_from_json(json, errp);
    ScriptType *decl = NULL;
    Visitor *v;

    if (obj) {
        v = qobject_input_visitor_new(obj);
        visit_type_ScriptType(v, NULL, &decl, errp);
        visit_free(v);
        qobject_unref(obj);
    }
    return decl;
}

/* The message lives until the next call */
const char *script_register_type(const char *json, const void *initial_state)
{
    static char *message;
    Error *err = NULL;
    ScriptType *decl;
    SCRIPT_API_GUARD();

    if (!types) {
        types = g_hash_table_new(g_str_hash, g_str_equal);
        own_interfaces = g_hash_table_new(g_str_hash, g_str_equal);
    }
    g_clear_pointer(&message, g_free);
    decl = script_parse_type(json, &err);
    if (decl && check_type(decl, &err)) {
        register_type(decl, initial_state);
        return NULL;
    }
    qapi_free_ScriptType(decl);
    message = g_strdup(error_get_pretty(err));
    error_free(err);
    return message;
}

static const TypeInfo script_device_interface = {
    .name = TYPE_SCRIPT_DEVICE,
    .parent = TYPE_INTERFACE,
};

static void script_register_interface(void)
{
    type_register_static(&script_device_interface);
}

type_init(script_register_interface)

/*
 * Where a declaration does not fit the type that it inherits from: QEMU would
 * end in an assertion when it makes the class, or an object
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/pci/pci.h"
#include "device.h"

static bool taken(const ScriptType *decl, const char *what, const char *name,
                  const char *by, Error **errp)
{
    error_setg(errp, "%s: %s %s: the parent type has %s of that name",
               decl->name, what, name, by);
    return false;
}

static bool check_properties(const ScriptType *decl, ObjectClass *parent,
                             Error **errp)
{
    uint32_t i = 0, inherited = decl->inherited_properties;
    ScriptPropertyList *prop;

    for (prop = decl->properties; prop; prop = prop->next, i++) {
        const char *name = prop->value->name;

        if (i >= inherited && object_class_property_find(parent, name)) {
            return taken(decl, "property", name, "a property", errp);
        }
    }
    return true;
}

/* @obj: one of the parent type's, or %NULL if that is abstract */
static bool check_clocks(const ScriptType *decl, ObjectClass *parent,
                         Object *obj, strList *clocks, Error **errp)
{
    for (; clocks; clocks = clocks->next) {
        const char *name = clocks->value;

        if (obj ? object_property_find(obj, name)
                : object_class_property_find(parent, name)) {
            return taken(decl, "clock", name, "a property or clock", errp);
        }
    }
    return true;
}

/* Lines of one name are either inputs or outputs, unless they have no name */
static bool check_lines(const ScriptType *decl, Object *obj, bool are_inputs,
                        ScriptLinesList *lines, Error **errp)
{
    NamedGPIOList *list;

    for (; obj && lines; lines = lines->next) {
        const char *name = lines->value->name;

        list = name ? script_gpio_list(DEVICE(obj), name) : NULL;
        if (list && (are_inputs ? list->num_out : list->num_in)) {
            return taken(decl, are_inputs ? "inputs" : "outputs", name,
                         are_inputs ? "outputs" : "inputs", errp);
        }
    }
    return true;
}

/*
 * A type of QEMU's says what its objects have by making one.  Of an abstract
 * one there are none; of the base types, the class knows all.
 */
static bool check_against_object(const ScriptType *decl, const char *c_parent,
                                 Error **errp)
{
    ObjectClass *klass = object_class_by_name(c_parent);
    Object *obj;
    bool ok;

    if (!decl->clocks && !decl->clock_outputs && !decl->inputs &&
        !decl->outputs) {
        return true;
    }
    obj = object_class_is_abstract(klass) ? NULL : object_new(c_parent);
    ok = check_clocks(decl, klass, obj, decl->clocks, errp) &&
        check_clocks(decl, klass, obj, decl->clock_outputs, errp) &&
        check_lines(decl, obj, true, decl->inputs, errp) &&
        check_lines(decl, obj, false, decl->outputs, errp);
    object_unref(obj);
    return ok;
}

/* Which kind of PCI device it is, the first type of a line decides for all */
static bool check_express(const ScriptType *decl, ObjectClass *parent,
                          Error **errp)
{
    if (!decl->pci || !decl->pci->express ||
        !strcmp(decl->parent, TYPE_PCI_DEVICE) ||
        object_class_dynamic_cast(parent, INTERFACE_PCIE_DEVICE)) {
        return true;
    }
    error_setg(errp, "%s: pci: express: the parent type '%s' is no PCI Express "
               "device", decl->name, decl->parent);
    return false;
}

bool script_check_clashes(const ScriptType *decl, Error **errp)
{
    ObjectClass *parent = object_class_by_name(decl->parent);
    const char *c_parent = decl->parent;
    ScriptTypeData *type;

    while ((type = script_type_of(c_parent))) {
        c_parent = type->decl->parent;
    }
    return check_properties(decl, parent, errp) &&
        check_express(decl, parent, errp) &&
        check_against_object(decl, c_parent, errp);
}

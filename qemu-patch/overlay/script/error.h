/*
 * Errors and values that cross between C and scripts
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SCRIPT_ERROR_H
#define SCRIPT_ERROR_H

#include "qobject/qobject.h"
#include "engine.h"

/**
 * script_result:
 * @err: what went wrong in a function of the API, or %NULL
 *
 * Keeps @err for the script's side to take, in place of an older one.
 *
 * Returns: whether all went well.
 */
bool script_result(Error *err);

/**
 * script_descend:
 *
 * To be called before anything that may enter another script from a
 * script's call, and script_ascend() after it.
 *
 * Returns: false with @errp set if scripts call each other without end.
 */
bool script_descend(Error **errp);
void script_ascend(void);

/**
 * script_json:
 *
 * Returns: @obj as JSON, owned by the caller; %NULL with @errp set if a string
 * in it is not valid UTF-8.
 */
char *script_json(const QObject *obj, Error **errp);

/* link.c: can a property of this name be added to @obj? */
bool script_check_name(Object *obj, const char *name, Error **errp);

#endif

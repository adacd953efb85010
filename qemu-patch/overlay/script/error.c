/*
 * Errors and memory that cross between C and scripts
 *
 * A function of the API that fails says so by its result and leaves its Error
 * here; the script's side takes it at once, message and hint, and throws it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "qobject/qstring.h"
#include "error.h"

/* Deeper than any sensible use; short of the frames and of the stack */
#define MAX_DEPTH 32

/* Of the engine's thread, the only one that calls the API */
static Error *pending;
static unsigned depth;

bool script_result(Error *err)
{
    error_free(pending);
    pending = err;
    return !err;
}

bool script_descend(Error **errp)
{
    if (depth == MAX_DEPTH) {
        error_setg(errp, "scripts call each other through QEMU more than "
                   "%d deep", MAX_DEPTH);
        return false;
    }
    depth++;
    return true;
}

void script_ascend(void)
{
    depth--;
}

const char *script_error_message(void)
{
    return pending ? error_get_pretty(pending) : NULL;
}

const char *script_error_hint(void)
{
    return pending ? error_get_hint(pending) : NULL;
}

void script_error_clear(void)
{
    error_free(pending);
    pending = NULL;
}

void script_free(void *memory)
{
    g_free(memory);
}

uint32_t script_text_length(const void *text)
{
    return strlen(text);
}

static bool is_utf8(const char *text, Error **errp)
{
    if (!g_utf8_validate(text, -1, NULL)) {
        g_autofree char *escaped = g_strescape(text, NULL);

        error_setg(errp, "\"%s\" is not valid UTF-8", escaped);
        return false;
    }
    return true;
}

/* JSON would have replacement characters in place of what is invalid */
static bool check_strings(const QObject *obj, Error **errp)
{
    const QDictEntry *entry;
    const QListEntry *item;

    switch (qobject_type(obj)) {
    case QTYPE_QSTRING:
        return is_utf8(qstring_get_str(qobject_to(QString, obj)), errp);
    case QTYPE_QLIST:
        QLIST_FOREACH_ENTRY(qobject_to(QList, obj), item) {
            if (!check_strings(qlist_entry_obj(item), errp)) {
                return false;
            }
        }
        return true;
    case QTYPE_QDICT:
        for (entry = qdict_first(qobject_to(QDict, obj)); entry;
             entry = qdict_next(qobject_to(QDict, obj), entry)) {
            if (!check_strings(qdict_entry_value(entry), errp)) {
                return false;
            }
        }
        return true;
    default:
        return true;
    }
}

char *script_json(const QObject *obj, Error **errp)
{
    if (!check_strings(obj, errp)) {
        return NULL;
    }
    return g_string_free(qobject_to_json(obj), false);
}

/*
 * Character devices of scripted devices: the backend, and the line's settings
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "chardev/char-serial.h"
#include "device.h"

/* --- the backend -------------------------------------------------------- */

/* The message lives until the next call */
const char *script_chardev_open_id(void *opaque, const char *id)
{
    static char *message;
    ScriptChardev *chr = opaque;
    Chardev *backend;
    Error *err = NULL;
    SCRIPT_API_GUARD();

    g_clear_pointer(&message, g_free);
    if (!chr->instance->live) {
        return "the device is not realized";
    }
    backend = qemu_chr_find(id);
    if (qemu_chr_fe_backend_connected(chr->be)) {
        error_setg(&err, "there is a backend already");
    } else if (!backend) {
        error_setg(&err, "there is no chardev '%s'", id);
    } else if (qemu_chr_fe_init(chr->be, backend, &err)) {
        chr->opened = true;
        script_chardev_attach(chr);
        return NULL;
    }
    message = g_strdup(error_get_pretty(err));
    error_free(err);
    return message;
}

void script_chardev_close(void *opaque)
{
    ScriptChardev *chr = opaque;
    SCRIPT_API_GUARD();

    if (chr->instance->live) {
        script_chardev_detach(chr);
        qemu_chr_fe_deinit(chr->be, false);
        chr->opened = false;
    }
}

int32_t script_chardev_connected(void *opaque)
{
    ScriptChardev *chr = opaque;
    SCRIPT_API_GUARD();

    return chr->instance->live && qemu_chr_fe_backend_connected(chr->be);
}

int32_t script_chardev_opened(void *opaque)
{
    ScriptChardev *chr = opaque;
    SCRIPT_API_GUARD();

    return chr->instance->live && qemu_chr_fe_backend_open(chr->be);
}

/* --- the line ----------------------------------------------------------- */

static int32_t line_ioctl(ScriptChardev *chr, int command, void *arg)
{
    int result;
    SCRIPT_API_GUARD();

    if (!chr->instance->live) {
        return -1;
    }
    result = qemu_chr_fe_ioctl(chr->be, command, arg);
    return result < 0 ? -1 : 0;
}

int32_t script_chardev_break(void *opaque, uint32_t on)
{
    int value = on;

    return line_ioctl(opaque, CHR_IOCTL_SERIAL_SET_BREAK, &value);
}

int32_t script_chardev_parameters(void *opaque, uint32_t speed,
                                  uint32_t parity, uint32_t data_bits,
                                  uint32_t stop_bits)
{
    QEMUSerialSetParams params = {
        .speed = speed,
        .parity = parity,
        .data_bits = data_bits,
        .stop_bits = stop_bits,
    };

    return line_ioctl(opaque, CHR_IOCTL_SERIAL_SET_PARAMS, &params);
}

int32_t script_chardev_modem(void *opaque)
{
    int lines = 0;

    if (line_ioctl(opaque, CHR_IOCTL_SERIAL_GET_TIOCM, &lines) < 0) {
        return -1;
    }
    return lines;
}

int32_t script_chardev_set_modem(void *opaque, uint32_t lines)
{
    int value = lines;

    return line_ioctl(opaque, CHR_IOCTL_SERIAL_SET_TIOCM, &value);
}

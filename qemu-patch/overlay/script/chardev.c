/*
 * Character devices of scripted devices: input, and output
 *
 * Input is posted: the main loop never waits for a script.  The script keeps
 * the room it has in shared memory, and what is posted but not yet taken counts
 * against it, so can_receive() needs no script either.
 *
 * Output never spins: what the backend does not take at once is kept here and
 * written by the main loop as soon as it can be.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/core/cpu.h"
#include "qemu/rcu.h"
#include "qemu/timer.h"
#include "device.h"

#define RETRY_NS (1 * SCALE_MS)

static DECLARE_BITMAP(rooms_used, SCRIPT_MAX_ROOMS);

static void room_taken(void *opaque, uint32_t length)
{
    ScriptChardev *chr = opaque;

    chr->asked = false;
}

/* The backend hears when the script knows */
static void ask_for_room(ScriptChardev *chr)
{
    if (!chr->asked) {
        chr->asked = true;
        script_post(SCRIPT_ROOM, chr->instance->id, chr->index, 0, NULL, 0,
                    room_taken, chr);
    }
}

void script_chardev_doubt_room(ScriptChardev *chr)
{
    int32_t *room = &script_state.rooms[chr->room];
    int before;

    if (chr->room >= SCRIPT_MAX_ROOMS) {
        return;
    }
    /* Only this thread makes it known again: no need of xchg, which is slow */
    before = qatomic_read(room);
    if (before == SCRIPT_ROOM_UNKNOWN) {
        return;
    }
    qatomic_set(room, SCRIPT_ROOM_UNKNOWN);
    if (before <= (int)chr->queued) {
        /* Nobody asks for room where there was none */
        ask_for_room(chr);
    }
}

/*
 * A backend that was told of no room, or used all it was told of, may have more
 * input, and wants to hear of more room.  Another one does not: to tell it is
 * a system call, by which the main loop looks at all its sources.
 */
static void use_room(ScriptChardev *chr, uint32_t used)
{
    chr->told -= MIN(chr->told, used);
    if (!chr->told && chr->room < SCRIPT_MAX_ROOMS) {
        script_state.starved[chr->room] = true;
    }
}

static int known_room(ScriptChardev *chr)
{
    int room = chr->room < SCRIPT_MAX_ROOMS ?
        qatomic_read(&script_state.rooms[chr->room]) : 0;

    if (unlikely(room == SCRIPT_ROOM_UNKNOWN)) {
        ask_for_room(chr);
        return 0;
    }
    return MAX(0, MIN(room - (int)chr->queued, SCRIPT_MAX_BYTES));
}

static int can_receive(void *opaque)
{
    ScriptChardev *chr = opaque;

    chr->told = known_room(chr);
    use_room(chr, 0);
    return chr->told;
}

static void taken(void *opaque, uint32_t length)
{
    ScriptChardev *chr = opaque;

    chr->queued -= length;
}

static void receive(void *opaque, const uint8_t *buf, int size)
{
    ScriptChardev *chr = opaque;

    use_room(chr, size);
    while (size > 0) {
        int n = MIN(size, SCRIPT_MAX_BYTES);

        chr->queued += n;
        script_post(SCRIPT_RECEIVE, chr->instance->id, chr->index, 0, buf, n,
                    taken, chr);
        buf += n;
        size -= n;
    }
}

static void post_event(ScriptChardev *chr, uint32_t event)
{
    script_post(SCRIPT_CHR_EVENT, chr->instance->id, chr->index, event,
                NULL, 0, NULL, NULL);
}

static void chr_event(void *opaque, QEMUChrEvent event)
{
    ScriptChardev *chr = opaque;

    post_event(chr, event);
    if (event == CHR_EVENT_MUX_IN) {
        /* What the multiplexer kept: there may be room, and nobody says so */
        qemu_chr_fe_accept_input(chr->be);
    }
}

void script_chardev_init(ScriptChardev *chr, ScriptInstance *instance,
                         uint32_t index, CharBackend *be, bool receives)
{
    chr->instance = instance;
    chr->index = index;
    chr->be = be;
    chr->receives = receives;
    chr->room = find_first_zero_bit(rooms_used, SCRIPT_MAX_ROOMS);
    if (chr->room < SCRIPT_MAX_ROOMS) {
        set_bit(chr->room, rooms_used);
        script_state.rooms[chr->room] = 0;
        script_state.starved[chr->room] = true;
    }
    chr->backlog = g_byte_array_new();
}

static void set_handlers(ScriptChardev *chr);
static void retry_later(ScriptChardev *chr);

/* Nothing is left of what an access wrote: its vCPU goes on */
static void output_done(ScriptChardev *chr)
{
    CPUState *cpu;

    chr->instance->backlogged--;
    CPU_FOREACH(cpu) {
        qemu_cond_broadcast(cpu->halt_cond);
    }
}

static void stop_retrying(ScriptChardev *chr)
{
    g_clear_handle_id(&chr->watch, g_source_remove);
    g_clear_pointer(&chr->retry, timer_free);
}

/*
 * chardev-change put another backend in the place of the one before: that one
 * gets what is left for the other side.
 */
static int backend_changed(void *opaque)
{
    ScriptChardev *chr = opaque;

    stop_retrying(chr);
    set_handlers(chr);
    if (chr->backlog->len || chr->wants_room) {
        retry_later(chr);
    }
    return 0;
}

static void set_handlers(ScriptChardev *chr)
{
    use_room(chr, chr->told);
    qemu_chr_fe_set_handlers(chr->be, chr->receives ? can_receive : NULL,
                             chr->receives ? receive : NULL, chr_event,
                             backend_changed, chr, NULL, true);
}

void script_chardev_set_receives(ScriptChardev *chr, bool receives)
{
    if (chr->receives != receives) {
        chr->receives = receives;
        if (chr->attached) {
            set_handlers(chr);
        }
    }
}

void script_chardev_attach(ScriptChardev *chr)
{
    if (!chr->attached && qemu_chr_fe_backend_connected(chr->be)) {
        chr->attached = true;
        set_handlers(chr);
    }
}

void script_chardev_detach(ScriptChardev *chr)
{
    qemu_chr_fe_set_handlers(chr->be, NULL, NULL, NULL, NULL, NULL, NULL,
                             false);
    chr->attached = false;
    stop_retrying(chr);
    chr->wants_room = false;
    if (chr->backlog->len) {
        g_byte_array_set_size(chr->backlog, 0);
        output_done(chr);
    }
}

/* The device is not realized any more: the user's choice of backend stays */
void script_chardev_end(ScriptChardev *chr)
{
    script_chardev_detach(chr);
    if (chr->opened) {
        qemu_chr_fe_deinit(chr->be, false);
        chr->opened = false;
    }
}

/* The script may use it still, and posts have it: it does nothing any more */
void script_chardev_finalize(ScriptChardev *chr)
{
    stop_retrying(chr);
    chr->be = NULL;
}

void script_chardev_free(ScriptChardev *chr)
{
    g_byte_array_unref(chr->backlog);
    if (chr->room < SCRIPT_MAX_ROOMS) {
        clear_bit(chr->room, rooms_used);
    }
}

/* --- output ------------------------------------------------------------- */

/* How much of @buf the backend took, or dropped for good */
static int write_some(ScriptChardev *chr, const uint8_t *buf, int len)
{
    int n = qemu_chr_fe_write(chr->be, buf, len);

    if (n < 0) {
        return errno == EAGAIN ? 0 : len;
    }
    return n;
}

/* With the BQL held, in the main loop */
static void write_backlog(ScriptChardev *chr)
{
    int n = write_some(chr, chr->backlog->data, chr->backlog->len);

    if (n > 0) {
        g_byte_array_remove_range(chr->backlog, 0, n);
    }
    if (chr->backlog->len) {
        retry_later(chr);
    } else {
        output_done(chr);
    }
}

/* The backend may take output again */
static void write_more(ScriptChardev *chr)
{
    if (chr->backlog->len) {
        write_backlog(chr);
    }
    if (chr->wants_room && !chr->backlog->len) {
        chr->wants_room = false;
        post_event(chr, SCRIPT_CHR_WRITABLE);
    }
}

static gboolean backend_writable(void *do_not_use, GIOCondition cond,
                                 void *opaque)
{
    ScriptChardev *chr = opaque;

    chr->watch = 0;
    write_more(chr);
    return G_SOURCE_REMOVE;
}

static void retry_timer(void *opaque)
{
    write_more(opaque);
}

static void retry_later(ScriptChardev *chr)
{
    if (chr->watch) {
        return;
    }
    chr->watch = qemu_chr_fe_add_watch(chr->be, G_IO_OUT | G_IO_HUP,
                                       backend_writable, chr);
    if (chr->watch) {
        return;
    }
    /* The backend has nothing to poll */
    if (!chr->retry) {
        chr->retry = timer_new_ns(QEMU_CLOCK_REALTIME, retry_timer, chr);
    }
    timer_mod(chr->retry,
              qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + RETRY_NS);
}

bool script_chardev_drain(ScriptChardev *chr)
{
    if (chr->backlog->len) {
        write_backlog(chr);
    }
    return !chr->backlog->len;
}

static void write_or_keep(ScriptChardev *chr, const uint8_t *buf, size_t len)
{
    int n = 0;

    SCRIPT_API_GUARD();
    if (!chr->instance->live || !qemu_chr_fe_backend_connected(chr->be)) {
        return;
    }
    if (!chr->backlog->len) {
        n = write_some(chr, buf, len);
        if (n == len) {
            return;
        }
        chr->instance->backlogged++;
        g_byte_array_append(chr->backlog, buf + n, len - n);
        retry_later(chr);
        return;
    }
    g_byte_array_append(chr->backlog, buf, len);
}

void script_wait_for_backends(ScriptInstance *instance)
{
    while (instance->backlogged && current_cpu && !current_cpu->stop) {
        qemu_cond_wait_bql(current_cpu->halt_cond);
    }
}

void script_chardev_put(void *chardev, uint32_t byte)
{
    uint8_t b = byte;

    write_or_keep(chardev, &b, 1);
}

void script_chardev_write_all(void *chardev, const void *bytes,
                              uint64_t length)
{
    if (length) {
        write_or_keep(chardev, bytes, length);
    }
}

/* Returns: how many bytes the backend took; the script hears of room for more */
int32_t script_chardev_write(void *chardev, const void *bytes,
                             uint64_t length)
{
    ScriptChardev *chr = chardev;
    int n = 0;
    SCRIPT_API_GUARD();

    length = MIN(length, INT_MAX);
    if (!chr->instance->live || !qemu_chr_fe_backend_connected(chr->be)) {
        return length;
    }
    if (!chr->backlog->len) {
        n = write_some(chr, bytes, length);
    }
    if (n < length) {
        chr->wants_room = true;
        retry_later(chr);
    }
    return n;
}

int32_t script_chardev_room(void *chardev)
{
    ScriptChardev *chr = chardev;

    return chr->room;
}

void script_chardev_accept(void *chardev)
{
    ScriptChardev *chr = chardev;
    SCRIPT_API_GUARD();

    if (chr->instance->live) {
        if (chr->room < SCRIPT_MAX_ROOMS) {
            script_state.starved[chr->room] = false;
        }
        qemu_chr_fe_accept_input(chr->be);
    }
}

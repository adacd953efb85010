/*
 * Memory regions of scripted devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/core/cpu.h"
#include "trace/control.h"
#include "device.h"

/* By a vCPU on a thread of its own */
#define ACCESSES_PER_EXIT 64

static GPtrArray *ports;

ScriptRegionPort *script_region_by_slot(uint32_t slot)
{
    return ports && slot < ports->len ? g_ptr_array_index(ports, slot) : NULL;
}

void script_region_forget(ScriptRegionPort *port)
{
    g_ptr_array_index(ports, port->slot) = NULL;
}

/* They are the same most of the time */
static inline uint32_t pack_attrs(MemTxAttrs attrs)
{
    static MemTxAttrs last;
    static uint32_t packed;

    if (unlikely(memcmp(&attrs, &last, sizeof(last)) != 0)) {
        last = attrs;
        packed = attrs.secure | attrs.user << 1 | attrs.requester_id << 16;
    }
    return packed;
}

static inline void fill_frame(ScriptFrame *frame, ScriptRegionPort *port,
                              uint32_t kind, hwaddr addr, uint64_t value,
                              unsigned size, MemTxAttrs attrs)
{
    frame->kind = kind;
    frame->target = port->slot;
    frame->offset = addr;
    frame->offset_high = addr >> 32;
    frame->size = size;
    frame->value = value;
    frame->value_high = value >> 32;
    frame->attrs = pack_attrs(attrs);
}

/*
 * The vCPU waits until the character device took what the access wrote, as it
 * would in qemu_chr_fe_write_all(), but without keeping the BQL.
 */
static inline void after_access(ScriptInstance *instance)
{
    if (unlikely(instance->backlogged)) {
        script_wait_for_backends(instance);
    }
}

/*
 * A vCPU is in an RCU read section until it leaves cpu_exec(), and nothing
 * makes it if all it does is to access a scripted device.  Memory that waits
 * to be freed, and a device_add that waits for that with the main loop
 * standing, would wait for ever.
 */
static void let_rcu_go_on(void)
{
    static unsigned accesses;

    if (current_cpu && ++accesses % ACCESSES_PER_EXIT == 0) {
        cpu_exit(current_cpu);
    }
}

static MemTxResult access_from_elsewhere(ScriptRegionPort *port, uint32_t kind,
                                         hwaddr addr, uint64_t *value,
                                         unsigned size, MemTxAttrs attrs)
{
    ScriptFrame *frame = script_frame_get(kind, port->slot);
    MemTxResult result;

    fill_frame(frame, port, kind, addr, *value, size, attrs);
    if (!current_cpu) {
        frame->attrs |= SCRIPT_ATTR_NO_WAIT;
    }
    script_frame_call(frame);
    *value = frame->value | (uint64_t)frame->value_high << 32;
    result = frame->result;
    script_frame_put(frame, NULL, NULL);
    let_rcu_go_on();
    after_access(port->instance);
    return result;
}

static inline MemTxResult script_access(ScriptRegionPort *port, uint32_t kind,
                                        hwaddr addr, uint64_t *value,
                                        unsigned size, MemTxAttrs attrs)
{
    ScriptFrame *frame = &script_state.frames[SCRIPT_FIBER_FRAME];
    MemTxResult result;

    if (unlikely(!port->instance->live)) {
        *value = 0;
        return MEMTX_ERROR;
    }
    if (unlikely(!script_on_fiber())) {
        return access_from_elsewhere(port, kind, addr, value, size, attrs);
    }
    fill_frame(frame, port, kind, addr, *value, size, attrs);
    frame->result = MEMTX_OK;
    script_frame_call(frame);
    *value = frame->value | (uint64_t)frame->value_high << 32;
    result = frame->result;
    after_access(port->instance);
    return result;
}

/*
 * A vCPU may still get to a region that was unmapped just now.  On PCI, where
 * devices are unplugged, an access that nobody answers is no bus error.
 */
static bool unplugged(ScriptRegionPort *port)
{
    return port->instance->leaving &&
        object_dynamic_cast(port->instance->obj, TYPE_PCI_DEVICE);
}

/* --- registers that C serves by itself ---------------------------------- */

/*
 * Unless accesses queue up behind an asynchronous handler, something came in
 * before this one that the script has not seen, or somebody wants to see it.
 */
static inline bool undisturbed(ScriptRegionPort *port)
{
    return likely(!port->held) &&
        likely(!qatomic_read(&script_state.posts)) &&
        likely(!trace_events_enabled_count);
}

static inline const ScriptPortWord *word_of(ScriptRegionPort *port,
                                            hwaddr addr, unsigned size)
{
    return addr >> 2 < port->n_words && likely(size == 4) &&
        undisturbed(port) ?
        &port->words[addr >> 2] : NULL;
}

static inline uint32_t load_field(const ScriptWord *word, void *state)
{
    void *place = state + word->offset;

    switch (word->size) {
    case 4:
        return qatomic_read((uint32_t *)place);
    case 2:
        return qatomic_read((uint16_t *)place);
    case 1:
        return qatomic_read((uint8_t *)place);
    default:
        return UINT32_MAX;
    }
}

static inline void store_field(const ScriptWord *word, void *state,
                               uint32_t value)
{
    void *place = state + word->offset;

    switch (word->size) {
    case 4:
        qatomic_set((uint32_t *)place, value);
        break;
    case 2:
        qatomic_set((uint16_t *)place, value);
        break;
    case 1:
        qatomic_set((uint8_t *)place, value);
        break;
    }
}

/* The room for input may follow from what was written */
static void doubt_rooms(ScriptInstance *instance)
{
    uint32_t i;

    for (i = 0; i < instance->n_chardevs; i++) {
        ScriptChardev *chr = &instance->chardevs[i];

        if (chr->receives) {
            script_chardev_doubt_room(chr);
        }
    }
}

static inline void store_directly(ScriptRegionPort *port,
                                  const ScriptWord *word, uint32_t data)
{
    ScriptInstance *instance = port->instance;
    uint32_t value = (load_field(word, instance->state) & ~word->rw) |
        (data & word->rw);

    value &= ~(data & word->w1c);
    value |= data & word->w1s;
    value &= data | ~word->w0c;
    value &= ~word->wc;
    store_field(word, instance->state, value);
    doubt_rooms(instance);
}

/*
 * Entries of ScriptWord, for those of a region from the first on: some; or the
 * numbers of the handlers of all accesses
 */
void script_instance_words(void *opaque, uint32_t index, const void *table,
                           uint64_t length, uint32_t reader, uint32_t writer)
{
    ScriptInstance *instance = opaque;
    ScriptRegionPort *port = &instance->regions[index];
    const ScriptWord *words = table;
    uint32_t i, n = length / sizeof(ScriptWord);
    SCRIPT_API_GUARD();

    g_free(port->words);
    port->words = g_new(ScriptPortWord, n);
    for (i = 0; i < n; i++) {
        port->words[i] = (ScriptPortWord) {
            .word = words[i],
            .reads = { SCRIPT_READ, port->slot, i * 4 },
            .writes = { SCRIPT_WRITE, port->slot, i * 4 },
        };
    }
    port->n_words = n;
    port->reader = reader;
    port->writer = writer;
}

/* An asynchronous handler is not through: other accesses queue up behind it */
void script_instance_hold(void *opaque, uint32_t on)
{
    ScriptInstance *instance = opaque;
    uint32_t i, n = QAPI_LIST_LENGTH(instance->shape->decl->regions);
    SCRIPT_API_GUARD();

    if (!instance->obj) {
        return;
    }
    for (i = 0; i < n; i++) {
        instance->regions[i].held = on;
    }
}

void script_region_words_end(ScriptRegionPort *port)
{
    port->n_words = 0;
    port->reader = port->writer = 0;
    port->held = false;
    g_clear_pointer(&port->words, g_free);
}

/* --- what QEMU calls ---------------------------------------------------- */

/*
 * On the fiber.  The frame has what the handler may want to know, and what is
 * said of it if it does not return.  Few stores, as the BQL is released soon:
 * that waits for all of them.
 */
static inline __attribute__((always_inline))
MemTxResult ask_sized_handler(ScriptRegionPort *port, const uint32_t *beginning,
                              int32_t reason, uint64_t *value, uint32_t size,
                              MemTxAttrs attrs)
{
    ScriptFrame *frame = &script_state.frames[SCRIPT_FIBER_FRAME];
    MemTxResult result;
    uint32_t irq_owner;
    int32_t answer;

    memcpy(frame, beginning, sizeof_field(ScriptPortWord, reads));
    frame->size = size;
    frame->value = *value;
    frame->value_high = size > 4 ? *value >> 32 : 0;
    frame->result = MEMTX_OK;
    frame->status = SCRIPT_ASKED;
    frame->attrs = pack_attrs(attrs) | SCRIPT_ATTR_HANDLER;
    answer = script_leave_to_ask(reason, &irq_owner);
    if (likely(frame->status == SCRIPT_ASKED)) {
        frame->status = SCRIPT_DONE;
        result = frame->result;
        *value = (uint32_t)answer;
        if (irq_owner != SCRIPT_IRQ_NONE) {
            /* From here on the frame may be another's */
            script_irq_flush(irq_owner);
        }
    } else {
        script_finish_asking(irq_owner);
        result = frame->result;
        *value = frame->value | (uint64_t)frame->value_high << 32;
    }
    after_access(port->instance);
    return result;
}

/* For a declared word; apart, so that direct registers need no room for it */
static __attribute__((noinline))
MemTxResult ask_handler(ScriptRegionPort *port, const uint32_t *beginning,
                        int32_t reason, uint64_t *value, MemTxAttrs attrs)
{
    return ask_sized_handler(port, beginning, reason, value, 4, attrs);
}

/* For any access to a region without declared words */
static __attribute__((noinline))
MemTxResult ask_for_all(ScriptRegionPort *port, uint32_t kind, int32_t reason,
                        hwaddr addr, uint64_t *value, uint32_t size,
                        MemTxAttrs attrs)
{
    const uint32_t beginning[] = { kind, port->slot, addr, addr >> 32 };

    return ask_sized_handler(port, beginning, reason, value, size, attrs);
}

/* Can a script be asked for any access by number? */
static inline bool asks_for_all(ScriptRegionPort *port, uint32_t number)
{
    return number && undisturbed(port) && script_on_fiber();
}

/*
 * A load is whole whoever does it; but the device's own handler gets an error
 * when it gets back to the device.
 */
static MemTxResult region_read(void *opaque, hwaddr addr, uint64_t *data,
                               unsigned size, MemTxAttrs attrs)
{
    ScriptRegionPort *port = opaque;
    const ScriptPortWord *here = word_of(port, addr, size);
    MemTxResult result;

    if (likely(here)) {
        const ScriptWord *word = &here->word;

        if (word->how & SCRIPT_DIRECT_READS &&
            (script_on_fiber() || likely(!script_thread))) {
            *data = load_field(word, port->instance->state) & word->shown;
            return MEMTX_OK;
        }
        if (word->reader && script_on_fiber()) {
            *data = 0;
            return ask_handler(port, here->reads,
                               SCRIPT_RUN_HANDLER + word->reader, data, attrs);
        }
    }
    *data = 0;
    if (asks_for_all(port, port->reader)) {
        return ask_for_all(port, SCRIPT_READ, SCRIPT_RUN_HANDLER + port->reader,
                           addr, data, size, attrs);
    }
    result = script_access(port, SCRIPT_READ, addr, data, size, attrs);
    if (unlikely(result != MEMTX_OK) && unplugged(port)) {
        *data = UINT64_MAX;
        return MEMTX_OK;
    }
    return result;
}

/*
 * Directly on the fiber alone: elsewhere a script in its event loop, which has
 * not the BQL, could be between loading a field and storing it.
 */
static MemTxResult region_write(void *opaque, hwaddr addr, uint64_t data,
                                unsigned size, MemTxAttrs attrs)
{
    ScriptRegionPort *port = opaque;
    const ScriptPortWord *here = word_of(port, addr, size);
    MemTxResult result;

    if (likely(here) && script_on_fiber()) {
        const ScriptWord *word = &here->word;

        if (word->how & SCRIPT_DIRECT_WRITES &&
            likely(!(data & word->watched))) {
            store_directly(port, word, data);
            return MEMTX_OK;
        }
        if (word->writer) {
            return ask_handler(port, here->writes, -(int32_t)word->writer,
                               &data, attrs);
        }
    }
    if (asks_for_all(port, port->writer)) {
        return ask_for_all(port, SCRIPT_WRITE, -(int32_t)port->writer, addr,
                           &data, size, attrs);
    }
    result = script_access(port, SCRIPT_WRITE, addr, &data, size, attrs);
    return unlikely(result != MEMTX_OK) && unplugged(port) ? MEMTX_OK
                                                           : result;
}

/*
 * Of a declaration that may be replaced while another thread is in an access:
 * they stay, and regions that are declared alike have the same.
 */
static const MemoryRegionOps *ops_of(const ScriptRegion *decl)
{
    static GPtrArray *all;
    const MemoryRegionOps ops = {
        .read_with_attrs = region_read,
        .write_with_attrs = region_write,
        .endianness = decl->big_endian ? DEVICE_BIG_ENDIAN
                                       : DEVICE_LITTLE_ENDIAN,
        .whole_words = decl->valid_min <= 4 && decl->valid_max >= 4 &&
            decl->impl_min <= 4 && decl->impl_max >= 4,
        .valid = {
            .min_access_size = decl->valid_min,
            .max_access_size = decl->valid_max,
            .unaligned = decl->valid_unaligned,
        },
        .impl = {
            .min_access_size = decl->impl_min,
            .max_access_size = decl->impl_max,
            .unaligned = decl->impl_unaligned,
        },
    };
    uint32_t i;

    if (!all) {
        all = g_ptr_array_new();
    }
    for (i = 0; i < all->len; i++) {
        const MemoryRegionOps *known = g_ptr_array_index(all, i);

        if (known->endianness == ops.endianness &&
            !memcmp(&known->valid, &ops.valid, sizeof(ops.valid)) &&
            !memcmp(&known->impl, &ops.impl, sizeof(ops.impl))) {
            return known;
        }
    }
    g_ptr_array_add(all, g_memdup2(&ops, sizeof(ops)));
    return g_ptr_array_index(all, i);
}

void script_region_init(ScriptRegionPort *port, ScriptInstance *instance,
                        uint32_t index, const ScriptRegion *decl)
{
    if (!ports) {
        ports = g_ptr_array_new();
    }
    port->instance = instance;
    port->index = index;
    port->slot = ports->len;
    g_ptr_array_add(ports, port);
    memory_region_init_io(&port->mr, instance->obj, ops_of(decl), port,
                          decl->name, decl->size);
    /*
     * QEMU's guard is one flag for all threads: it would answer another
     * vCPU's access with an error while a script has this one's.  The engine
     * has a guard for each chain of calls.
     */
    port->mr.disable_reentrancy_guard = true;
}

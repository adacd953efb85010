/*
 * Memory regions of scripted devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/core/cpu.h"
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

static uint32_t pack_attrs(MemTxAttrs attrs)
{
    return attrs.secure | attrs.user << 1 | attrs.requester_id << 16;
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

    if (unlikely(!port->instance->live)) {
        *value = 0;
        return MEMTX_ERROR;
    }
    if (unlikely(!script_on_fiber)) {
        return access_from_elsewhere(port, kind, addr, value, size, attrs);
    }
    fill_frame(frame, port, kind, addr, *value, size, attrs);
    frame->result = MEMTX_OK;
    frame->abort = 0;
    script_ask_fiber();
    *value = frame->value | (uint64_t)frame->value_high << 32;
    after_access(port->instance);
    return frame->result;
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

static MemTxResult region_read(void *opaque, hwaddr addr, uint64_t *data,
                               unsigned size, MemTxAttrs attrs)
{
    MemTxResult result;

    *data = 0;
    result = script_access(opaque, SCRIPT_READ, addr, data, size, attrs);
    if (unlikely(result != MEMTX_OK) && unplugged(opaque)) {
        *data = UINT64_MAX;
        return MEMTX_OK;
    }
    return result;
}

static MemTxResult region_write(void *opaque, hwaddr addr, uint64_t data,
                                unsigned size, MemTxAttrs attrs)
{
    MemTxResult result = script_access(opaque, SCRIPT_WRITE, addr, &data, size,
                                       attrs);

    return unlikely(result != MEMTX_OK) && unplugged(opaque) ? MEMTX_OK
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

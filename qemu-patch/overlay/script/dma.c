/*
 * Scripted devices: access to guest memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "exec/address-spaces.h"
#include "hw/pci/pci_device.h"
#include "qemu/bswap.h"
#include "system/dma.h"
#include "device.h"

struct ScriptDmaWindow {
    AddressSpace *as;
    void *bytes;
    dma_addr_t length;
    DMADirection direction;
};

typedef struct ScriptDmaWindow ScriptDmaWindow;

/* What the device sees of memory; of PCI, only while it may be bus master */
static AddressSpace *address_space_of(ScriptInstance *instance)
{
    if (!instance->dma_as) {
        Object *pci = object_dynamic_cast(instance->obj, TYPE_PCI_DEVICE);

        instance->dma_as = pci ? pci_get_address_space(PCI_DEVICE(pci))
                               : &address_space_memory;
    }
    return instance->dma_as;
}

static dma_addr_t join(uint32_t low, uint32_t high)
{
    return low | (dma_addr_t)high << 32;
}

uint32_t script_dma_read(void *opaque, uint32_t low, uint32_t high,
                         void *bytes, uint64_t length)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    if (!instance->live) {
        return MEMTX_ERROR;
    }
    return dma_memory_read(address_space_of(instance), join(low, high), bytes,
                           length, MEMTXATTRS_UNSPECIFIED);
}

uint32_t script_dma_write(void *opaque, uint32_t low, uint32_t high,
                          const void *bytes, uint64_t length)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    if (!instance->live) {
        return MEMTX_ERROR;
    }
    return dma_memory_write(address_space_of(instance), join(low, high), bytes,
                            length, MEMTXATTRS_UNSPECIFIED);
}

uint32_t script_dma_fill(void *opaque, uint32_t low, uint32_t high,
                         uint32_t byte, double length)
{
    ScriptInstance *instance = opaque;
    SCRIPT_API_GUARD();

    if (!instance->live) {
        return MEMTX_ERROR;
    }
    return dma_memory_set(address_space_of(instance), join(low, high), byte,
                          length, MEMTXATTRS_UNSPECIFIED);
}

/* The value is left in ScriptShared: a whole one, whatever was nested in it */
uint32_t script_dma_load(void *opaque, uint32_t low, uint32_t high,
                         uint32_t size, uint32_t big_endian)
{
    ScriptInstance *instance = opaque;
    uint8_t bytes[8] = { };
    MemTxResult result = MEMTX_ERROR;
    uint64_t value = 0;
    SCRIPT_API_GUARD();

    if (instance->live) {
        result = dma_memory_read(address_space_of(instance), join(low, high),
                                 bytes, size, MEMTXATTRS_UNSPECIFIED);
    }
    if (result == MEMTX_OK) {
        value = big_endian ? ldn_be_p(bytes, size) : ldn_le_p(bytes, size);
    }
    script_state.dma_low = value;
    script_state.dma_high = value >> 32;
    return result;
}

uint32_t script_dma_store(void *opaque, uint32_t low, uint32_t high,
                          uint32_t size, uint32_t big_endian,
                          uint32_t value_low, uint32_t value_high)
{
    ScriptInstance *instance = opaque;
    uint64_t value = value_low | (uint64_t)value_high << 32;
    uint8_t bytes[8];
    SCRIPT_API_GUARD();

    if (!instance->live) {
        return MEMTX_ERROR;
    }
    if (big_endian) {
        stn_be_p(bytes, size, value);
    } else {
        stn_le_p(bytes, size, value);
    }
    return dma_memory_write(address_space_of(instance), join(low, high), bytes,
                            size, MEMTXATTRS_UNSPECIFIED);
}

/* NULL if QEMU has no more to give to those who map what is no RAM */
void *script_dma_map(void *opaque, uint32_t low, uint32_t high, double length,
                     uint32_t write)
{
    ScriptInstance *instance = opaque;
    ScriptDmaWindow window = {
        .length = length,
        .direction = write ? DMA_DIRECTION_FROM_DEVICE
                           : DMA_DIRECTION_TO_DEVICE,
    };
    SCRIPT_API_GUARD();

    if (!instance->live) {
        return NULL;
    }
    window.as = address_space_of(instance);
    window.bytes = dma_memory_map(window.as, join(low, high), &window.length,
                                  window.direction, MEMTXATTRS_UNSPECIFIED);
    return window.bytes ? g_memdup2(&window, sizeof(window)) : NULL;
}

void *script_dma_window_bytes(void *opaque)
{
    ScriptDmaWindow *window = opaque;

    return window->bytes;
}

double script_dma_window_length(void *opaque)
{
    ScriptDmaWindow *window = opaque;

    return window->length;
}

void script_dma_unmap(void *opaque)
{
    ScriptDmaWindow *window = opaque;
    SCRIPT_API_GUARD();

    dma_memory_unmap(window->as, window->bytes, window->length,
                     window->direction, window->length);
    g_free(window);
}

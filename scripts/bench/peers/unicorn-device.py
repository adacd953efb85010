"""One read of a register, by a guest in Unicorn, of a device in Python.

Arguments: a loop without the read and one with it, as hex, repetitions in a call, calls. Prints two lists of ns for
each repetition, as JSON: "empty" and "read".
"""
# SPDX-License-Identifier: GPL-2.0-or-later

import json
import sys
import time

from unicorn import UC_ARCH_ARM64, UC_MODE_ARM, Uc
from unicorn.arm64_const import UC_ARM64_REG_X0, UC_ARM64_REG_X1

CODE = 0x40080000
DEVICE = 0x09000000
MIS = 0x40
WARMUP = 10


class Device:
    level = 0x20
    enabled = 0

    def read(self, uc, offset, size, data):
        if offset == MIS:
            return self.level & self.enabled
        return 0

    def write(self, uc, offset, size, value, data):
        pass


def main(empty, read, reads, calls):
    device = Device()
    uc = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
    uc.mem_map(CODE, 0x1000)
    uc.mem_write(CODE, empty + read)
    uc.mmio_map(DEVICE, 0x1000, device.read, None, device.write, None)
    ends = [CODE, CODE + len(empty), CODE + len(empty) + len(read)]
    times = {"empty": [], "read": []}
    for call in range(WARMUP + calls):
        for begin, end, took in zip(ends, ends[1:], times.values()):
            uc.reg_write(UC_ARM64_REG_X0, reads)
            uc.reg_write(UC_ARM64_REG_X1, DEVICE + MIS)
            start = time.perf_counter_ns()
            uc.emu_start(begin, end)
            ns = time.perf_counter_ns() - start
            if call >= WARMUP:
                took.append(ns / reads)
    print(json.dumps(times))


main(bytes.fromhex(sys.argv[1]), bytes.fromhex(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

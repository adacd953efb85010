// SPDX-License-Identifier: GPL-2.0-or-later

/**
 * PrimeCell General Purpose Input/Output (PL061). Technical Reference Manual: ARM DDI 0190B. Below it, the variant of
 * Stellaris microcontrollers: LM3S6965 Data Sheet, chapter 9. Both are like QEMU's own models (hw/gpio/pl061.c), of
 * which they take the place down to the migration stream: no alternate functions, and of the pads the resistors alone;
 * but a byte is taken anywhere in a register.
 */

import {
  type DeviceRef,
  guestError,
  hex,
  lines,
  type Realizable,
  type ResetEnter,
  type ResetHold,
  registers,
  SysBusDevice,
  type TracedAccess,
  u32,
} from "qemu-script";

const PINS = 8;
const ALL = 0xff;

/** Stellaris: pull-up and pull-down among its pad control registers, and what opens its lock. */
const PUR = 4;
const PDR = 5;
const UNLOCK = 0xacce551;

export default class PL061
  extends SysBusDevice.with({
    type: "pl061-ts",
    description: "ARM PrimeCell GPIO (PL061), in TypeScript",
    properties: { pullups: u32({ default: ALL }), pulldowns: u32({ default: 0 }) },
    irqs: ["GPIOINTR"],
    inputs: { pins: lines(PINS, { anonymous: true, changed: "pinChanged" }) },
    outputs: { pins: lines(PINS, { anonymous: true }) },
    regions: {
      regs: {
        name: "pl061",
        size: 0x1000,
        read: "readNothing",
        write: "writeNothing",
        trace: {
          text: ({ offset, value }: TracedAccess, { path }: DeviceRef) =>
            `${path} offset ${hex(offset)} value ${hex(value)}`,
        },
      },
    },
    traces: {
      pl061_reset: ({ path }: DeviceRef) => `${path} reset`,
      pl061_update: ({ path }: DeviceRef, dir: number, data: number, pullups: number, floating: number) =>
        `${path} GPIODIR ${hex(dir)} GPIODATA ${hex(data)} pullups ${hex(pullups)} floating ${hex(floating)}`,
      pl061_set_output: ({ path }: DeviceRef, pin: number, level: number) =>
        `${path} setting output ${pin} to ${level}`,
      pl061_input_change: ({ path }: DeviceRef, pin: number, level: number) =>
        `${path} input ${pin} changed to ${level}`,
      pl061_update_istate: ({ path }: DeviceRef, status: number, enabled: number, level: number) =>
        `${path} GPIORIS ${hex(status)} GPIOIE ${hex(enabled)} interrupt level ${level}`,
    },
    migration: { name: "pl061", version: 4 },
    state: {
      locked: u32(1),
      data: u32(0),
      oldOut: u32,
      oldIn: u32(0),
      dir: u32(0),
      sense: u32(0),
      bothEdges: u32(0),
      event: u32(0),
      enabled: u32(0),
      status: u32(0),
      alternate: u32(0),
      pads: u32.array(8, { reset: [0xff, 0, 0, 0, 0, 0, 0, 0] }),
      commit: u32(ALL),
      analog: u32(0),
    },
  })
  implements Realizable, ResetEnter, ResetHold
{
  static {
    registers(PL061, "regs", {
      DATA: { at: 0x000, count: 256, doc: "Data, through a mask", read: "readData", write: "writeData" },
      DIR: { at: 0x400, doc: "Data direction", field: "dir", mask: ALL, written: "update" },
      IS: { at: 0x404, doc: "Interrupt sense", field: "sense", mask: ALL, written: "update" },
      IBE: { at: 0x408, doc: "Interrupt both edges", field: "bothEdges", mask: ALL, written: "update" },
      IEV: { at: 0x40c, doc: "Interrupt event", field: "event", mask: ALL, written: "update" },
      IE: { at: 0x410, doc: "Interrupt mask", field: "enabled", mask: ALL, written: "update" },
      RIS: { at: 0x414, doc: "Raw interrupt status", field: "status", mode: "ro" },
      MIS: { at: 0x418, doc: "Masked interrupt status", field: "activeInterrupts", mode: "ro" },
      IC: { at: 0x41c, doc: "Clear", field: "status", mode: "w1c", writeOnly: true, written: "update" },
      AFSEL: { at: 0x420, doc: "Mode control", field: "alternate", write: "setAlternate", written: "update" },
      ID: { at: 0xfd0, values: [0, 0, 0, 0, 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1] },
    });
  }

  realize() {
    const { pullups, pulldowns } = this.config;
    if (pullups > ALL || pulldowns > ALL || pullups & pulldowns) {
      throw new RangeError("pullups and pulldowns are masks of 8 pins, and have none in common");
    }
  }

  resetEnter() {
    this.trace.pl061_reset(this.object);
  }

  resetHold() {
    this.setOutputs(this.pulledUp, ~this.floating);
  }

  get pulledUp() {
    return this.config.pullups & ~this.dir;
  }

  /** Inputs that no resistor holds either way: for the other end they stay what they were. */
  get floating() {
    return ~(this.config.pullups | this.config.pulldowns) & ~this.dir & ALL;
  }

  get activeInterrupts() {
    return this.status & this.enabled;
  }

  update() {
    const { dir, data, pulledUp, floating } = this;
    this.trace.pl061_update(this.object, dir, data, pulledUp, floating);
    const out = (data & dir) | pulledUp | (this.oldOut & floating);
    this.setOutputs(out, this.oldOut ^ out);
    this.takeInputs((this.oldIn ^ data) & ~dir);
    const interrupts = this.activeInterrupts !== 0;
    this.trace.pl061_update_istate(this.object, this.status, this.enabled, Number(interrupts));
    this.irqs.GPIOINTR.set(interrupts);
  }

  setOutputs(levels: number, which: number) {
    this.oldOut = levels;
    for (let pin = 0; pin < PINS; pin++) {
      if (which & (1 << pin)) {
        const level = (levels >> pin) & 1;
        this.trace.pl061_set_output(this.object, pin, level);
        this.outputs.pins.set(pin, level === 1);
      }
    }
  }

  /** Interrupts by edges of inputs, and by levels. */
  takeInputs(changed: number) {
    for (let pin = 0; changed >> pin; pin++) {
      if (changed & (1 << pin)) {
        this.trace.pl061_input_change(this.object, pin, (this.data >> pin) & 1);
        this.oldIn = this.data;
      }
    }
    const wanted = ~(this.data ^ this.event);
    this.status |= (changed & ~this.sense & (this.bothEdges | wanted)) | (wanted & this.sense);
  }

  pinChanged(pin: number, level: boolean) {
    const bit = 1 << pin;
    if (!(this.dir & bit)) {
      this.data = level ? this.data | bit : this.data & ~bit;
      this.update();
    }
  }

  readData(mask: number) {
    return this.data & mask;
  }

  writeData(mask: number, value: number) {
    const pins = mask & this.dir;
    this.data = (this.data & ~pins) | (value & pins);
    this.update();
  }

  setAlternate(value: number) {
    this.alternate = (this.alternate & ~this.commit) | (value & this.commit);
  }

  readNothing(offset: number) {
    guestError(`pl061_read: Bad offset ${offset.toString(16)}`);
    return 0;
  }

  writeNothing(offset: number) {
    guestError(`pl061_write: Bad offset ${offset.toString(16)}`);
  }
}

export class PL061Luminary extends PL061.with({ type: "pl061_luminary-ts", description: "Stellaris GPIO" }) {
  static {
    registers(PL061Luminary, "regs", {
      PADS: { at: 0x500, count: 8, doc: "Pad control", field: "pads", mask: ALL, written: "update" },
      LOCK: { at: 0x520, doc: "Lock", field: "locked", write: "setLock", written: "update" },
      CR: { at: 0x524, doc: "Commit", field: "commit", write: "setCommit", written: "update" },
      AMSEL: { at: 0x528, doc: "Analog mode select", field: "analog", mask: ALL, written: "update" },
      ID: { at: 0xfd0, values: [0, 0, 0, 0, 0x61, 0x00, 0x18, 0x01, 0x0d, 0xf0, 0x05, 0xb1] },
    });
  }

  override get pulledUp() {
    return this.pads[PUR]! & ~this.dir;
  }

  override get floating() {
    return ~(this.pads[PUR]! | this.pads[PDR]!) & ~this.dir & ALL;
  }

  setLock(value: number) {
    this.locked = value === UNLOCK ? 0 : 1;
  }

  setCommit(value: number) {
    this.commit = this.locked ? this.commit : value & ALL;
  }
}

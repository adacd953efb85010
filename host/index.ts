/** What device scripts import as "qemu-script". */
export { Access } from "./device/access.ts";
export type { BitField, BitRange, Bits, Mode } from "./device/bits.ts";
export type { CParent } from "./device/c-parent.ts";
export type { OldState, OldValue } from "./device/carry.ts";
export {
  Chardev,
  type ChardevEvent,
  type ChardevHandlers,
  type ChardevProperty,
  chardev,
  type LineParameters,
  type ModemLines,
} from "./device/chardev.ts";
export {
  type ClockInput,
  type ClockLine,
  type ClockOutput,
  type ClockRate,
  type ClockSpec,
  clockState,
  type OtherClock,
} from "./device/clocks.ts";
export {
  type DeclaredClass,
  Device,
  type DeviceClass,
  PCIDevice,
  QomObject,
  SysBusDevice,
} from "./device/device.ts";
export type { DeviceTreeSpec, TreeValue } from "./device/device-tree.ts";
export { type Address, Dma, type DmaResult, type DmaWindow } from "./device/dma.ts";
export { DeclarationError, StaleError } from "./device/errors.ts";
export {
  bool,
  type Field,
  i8,
  i16,
  i32,
  i64,
  type Property,
  type PropertyOptions,
  type Scalar,
  type ScalarOrProperty,
  type SubsectionOptions,
  u8,
  u16,
  u32,
  u64,
  unused,
} from "./device/fields.ts";
export { GpioInput, type InputLines, type OutputLines } from "./device/gpio.ts";
export { hex } from "./device/hex.ts";
export type { FollowingLines, IrqLine, IrqLines, IrqSpec } from "./device/irq.ts";
export { type InputOptions, type Lines, type LinesOptions, lines } from "./device/lines.ts";
export { guestError, type LogLine, unimplemented } from "./device/log.ts";
export type { Msi, Msix, Pci, PciConfig, PciIrq, PciOf } from "./device/pci.ts";
export type { BarIndex, BarSpec, MsiSpec, MsixSpec, PciSpec } from "./device/pci-spec.ts";
export {
  array,
  type Bit,
  bit,
  type ElementType,
  enumeration,
  link,
  size,
  string,
} from "./device/properties.ts";
export type {
  AliasRegionSpec,
  ContainerRegionSpec,
  IoRegionSpec,
  MovableRegion,
  RamRegion,
  RamRegionSpec,
  Region,
  RegionSpec,
} from "./device/regions.ts";
export { registerTable } from "./device/register-table.ts";
export { type Register, type RegisterArray, registers, type TableOptions } from "./device/registers.ts";
export type { Declared, DeviceSpec, MigrationSpec } from "./device/spec.ts";
export { type Struct, since, struct, subsection } from "./device/struct.ts";
export {
  type ClockName,
  type ClockReading,
  clock,
  PeriodicTimer,
  type SingleTimer,
  Timer,
  type TimerField,
  type TimerOptions,
  timer,
} from "./device/timer.ts";
export type { TracedAccess, TraceEvent, TraceSpec, TraceText } from "./device/trace.ts";
export type * from "./device/traits.ts";
export type { Accessors, AccessorType } from "./qom/accessors.ts";
export type { RefClass, ScriptedClass, Settable } from "./qom/classes.ts";
export {
  BusRef,
  ClockRef,
  DeviceRef,
  MemoryRegionRef,
  PCIDeviceRef,
  SysBusDeviceRef,
} from "./qom/devices.ts";
export { QemuError } from "./qom/error.ts";
export { ObjectRef, type PropertyInfo } from "./qom/object.ts";
export type { Value } from "./qom/value.ts";
export type { WeakObject } from "./qom/weak.ts";

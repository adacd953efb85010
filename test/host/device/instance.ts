import { type Device, make } from "../../../host/device/device.ts";
import { initialState, type Layout, VIEWS, viewsOf } from "../../../host/device/state.ts";

export interface Given {
  readonly config?: object;
  readonly irqs?: object;
  readonly clocks?: object;
  readonly regions?: object;
  /** The memory of its state; what a device starts with if absent. */
  readonly block?: ArrayBuffer;
}

/** A device as the engine makes it, but with no QEMU behind it. */
export function makeDevice<T extends Device>(
  cls: (new () => T) & { readonly layout: Layout },
  { config = {}, irqs = {}, clocks = {}, regions = {}, block = blockOf(cls.layout) }: Given = {},
): T {
  const own = {
    [VIEWS]: { value: viewsOf(block, cls.layout), writable: true },
    config: { value: config, enumerable: true },
    irqs: { value: irqs },
    clocks: { value: clocks },
    regions: { value: regions },
  };
  return make(cls, own);
}

export function blockOf(layout: Layout): ArrayBuffer {
  return initialState(layout).buffer as ArrayBuffer;
}

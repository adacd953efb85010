/** What GPIO lines and character devices must mean to the type checker. Checked by tsc, never run. */

import { expectTypeOf } from "bun:test";
import {
  type ChardevEvent,
  type ChardevListener,
  type CharReceiver,
  chardev,
  type GpioInput,
  type GpioListener,
  type InputLines,
  lines,
  type ModemLines,
  type OutputLines,
  SysBusDevice,
} from "qemu-script";

class Lines
  extends SysBusDevice.with({
    type: "lines",
    properties: {
      line: chardev({ description: "d", receive: "rx", room: "left", receiveBreak: "b", event: "e" }),
    },
    irqs: ["irq"],
    inputs: { pins: lines(8), enable: lines(1, { anonymous: true, changed: "enabled" }) },
    outputs: { leds: lines(4), "red-led": lines(1, { name: "red" }) },
  })
  implements GpioListener, ChardevListener, CharReceiver
{
  readonly room = 1;

  receive(bytes: Uint8Array, name: "line") {
    expectTypeOf(name).toEqualTypeOf<"line">();
    expectTypeOf(bytes).toEqualTypeOf<Uint8Array>();
  }

  // Narrower than the trait: the names that there are.
  gpioChanged(name: "pins", line: number, level: boolean) {
    this.outputs.leds.set(line, level && name === "pins");
  }

  chardevEvent(_: string, event: ChardevEvent) {
    expectTypeOf(event).toEqualTypeOf<"opened" | "closed" | "mux-in" | "mux-out" | "writable">();
    // @ts-expect-error no such event
    event === "open";
  }

  inputsAndOutputs() {
    expectTypeOf(this.inputs.pins).toEqualTypeOf<InputLines>();
    expectTypeOf(this.outputs.leds).toEqualTypeOf<OutputLines>();
    expectTypeOf(this.inputs.pins.level(0)).toEqualTypeOf<boolean>();
    expectTypeOf(this.inputs.pins.levels).toEqualTypeOf<number>();
    expectTypeOf(this.inputs.pins.input(0)).toEqualTypeOf<GpioInput>();
    expectTypeOf(this.irqs.irq.level).toEqualTypeOf<boolean>();
    this.outputs["red-led"].pulse(0);
    this.outputs.leds.drive(3);
    this.outputs.leds.connect(0, this.inputs.pins.input(1));
    this.irqs.irq.connect(this.inputs.enable.input(0));
  }

  wrong() {
    // @ts-expect-error no such array
    this.inputs.leds;
    // @ts-expect-error no such array
    this.outputs.pins;
    // @ts-expect-error an input is not driven by its own device
    this.inputs.pins.set(0, true);
    // @ts-expect-error levels are set one by one, or by drive()
    this.outputs.leds.levels = 3;
    // @ts-expect-error a boolean, not a number
    this.outputs.leds.set(0, 1);
    // @ts-expect-error which line?
    this.outputs.leds.raise();
    // @ts-expect-error an input, not a number
    this.outputs.leds.connect(0, 1);
    // @ts-expect-error made by input()
    this.outputs.leds.connect(0, { name: "pins", line: 1 });
    // @ts-expect-error lines of a device stay what they are
    this.outputs.leds = this.outputs["red-led"];
    // @ts-expect-error driven by set(), raise() and lower()
    this.irqs.irq.level = true;
  }

  chardevs() {
    const { line } = this.config;
    expectTypeOf(line.write("text")).toEqualTypeOf<number>();
    expectTypeOf(line.writeAll(new Uint8Array(1))).toEqualTypeOf<void>();
    expectTypeOf(line.modem).toEqualTypeOf<ModemLines | undefined>();
    expectTypeOf(line.setModem({ dtr: true, rts: false })).toEqualTypeOf<boolean>();
    expectTypeOf(
      line.setParameters({ speed: 9600, parity: "odd", dataBits: 7, stopBits: 2 }),
    ).toEqualTypeOf<boolean>();
    expectTypeOf(line.open).toEqualTypeOf<boolean>();
    line.attach("id");
    line.detach();
    line.acceptInput();
  }

  wrongChardevs() {
    const { line } = this.config;
    // @ts-expect-error no such parity
    line.setParameters({ speed: 9600, parity: "mark" });
    // @ts-expect-error a speed there must be
    line.setParameters({ parity: "none" });
    // @ts-expect-error from 5 to 8
    line.setParameters({ speed: 9600, dataBits: 9 });
    // @ts-expect-error an input of the device
    line.setModem({ dtr: true, rts: true, cts: true });
    // @ts-expect-error the line tells
    line.modem = undefined;
    // @ts-expect-error an ID
    line.attach();
  }
}
expectTypeOf<Lines>().toExtend<GpioListener>();

// @ts-expect-error lines are made by lines()
SysBusDevice.with({ type: "x", inputs: { pins: 8 } });
// @ts-expect-error how many?
SysBusDevice.with({ type: "x", inputs: { pins: lines() } });
// @ts-expect-error no such option
SysBusDevice.with({ type: "x", inputs: { pins: lines(8, { edge: true }) } });
// @ts-expect-error no such handler
SysBusDevice.with({ type: "x", properties: { line: chardev({ send: "tx" }) } });

/** A trait that is not what it should be. */
export class Wrong
  extends SysBusDevice.with({ type: "wrong", inputs: { pins: lines(8) } })
  implements GpioListener
{
  // @ts-expect-error the level is a boolean
  gpioChanged(name: string, line: number, level: number) {
    this.inputs.pins.level(line + level + name.length);
  }
}

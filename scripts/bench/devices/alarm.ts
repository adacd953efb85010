/** A device whose timer goes off again and again, and that prints how late it learns of it; for the bench `timer`. */
import { clock, type ResetExit, SysBusDevice, type TimerListener, timer, u32 } from "qemu-script";

/** Between two alarms, in ns: so far apart that all sleep again, and at no fixed distance to the engine's ticks. */
const LEAST = 1_000_000;
const STEP = 137_000;
const STEPS = 16;

export default class Alarm
  extends SysBusDevice.with({
    type: "bench-alarm",
    properties: { warmup: u32({ default: 0 }), count: u32({ default: 1 }) },
    state: { alarm: timer() },
  })
  implements ResetExit, TimerListener
{
  private readonly late: number[] = [];
  private due = 0;
  private turn = 0;

  resetExit() {
    this.next();
  }

  private next() {
    this.due = clock.virtual.ns + LEAST + STEP * (this.turn++ % STEPS);
    this.alarm.at(this.due);
  }

  timerExpired() {
    const late = clock.virtual.ns - this.due;
    const { warmup, count } = this.config;
    if (this.turn > warmup) {
      this.late.push(late);
    }
    if (this.late.length < count) {
      this.next();
    } else {
      console.error(`late ${JSON.stringify(this.late)}`);
    }
  }
}

/** A device that sends back what it receives; the bench `wake` measures how soon. */
import { type CharReceiver, chardev, SysBusDevice } from "qemu-script";

export default class Echo
  extends SysBusDevice.with({
    type: "bench-echo",
    properties: { chardev: chardev() },
  })
  implements CharReceiver
{
  readonly room = 16;

  receive(bytes: Uint8Array) {
    this.config.chardev.write(bytes);
  }
}

/** What traits of hot reload mean to the type checker. Checked by tsc, never run; types.test.ts sees to that. */

import { expectTypeOf } from "bun:test";
import {
  type Migrator,
  type OldState,
  type OldValue,
  type Reloaded,
  type Resettable,
  type Retiring,
  SysBusDevice,
  u32,
  u64,
} from "qemu-script";

class Plain extends SysBusDevice.with({ type: "plain", state: { count: u32(0), total: u64 } }) {}

export class All extends Plain implements Migrator, Reloaded, Retiring {
  migrate(old: OldState) {
    expectTypeOf(old["sum"]).toEqualTypeOf<OldValue | undefined>();
    this.count = Number(old["sum"]);
    this.total = BigInt(old["half"] === true ? 1 : 2);
    // @ts-expect-error it may be anything, or not there
    this.count = old["sum"];
    // @ts-expect-error the old state is what it was
    old["sum"] = 3;
  }
  reloaded() {}
  retire(): void {}
}

/** Who knows what the old fields were says so. */
export class Knows extends Plain implements Migrator {
  migrate(old: {
    readonly sum: number;
    readonly list: readonly { readonly a: bigint }[];
    readonly on?: boolean;
  }) {
    expectTypeOf(old.sum).toEqualTypeOf<number>();
    this.count = old.sum * 2;
    this.total = old.list[0]!.a;
  }
}

export class Picks extends Plain implements Migrator {
  migrate({ sum, half = 0 }: OldState) {
    expectTypeOf(sum).toEqualTypeOf<OldValue | undefined>();
    this.count = Number(sum) + Number(half);
  }
}

/** What was there before need not be of interest. */
export class Forgets extends Plain implements Migrator {
  migrate() {
    this.count = 5;
  }
}

export class Waits extends Plain implements Migrator, Reloaded, Retiring, Resettable {
  // @ts-expect-error nobody waits for it
  async migrate() {}
  // @ts-expect-error nor for this
  async reloaded() {
    await Bun.sleep(1);
  }
  // @ts-expect-error nor for a promise made otherwise
  retire() {
    return Promise.resolve();
  }
  // @ts-expect-error nor in any other trait
  async reset() {}
}

export class Wrong extends Plain implements Migrator, Reloaded, Retiring {
  // @ts-expect-error state has no text
  migrate(old: { readonly name: string }) {
    this.count = old.name.length;
  }
  // @ts-expect-error it is told nothing
  reloaded(_old: OldState) {}
  // @ts-expect-error and says nothing
  retire() {
    return "gone";
  }
}

export class Two extends Plain implements Migrator {
  // @ts-expect-error there is no second one
  migrate(_old: OldState, _version: number) {}
}

// @ts-expect-error no migrate()
export class NoMigrate extends Plain implements Migrator {}
// @ts-expect-error no reloaded()
export class NoReloaded extends Plain implements Reloaded {}
// @ts-expect-error no retire()
export class NoRetire extends Plain implements Retiring {}

// @ts-expect-error a method of the traits
SysBusDevice.with({ type: "x", state: { migrate: u32 } });
// @ts-expect-error the same
SysBusDevice.with({ type: "x", state: { reloaded: u32 } });
// @ts-expect-error the same
SysBusDevice.with({ type: "x", state: { retire: u32 } });

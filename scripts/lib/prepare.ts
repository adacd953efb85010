/** The whole set-up as one call: what is there and current is left alone, the rest is made, in order, with progress. */
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { PrivateApt } from "./apt.ts";
import { Interrupted, UserError } from "./errors.ts";
import { compileExecutable, executableIsCurrent } from "./executable.ts";
import { fetchGuest, fetchRoms, guestTitle, hasGuest, hasRoms, ROMS_TITLE } from "./guest-files.ts";
import { withLock } from "./lock.ts";
import { makePython, mesonKey, pythonOf } from "./meson.ts";
import { patchTree, treeIsCurrent, treeKey } from "./patches.ts";
import { type GuestName, paths as ourPaths, type Paths, STOCK_VARIABLE } from "./paths.ts";
import { startLog, throwIfInterrupted } from "./process.ts";
import { type Output, StepProgress } from "./progress.ts";
import {
  build,
  configure,
  isBuilt,
  isConfigured,
  patchedBuild,
  type QemuBuild,
  qtestsBuild,
  stockBuild,
} from "./qemu-build.ts";
import { fetchSource, type SourceOrigin, sourceOrigin } from "./qemu-source.ts";
import { Stamps, statFingerprint } from "./stamps.ts";
import { installPackages, missingPackages, systemState } from "./system-packages.ts";
import { typesAreCurrent, writeTypes } from "./types.ts";

export interface Wanted {
  readonly guests: readonly GuestName[];
  /** The unpatched QEMU as well. */
  readonly stock?: boolean;
  /** The programs of QEMU's own tests, and the ROMs that their machines want. */
  readonly qtests?: boolean;
  /** The patched QEMU; only a run that compares nothing and boots stock QEMU goes without. */
  readonly patched?: boolean;
}

/** One part of the set-up. */
interface Step {
  /** Names its log under build/logs. */
  readonly name: string;
  readonly title: string;
  upToDate(): Promise<boolean> | boolean;
  run(log: string, progress: StepProgress): Promise<void>;
}

/**
 * Brings build/ up to date with everything `wanted` and answers where it is. Safe to call in several processes at
 * once. Nothing is printed when all is there.
 *
 * @throws UserError, ToolFailed, Interrupted: see errors.ts. The next call goes on where this one stopped.
 */
export async function prepare(
  wanted: Wanted,
  paths: Paths = ourPaths,
  out: Output = process.stderr,
): Promise<Paths> {
  if (!Bun.semver.satisfies(Bun.version, ">=1.4.5")) {
    throw new UserError(
      `bun ${Bun.version} is too old: 1.4.5 is needed (npm run uses the one npm installed)`,
    );
  }
  const ownStock = !process.env[STOCK_VARIABLE];
  if (wanted.stock && !ownStock) checkExecutable(paths.stockQemu);
  const origin = await sourceOrigin();
  const waiting = (): void => void out.write("waiting for another run of this set-up to end ...\n");
  await withLock(join(paths.build, ".lock"), waiting, async () => {
    const steps = new Plan(paths, origin).steps(wanted, ownStock);
    for (const [index, step] of steps.entries()) {
      if (await step.upToDate()) continue;
      throwIfInterrupted();
      await perform(step, new StepProgress(index + 1, steps.length, step.title, out), paths, out);
    }
  });
  return paths;
}

async function perform(step: Step, progress: StepProgress, paths: Paths, out: Output): Promise<void> {
  const log = join(paths.build, "logs", `${step.name}.log`);
  startLog(log);
  progress.start();
  try {
    await step.run(log, progress);
  } catch (error) {
    progress.fail();
    if (error instanceof Interrupted) out.write("the next run goes on from here\n");
    throw error;
  }
  progress.finish();
}

function checkExecutable(path: string): void {
  try {
    accessSync(path, constants.X_OK);
  } catch {
    throw new UserError(`STOCK_QEMU=${path}: there is no such program`);
  }
}

/** The steps for one project directory. Every check looks at what the steps before it left. */
class Plan {
  private readonly paths: Paths;
  private readonly origin: SourceOrigin;
  private readonly stamps: Stamps;
  private readonly apt: PrivateApt;

  constructor(paths: Paths, origin: SourceOrigin) {
    this.paths = paths;
    this.origin = origin;
    this.stamps = new Stamps(join(paths.build, "stamps"));
    this.apt = new PrivateApt(paths.build);
  }

  steps(wanted: Wanted, ownStock: boolean): Step[] {
    const patched = wanted.patched ?? true;
    const stock = (wanted.stock ?? false) && ownStock;
    const qtests = wanted.qtests ?? false;
    return [
      this.packages(),
      ...(patched || stock || qtests ? [this.source(), this.meson()] : []),
      ...(patched
        ? [this.tree(), ...this.ninja([patchedBuild(this.paths)]), this.executable(), this.types()]
        : []),
      ...this.ninja([
        ...(stock ? [stockBuild(this.paths)] : []),
        ...(qtests ? [qtestsBuild(this.paths)] : []),
      ]),
      ...(qtests ? [this.roms()] : []),
      ...wanted.guests.map((name) => this.guest(name)),
    ];
  }

  private packages(): Step {
    return {
      name: "packages",
      title: "installing system packages",
      upToDate: async () => {
        if (this.stamps.read("packages") === systemState()) return true;
        if ((await missingPackages()).length > 0) return false;
        this.stamps.write("packages", systemState());
        return true;
      },
      run: async (log) => {
        await installPackages(await missingPackages(), log);
        this.stamps.write("packages", systemState());
      },
    };
  }

  private source(): Step {
    return {
      name: "source",
      title: this.origin.kind === "debian" ? "fetching QEMU's source" : "copying QEMU_SRC",
      upToDate: () => this.stamps.read("source") === this.origin.key,
      run: async (log, progress) => {
        this.stamps.remove("source");
        await fetchSource(this.origin, this.paths.source, this.apt, { log, progress });
        this.stamps.write("source", this.origin.key);
      },
    };
  }

  private meson(): Step {
    return {
      name: "meson",
      title: "fetching meson",
      upToDate: async () => this.stamps.read("meson") === (await mesonKey()),
      run: async (log, progress) => {
        this.stamps.remove("meson");
        await makePython(this.paths, this.apt, { log, progress });
        this.stamps.write("meson", await mesonKey());
      },
    };
  }

  private tree(): Step {
    return {
      name: "tree",
      title: "patching QEMU",
      upToDate: () => treeIsCurrent(this.patchInputs(), this.paths.tree, this.stamps),
      run: async (log, progress) => {
        const report = (done: number, total: number): void => progress.update(done, total);
        await patchTree(this.patchInputs(), this.paths.tree, this.stamps, log, report);
      },
    };
  }

  /** One configuration, and what is built of it. */
  private ninja(goals: readonly QemuBuild[]): Step[] {
    const [first] = goals;
    return first ? [this.configured(first), ...goals.map((target) => this.built(target))] : [];
  }

  private configured(target: QemuBuild): Step {
    const python = (): string => this.stamps.read("meson") ?? pythonOf(this.paths);
    const { paths, stamps } = this;
    return {
      name: `configure-${target.name}`,
      title: `configuring ${target.goal.title}`,
      upToDate: () => isConfigured(target, this.originName(), python(), stamps),
      run: (log) => configure(target, this.originName(), python(), { paths, stamps, log }),
    };
  }

  private built(target: QemuBuild): Step {
    const inputs = (): string =>
      [target.name === "qemu" ? treeKey(this.patchInputs()) : this.sourceKey(), systemState()].join(" ");
    const { paths, stamps } = this;
    return {
      name: `build-${target.goal.name}`,
      title: `building ${target.goal.title}`,
      upToDate: () => isBuilt(target, inputs(), stamps),
      run: (log, progress) => build(target, inputs(), { paths, stamps, log, progress }),
    };
  }

  private executable(): Step {
    return {
      name: "executable",
      title: "compiling host/",
      upToDate: () => executableIsCurrent(this.paths, this.stamps),
      run: (log) => compileExecutable(this.paths, this.stamps, log),
    };
  }

  private types(): Step {
    return {
      name: "types",
      title: "writing types for editors",
      upToDate: () => typesAreCurrent(this.paths, this.stamps),
      run: (log) => writeTypes(this.paths, this.stamps, log),
    };
  }

  private guest(name: GuestName): Step {
    return {
      name: `guest-${name}`,
      title: guestTitle(name),
      upToDate: () => hasGuest(this.paths, name),
      run: (log, progress) => fetchGuest(this.paths, name, this.apt, { log, progress }),
    };
  }

  private roms(): Step {
    return {
      name: "roms",
      title: ROMS_TITLE,
      upToDate: () => hasRoms(this.paths),
      run: (log, progress) => fetchRoms(this.paths, this.apt, { log, progress }),
    };
  }

  private patchInputs() {
    return {
      source: this.paths.source,
      sourceKey: this.sourceKey(),
      patches: join(this.paths.root, "qemu-patch"),
    };
  }

  /** Which content build/source has: its origin, and which of Debian's revisions when it is Debian's. */
  private sourceKey(): string {
    const marks = ["VERSION", "debian/changelog"].map((file) => join(this.paths.source, file));
    return `${this.origin.key} ${statFingerprint(...marks)}`;
  }

  /** A change of this means another tree altogether, not edits to the same one. */
  private originName(): string {
    return this.origin.directory ?? this.origin.kind;
  }
}

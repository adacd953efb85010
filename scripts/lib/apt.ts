/**
 * A private apt beside the system's: same mirror, same proxy, same keys, but its own source list, index files and
 * cache under build/apt. It reaches Debian 13 (trixie) from Debian 12 as well and changes nothing outside build/.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { chooseMirror, type Mirror, readSources } from "./debian-sources.ts";
import { ToolFailed, UserError } from "./errors.ts";
import { run } from "./process.ts";
import type { StepProgress } from "./progress.ts";
import { Stamps, writeWhole } from "./stamps.ts";

/** Where everything comes from that is newer than Debian 12: QEMU's source, meson, the guests. */
const SUITE = "trixie";
const LISTS_STAMP = "apt-lists";

const DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** What a download needs to know about the step it serves. */
export interface Fetching {
  readonly log: string;
  readonly progress: StepProgress;
}

export class PrivateApt {
  private readonly home: string;
  private readonly stamps: Stamps;
  private readonly sourcesDirectory: string;

  constructor(build: string, sourcesDirectory = "/etc/apt") {
    this.sourcesDirectory = sourcesDirectory;
    this.home = join(build, "apt");
    this.stamps = new Stamps(join(build, "stamps"));
  }

  /**
   * A binary package as a file, verified by apt. One download is enough for good: a half one stays in a directory
   * of its own, where apt resumes it.
   */
  async package(name: string, fetching: Fetching): Promise<string> {
    const file = join(this.home, "packages", `${name}.deb`);
    if (existsSync(file)) return file;
    const part = this.partDirectory(name);
    await this.fetch(["download", `${name}/${SUITE}`], part, `downloading ${name}`, fetching);
    renameSync(join(part, onlyFile(part, ".deb")), file);
    rmSync(part, { recursive: true });
    return file;
  }

  /** The directory that holds a source package's .dsc and archives, verified by apt. */
  async source(name: string, fetching: Fetching): Promise<string> {
    const directory = join(this.home, "sources", name);
    if (existsSync(directory)) return directory;
    const part = this.partDirectory(`source-${name}`);
    await this.fetch(
      ["source", "--download-only", `${name}/${SUITE}`],
      part,
      `downloading ${name}`,
      fetching,
    );
    mkdirSync(join(this.home, "sources"), { recursive: true });
    renameSync(part, directory);
    return directory;
  }

  /** Runs apt-get in `directory`; when that fails once the index files may be outdated, so a second try has new ones. */
  private async fetch(
    args: readonly string[],
    directory: string,
    what: string,
    fetching: Fetching,
  ): Promise<void> {
    const fresh = await this.ensureLists(fetching);
    try {
      await this.aptGet(args, directory, what, fetching);
    } catch (error) {
      if (fresh || !(error instanceof ToolFailed)) throw error;
      this.stamps.remove(LISTS_STAMP);
      await this.ensureLists(fetching);
      // Parts of the version that is gone now.
      rmSync(directory, { recursive: true });
      mkdirSync(directory);
      await this.aptGet(args, directory, what, fetching);
    }
  }

  /** Fetches the index files unless that was done. True when it was done now. */
  private async ensureLists(fetching: Fetching): Promise<boolean> {
    const sources = aptSources(this.mirror(), SUITE);
    if (this.stamps.read(LISTS_STAMP) === sources) return false;
    this.stamps.remove(LISTS_STAMP);
    this.configure(sources);
    await this.aptGet(
      ["update", "--error-on=any"],
      this.home,
      `reading Debian ${SUITE}'s index files`,
      fetching,
    );
    this.stamps.write(LISTS_STAMP, sources);
    return true;
  }

  private mirror(): Mirror {
    const mirror = chooseMirror(readSources(this.sourcesDirectory));
    if (mirror) return mirror;
    throw new UserError(
      `no Debian mirror is configured in ${this.sourcesDirectory} (sources.list, sources.list.d): ` +
        "an entry for Debian 12 or 13 with the component main is needed",
    );
  }

  private configure(sources: string): void {
    for (const name of ["lists/partial", "cache/archives/partial", "packages"]) {
      mkdirSync(join(this.home, name), { recursive: true });
    }
    writeWhole(join(this.home, "debian.sources"), sources);
    writeWhole(join(this.home, "apt.conf"), aptConfiguration(this.home));
  }

  private async aptGet(
    args: readonly string[],
    cwd: string,
    what: string,
    fetching: Fetching,
  ): Promise<void> {
    await run("apt-get", ["-c", join(this.home, "apt.conf"), "-q", ...args], {
      what,
      cwd,
      log: fetching.log,
      env: { LC_ALL: "C.UTF-8" },
      onLine: (line) => {
        const percent = downloadPercent(line);
        if (percent !== undefined) fetching.progress.update(percent, 100, "%");
        return percent === undefined;
      },
    });
  }

  private partDirectory(name: string): string {
    const part = join(this.home, "part", name);
    mkdirSync(part, { recursive: true });
    return part;
  }
}

/** The private source list, in deb822 form so that a key written into the machine's own entry can be carried over. */
export function aptSources(mirror: Mirror, suite: string, keyring = DEBIAN_KEYRING): string {
  const options = { ...mirror.options };
  const signedBy = options["signed-by"];
  // The key of one release may not have signed another; the keyring of all of them has.
  if ((signedBy === undefined || signedBy.includes("debian-archive")) && existsSync(keyring)) {
    options["signed-by"] = keyring;
  }
  const lines = ["Types: deb deb-src", `URIs: ${mirror.uri}`, `Suites: ${suite}`, "Components: main"];
  lines.push("Targets: Packages Sources", "PDiffs: no");
  for (const [name, value] of Object.entries(options)) lines.push(`${name}: ${value}`);
  return `${lines.join("\n")}\n`;
}

/** apt reads this after the machine's own configuration, of which proxies and the like stay in force. */
function aptConfiguration(home: string): string {
  const settings: Record<string, string> = {
    "Dir::Etc::sourcelist": join(home, "debian.sources"),
    "Dir::Etc::sourceparts": "-",
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": "-",
    "Dir::State::Lists": join(home, "lists"),
    "Dir::Cache": join(home, "cache"),
    "Dir::Cache::archives": join(home, "cache", "archives"),
    "APT::Default-Release": "",
    // apt would download as a user who may not be able to reach this directory.
    "APT::Sandbox::User": "root",
    "APT::Status-Fd": "1",
    "Acquire::Languages": "none",
    "Acquire::Retries": "3",
  };
  const hooks = ["APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success"];
  return [
    ...hooks.map((hook) => `#clear ${hook};`),
    ...Object.entries(settings).map(([name, value]) => `${name} "${value}";`),
    "",
  ].join("\n");
}

/** Percent done from apt's status lines, `dlstatus:1:37.5:Retrieving file 1 of 1`. */
export function downloadPercent(line: string): number | undefined {
  const match = /^(?:dl|pm)status:[^:]*:([\d.]+)/.exec(line);
  return match ? Number(match[1]) : undefined;
}

function onlyFile(directory: string, suffix: string): string {
  const name = readdirSync(directory).find((entry) => entry.endsWith(suffix));
  if (name === undefined) throw new UserError(`apt-get left no ${suffix} file in ${directory}`);
  return name;
}

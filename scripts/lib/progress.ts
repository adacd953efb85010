/** What a long run says while it works: one live line on a terminal, a plain line now and then elsewhere. */

export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const LIVE_INTERVAL_MS = 100;
const PLAIN_INTERVAL_MS = 10_000;
const WINDOW_MS = 30_000;
const SAMPLE_MS = 3_000;

/** Where one step stands. `total` is absent while the tool has not said how much there is to do. */
export interface StepState {
  readonly index: number;
  readonly steps: number;
  readonly title: string;
  readonly startedAt: number;
  readonly done?: number;
  readonly total?: number;
  /** Where the work stood earlier: first at the first report, then at reports of the last half minute. */
  readonly samples?: readonly Sample[];
  /** "%" when done and total count percent, so that the pair is not shown as well. */
  readonly unit?: "%";
}

interface Sample {
  readonly done: number;
  readonly at: number;
}

/** `[step 2/9] building libqemu  812/1870  43%  elapsed 2:10  left 2:40` */
export function progressLine(state: StepState, now: number): string {
  const parts = [`[step ${state.index}/${state.steps}] ${state.title}`];
  const { done, total } = state;
  if (done !== undefined && total !== undefined && total > 0) {
    if (state.unit !== "%") parts.push(`${done}/${total}`);
    parts.push(`${Math.floor((100 * done) / total)}%`);
  }
  parts.push(`elapsed ${duration(now - state.startedAt)}`);
  const left = timeLeft(state, now);
  if (left !== undefined) parts.push(`left ${duration(left)}`);
  return parts.join("  ");
}

/** The mean of what the whole run and the last half minute suggest: QEMU's largest files are compiled last. */
function timeLeft({ done, total, samples }: StepState, now: number): number | undefined {
  if (done === undefined || total === undefined) return undefined;
  const guesses = [samples?.[0], samples?.[1]]
    .filter((sample) => sample !== undefined && sample.done < done)
    .map((sample) => ((now - (sample?.at ?? 0)) * (total - done)) / (done - (sample?.done ?? 0)));
  return guesses.length === 0 ? undefined : guesses.reduce((a, b) => a + b) / guesses.length;
}

/** Adds a report: the first sample stays, others are dropped when half a minute old. */
function sampled(samples: readonly Sample[], next: Sample): readonly Sample[] {
  const [first, ...recent] = samples;
  if (!first) return [next];
  const last = recent.at(-1) ?? first;
  const kept = recent.filter(
    (sample, index) => next.at - sample.at < WINDOW_MS || index === recent.length - 1,
  );
  return next.at - last.at < SAMPLE_MS ? [first, ...kept] : [first, ...kept, next];
}

/** Minutes and seconds, hours when there are any: 0:07, 12:40, 1:02:03. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (n: number): string => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** One step's reporter. Nothing is printed for a step that never starts. */
export class StepProgress {
  private readonly out: Output;
  private state: StepState;
  private shownAt = 0;
  private timer: ReturnType<typeof setInterval> | undefined;
  private started = false;

  constructor(index: number, steps: number, title: string, out: Output) {
    this.out = out;
    this.state = { index, steps, title, startedAt: Date.now() };
  }

  /** Announces the step; called by the first update too, so a step may wait to see whether it has work. */
  start(): void {
    if (this.started) return;
    this.started = true;
    this.state = { ...this.state, startedAt: Date.now() };
    if (this.out.isTTY) {
      this.timer = setInterval(() => this.show(), 1000);
      this.timer.unref();
      this.show();
    } else {
      this.shownAt = Date.now();
      this.out.write(`[step ${this.state.index}/${this.state.steps}] ${this.state.title} ...\n`);
    }
  }

  update(done: number, total: number, unit?: "%"): void {
    this.start();
    const restarted = this.state.total !== total || (this.state.done ?? 0) > done;
    const samples = sampled(restarted ? [] : (this.state.samples ?? []), { done, at: Date.now() });
    this.state = { ...this.state, done, total, samples, ...(unit ? { unit } : {}) };
    if (Date.now() - this.shownAt >= (this.out.isTTY ? LIVE_INTERVAL_MS : PLAIN_INTERVAL_MS)) this.show();
  }

  finish(): void {
    if (!this.started) return;
    this.stop();
    const { index, steps, title, startedAt } = this.state;
    this.out.write(`[step ${index}/${steps}] ${title}  done in ${duration(Date.now() - startedAt)}\n`);
  }

  /** Leaves the line so that an error can be printed below it. */
  fail(): void {
    if (!this.started) return;
    this.stop();
    this.out.write(`${progressLine(this.state, Date.now())}\n`);
  }

  private stop(): void {
    clearInterval(this.timer);
    if (this.out.isTTY) this.out.write("\r\x1b[K");
  }

  private show(): void {
    this.shownAt = Date.now();
    const line = progressLine(this.state, this.shownAt);
    if (this.out.isTTY) this.out.write(`\r${line.slice(0, (this.out.columns || 80) - 1)}\x1b[K`);
    else this.out.write(`${line}\n`);
  }
}

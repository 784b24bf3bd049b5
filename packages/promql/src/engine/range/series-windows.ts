import type { QueryContext } from "../query-context.ts";
import type { RangeKernel } from "../range-functions.ts";
import { HISTOGRAM_WORK, NONE, type StepSeries } from "../step-series.ts";
import { moveWindows, type RawSamples, sameWindows, type Windows } from "../windows.ts";
import type { KernelFunction } from "./kernel-function.ts";
import type { MixedFunction } from "./mixed-functions.ts";
import { SampleWindow } from "./sample-window.ts";

/** How many samples and windows may be looked at before others get a turn on the thread: some ms. */
const SAMPLES_PER_TURN = 1_000_000;

export interface SeriesWindowsOptions {
  /** What computes series without more to them than floats, if there is such; `out` has its columns. */
  readonly fast: KernelFunction | undefined;
  readonly kernel: RangeKernel;
  readonly mixed: MixedFunction;
  /** Whether the kernel looks at every sample of every window. */
  readonly walks: boolean;
  readonly windows: Windows;
  /** The times of evaluation. */
  readonly timesMs: Float64Array;
  /** Where the result of a series goes. */
  readonly out: StepSeries;
  readonly context: QueryContext;
}

/** Computes a range function for one series after the other, in turns with others where a series is long. */
export class SeriesWindows {
  readonly #options: SeriesWindowsOptions;
  /** The windows of some steps; those of the others are empty. */
  readonly #turn: Windows;
  /** The steps of which the turn has windows. */
  #turnStart = 0;
  #turnEnd = 0;
  readonly #histogramWindows: Windows;

  constructor(options: SeriesWindowsOptions) {
    this.#options = options;
    this.#turn = sameWindows(options.windows);
    this.#histogramWindows = sameWindows(options.windows);
  }

  /** Fills `out`, at once or, of a series that takes long, when the promise resolves. */
  compute(raw: RawSamples): Promise<void> | undefined {
    const { fast, kernel, walks, windows, timesMs, out } = this.#options;
    if (fast?.compute(raw) === true) return undefined;
    out.present.fill(NONE);
    moveWindows(windows, raw);
    // What WebAssembly leaves alone is unusual, and may take long.
    const isWalk = walks || fast !== undefined;
    const work = isWalk ? samplesIn(windows) : raw.length;
    const isLong = work + windows.count > SAMPLES_PER_TURN;
    if (raw.histograms !== undefined || isLong) return this.#computeInTurns(raw, isLong, isWalk);
    kernel(raw, windows, timesMs, out);
    return undefined;
  }

  async #computeInTurns(raw: RawSamples, isLong: boolean, isWalk: boolean): Promise<void> {
    const { kernel, windows, timesMs, out, context } = this.#options;
    if (!isLong) kernel(raw, windows, timesMs, out);
    else
      for (let step = 0; step < windows.count; ) {
        const from = windows.from[step] as number;
        const next = this.#takeTurn(step, isWalk);
        const part = partOf(raw, from, windows.to[next - 1] as number);
        if (next === step + 1) await kernel.prepare?.(part, 0, part.length, context);
        kernel(part, this.#turn, timesMs, out);
        step = next;
        if (context.isTurnOver()) await context.pause();
      }
    if (raw.histograms === undefined) return;
    const histogramWindows = this.#histogramWindows;
    moveWindows(histogramWindows, raw.histograms);
    const window = new SampleWindow(raw, raw.histograms, out);
    let work = 0;
    for (let step = 0; step < windows.count; step++) {
      window.move(step, windows, histogramWindows);
      if (window.histogramCount === 0) continue;
      this.#options.mixed(window);
      work += window.histogramCount * HISTOGRAM_WORK;
      if (work < SAMPLES_PER_TURN) continue;
      work = 0;
      if (context.isTurnOver()) await context.pause();
    }
  }

  /**
   * Sets the windows of a turn, which begins at a step, over samples of which the first is that step's first. Answers where
   * the next turn begins. Where windows overlap, and a kernel does not walk them, a turn is longer than they are, so that few
   * samples are looked at in two turns.
   */
  #takeTurn(first: number, isWalk: boolean): number {
    const { windows } = this.#options;
    const turn = this.#turn;
    turn.from.fill(0, this.#turnStart, this.#turnEnd);
    turn.to.fill(0, this.#turnStart, this.#turnEnd);
    const start = windows.from[first] as number;
    const samplesMax = isWalk
      ? SAMPLES_PER_TURN
      : Math.max(SAMPLES_PER_TURN, 3 * ((windows.to[first] as number) - start));
    let walked = 0;
    let step = first;
    do {
      const from = windows.from[step] as number;
      const to = windows.to[step] as number;
      turn.from[step] = from - start;
      turn.to[step] = to - start;
      walked = isWalk ? walked + to - from : to - start;
      step++;
    } while (step < windows.count && walked < samplesMax && step - first < SAMPLES_PER_TURN);
    this.#turnStart = first;
    this.#turnEnd = step;
    return step;
  }
}

/** Samples `from` (included) to `to` (excluded). */
function partOf(raw: RawSamples, from: number, to: number): RawSamples {
  if (from === 0 && to === raw.length) return raw;
  return {
    timestampsMs: raw.timestampsMs.subarray(from, to),
    values: raw.values.subarray(from, to),
    length: to - from,
    startsMs: raw.startsMs?.subarray(from, to),
    histograms: undefined,
  };
}

function samplesIn({ count, from, to }: Windows): number {
  let samples = 0;
  for (let i = 0; i < count; i++) samples += (to[i] as number) - (from[i] as number);
  return samples;
}

import type { QueryContext } from "../query-context.ts";
import type { RangeKernel } from "../range-functions.ts";
import { NONE, type StepSeries } from "../step-series.ts";
import { moveWindows, type RawSamples, sameWindows, type Windows } from "../windows.ts";
import type { KernelFunction } from "./kernel-function.ts";
import type { MixedFunction } from "./mixed-functions.ts";
import { SampleWindow } from "./sample-window.ts";

/** How many samples may be looked at before others get a turn on the thread: some tens of ms. */
const SAMPLES_PER_TURN = 2_000_000;

/** What a histogram counts as in that: to add one up takes as long as so many floats. */
const HISTOGRAM_WORK = 100;

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
    const isLong = (walks || fast !== undefined) && samplesIn(windows) > SAMPLES_PER_TURN;
    if (raw.histograms !== undefined || isLong) return this.#computeInTurns(raw, isLong);
    kernel(raw, windows, timesMs, out);
    return undefined;
  }

  async #computeInTurns(raw: RawSamples, isLong: boolean): Promise<void> {
    const { kernel, windows, timesMs, out, context } = this.#options;
    if (!isLong) kernel(raw, windows, timesMs, out);
    else
      for (let step = 0; step < windows.count; ) {
        step = this.#takeTurn(step);
        kernel(raw, this.#turn, timesMs, out);
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

  /** Sets the windows of a turn, which begins at a step. Answers where the next one begins. */
  #takeTurn(from: number): number {
    const { windows } = this.#options;
    const turn = this.#turn;
    turn.from.fill(0);
    turn.to.fill(0);
    let samples = 0;
    let step = from;
    do {
      turn.from[step] = windows.from[step] as number;
      turn.to[step] = windows.to[step] as number;
      samples += (windows.to[step] as number) - (windows.from[step] as number);
      step++;
    } while (step < windows.count && samples < SAMPLES_PER_TURN);
    return step;
  }
}

function samplesIn({ count, from, to }: Windows): number {
  let samples = 0;
  for (let i = 0; i < count; i++) samples += (to[i] as number) - (from[i] as number);
  return samples;
}

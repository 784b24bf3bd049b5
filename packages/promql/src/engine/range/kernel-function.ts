import { NO_LABELS } from "@pharos/base";
import { type Kernels, WINDOW_SAMPLES_MAX, WINDOWS_MAX, WindowKernels } from "@pharos/kernels";
import type { StepSeries } from "../step-series.ts";
import type { RawSamples, Windows } from "../windows.ts";

/** Computes a function of windows that were found. Answers for how many there is a result; below 0 where it does not. */
type Compute = (windows: WindowKernels, values: Float64Array) => number;

const RATE = { isCounter: true, perSecond: true };
const INCREASE = { isCounter: true, perSecond: false };
const DELTA = { isCounter: false, perSecond: false };

const FUNCTIONS: ReadonlyMap<string, Compute> = new Map<string, Compute>([
  ["rate", (windows, values) => windows.change(values, RATE)],
  ["increase", (windows, values) => windows.change(values, INCREASE)],
  ["delta", (windows, values) => windows.change(values, DELTA)],
  ["irate", (windows, values) => windows.lastChange(values, { isCounter: true })],
  ["idelta", (windows, values) => windows.lastChange(values, { isCounter: false })],
  ["sum_over_time", (windows, values) => windows.sum(values)],
  ["avg_over_time", (windows, values) => windows.average(values)],
  ["min_over_time", (windows, values) => windows.extreme(values, "min", "value")],
  ["max_over_time", (windows, values) => windows.extreme(values, "max", "value")],
  ["ts_of_min_over_time", (windows, values) => windows.extreme(values, "min", "timestamp")],
  ["ts_of_max_over_time", (windows, values) => windows.extreme(values, "max", "timestamp")],
  ["count_over_time", (windows) => windows.count()],
  ["first_over_time", (windows, values) => windows.earliest(values, "value")],
  ["last_over_time", (windows, values) => windows.latest(values, "value")],
  ["ts_of_first_over_time", (windows, values) => windows.earliest(values, "timestamp")],
  ["ts_of_last_over_time", (windows, values) => windows.latest(values, "timestamp")],
  ["stdvar_over_time", (windows, values) => windows.variance(values, "variance")],
  ["stddev_over_time", (windows, values) => windows.variance(values, "deviation")],
  ["changes", (windows, values) => windows.changes(values, "any")],
  ["resets", (windows, values) => windows.changes(values, "down")],
]);

/** The functions that look at each sample of each window. */
const WALKS = new Set(["stdvar_over_time", "stddev_over_time"]);
/** How many samples these may look at in one go: some ms. */
const WALKED_SAMPLES_MAX = 2_000_000;

/**
 * A range function in WebAssembly, which is two to ten times as fast as in TypeScript and comes to the same, to the last
 * bit. Not for all series: those of native histograms, with start times, or of unusual length are for `RangeKernel`s.
 */
export class KernelFunction implements Disposable {
  readonly #windows: WindowKernels;
  readonly #compute: Compute;
  readonly #walks: boolean;

  /** Undefined for a function that there is only in TypeScript, and for very many steps. @throws OperatingError `memory.full`. */
  static open(
    kernels: Kernels | undefined,
    func: string,
    windows: Windows,
  ): KernelFunction | undefined {
    const compute = FUNCTIONS.get(func);
    if (kernels === undefined || compute === undefined) return undefined;
    const reachesBeyond = windows.beforeMs !== 0 || windows.afterMs !== 0;
    if (reachesBeyond || windows.count > WINDOWS_MAX) return undefined;
    return new KernelFunction(kernels, compute, WALKS.has(func), windows);
  }

  private constructor(kernels: Kernels, compute: Compute, walks: boolean, windows: Windows) {
    this.#windows = new WindowKernels(kernels, windows);
    this.#compute = compute;
    this.#walks = walks;
  }

  /** Where results go: columns in the kernels' memory, valid until disposed of. */
  series(): StepSeries {
    const { values, present } = this.#windows;
    return { labels: NO_LABELS, dropName: false, values, present };
  }

  /** Computes the function of one series. False where that is none for the kernels, and nothing is done. */
  compute({ timestampsMs, values, length, startsMs, histograms }: RawSamples): boolean {
    const windows = this.#windows;
    if (histograms !== undefined || startsMs !== undefined || length > WINDOW_SAMPLES_MAX)
      return false;
    windows.find(timestampsMs, length);
    if (this.#walks && windows.samplesInWindows > WALKED_SAMPLES_MAX) return false;
    return this.#compute(windows, values) >= 0;
  }

  [Symbol.dispose](): void {
    this.#windows[Symbol.dispose]();
  }
}

import { assert } from "@pharos/base";
import type { Extent } from "../syntax/ast.ts";
import { averageOverTime, extremeOverTime, sumOverTime, variance } from "./over-time.ts";
import { extendedRate } from "./range/extended-rate.ts";
import type { RangeNotes } from "./range/range-notes.ts";
import { countTurns } from "./range/sample-sequence.ts";
import { SortedWindow } from "./range/sorted-window.ts";
import { extrapolatedRate, instantRate, type RateKind } from "./rate.ts";
import { doubleExponentialSmoothing, linearRegression } from "./trend.ts";
import type { Breaks } from "./turns.ts";
import type { RawSamples, StepColumn, Windows } from "./windows.ts";

/**
 * Computes one series' result at every step from its floats, as if it had no histograms. `timesMs` are the times of
 * evaluation, which differ from the ends of the windows under `offset` and `@`. May be called for some of the steps of a
 * series at a time.
 */
export interface RangeKernel {
  (raw: RawSamples, windows: Windows, timesMs: Float64Array, out: StepColumn): void;
  /** Does, with breaks, most of what a window of very many samples takes: the next call is about that one alone. */
  prepare?(raw: RawSamples, low: number, high: number, context: Breaks): Promise<void>;
}

/** Functions that return a sample as it is, and so keep the metric name. */
const KEEPS_NAME = new Set(["first_over_time", "last_over_time"]);

export function keepsName(func: string): boolean {
  return KEEPS_NAME.has(func);
}

/** Functions whose kernels look at each sample of each window, while the others go over a series and its steps once. */
const WALKS_WINDOWS = new Set([
  "changes",
  "deriv",
  "double_exponential_smoothing",
  "mad_over_time",
  "predict_linear",
  "quantile_over_time",
  "resets",
  "stddev_over_time",
  "stdvar_over_time",
]);

export function walksWindows(func: string): boolean {
  return WALKS_WINDOWS.has(func);
}

/** What a call of a range function is beside its name. */
export interface RangeCallOptions {
  /** The scalar arguments, in order, one value for each step of a call of the kernel. */
  readonly scalars: readonly Float64Array[];
  readonly extent: Extent | undefined;
  readonly notes: RangeNotes;
}

/** The kernel of a range function. It keeps scratch space: one query, one kernel. */
export function createRangeKernel(
  func: string,
  { scalars, extent, notes }: RangeCallOptions,
): RangeKernel {
  const rate = (kind: RateKind): RangeKernel =>
    extent === undefined ? extrapolatedRate(kind, notes) : extendedRate(kind, extent);
  const scalar = (index: number): Float64Array => {
    const values = scalars[index];
    assert(values !== undefined, () => `${func} has scalar argument ${index}`);
    return values;
  };
  switch (func) {
    case "rate":
      return rate({ isCounter: true, perSecond: true });
    case "increase":
      return rate({ isCounter: true, perSecond: false });
    case "delta":
      return rate({ isCounter: false, perSecond: false });
    case "irate":
      return instantRate(true);
    case "idelta":
      return instantRate(false);
    case "sum_over_time":
      return sumOverTime();
    case "avg_over_time":
      return averageOverTime();
    case "min_over_time":
      return extremeOverTime("min", "value");
    case "max_over_time":
      return extremeOverTime("max", "value");
    case "ts_of_min_over_time":
      return extremeOverTime("min", "timestamp");
    case "ts_of_max_over_time":
      return extremeOverTime("max", "timestamp");
    case "count_over_time":
      return eachWindow(1, (_, from, to) => to - from);
    case "present_over_time":
    case "absent_over_time":
      return eachWindow(1, () => 1);
    case "first_over_time":
      return eachWindow(1, ({ values }, from) => values[from] as number);
    case "last_over_time":
      return eachWindow(1, ({ values }, _, to) => values[to - 1] as number);
    case "ts_of_first_over_time":
      return eachWindow(1, ({ timestampsMs }, from) => (timestampsMs[from] as number) / 1000);
    case "ts_of_last_over_time":
      return eachWindow(1, ({ timestampsMs }, _, to) => (timestampsMs[to - 1] as number) / 1000);
    case "stdvar_over_time":
      return eachWindow(1, ({ values }, from, to) => variance(values, from, to));
    case "stddev_over_time":
      return eachWindow(1, ({ values }, from, to) => Math.sqrt(variance(values, from, to)));
    case "quantile_over_time": {
      const q = scalar(0);
      return inOrder((sorted, step) => sorted.quantile(q[step] as number));
    }
    case "mad_over_time":
      return inOrder((sorted) => sorted.medianDeviation());
    case "changes":
    case "resets":
      return countTurns(func, extent);
    case "deriv":
      return eachWindow(2, (raw, from, to) => {
        // Times count from the first sample: large numbers would cost precision.
        const originMs = raw.timestampsMs[from] as number;
        return linearRegression(raw, from, to, originMs).slope;
      });
    case "predict_linear": {
      const seconds = scalar(0);
      return eachWindow(2, (raw, from, to, step, timeMs) => {
        const { slope, intercept } = linearRegression(raw, from, to, timeMs);
        return slope * (seconds[step] as number) + intercept;
      });
    }
    case "double_exponential_smoothing":
      return doubleExponentialSmoothing(scalar(0), scalar(1));
    default:
      assert(false, () => `no range function ${func}`);
  }
}

/** A kernel from what to do with one window, for those that have at least `samplesMin` samples in it. */
function eachWindow(
  samplesMin: number,
  compute: (raw: RawSamples, from: number, to: number, step: number, timeMs: number) => number,
): RangeKernel {
  return (raw, { count, from, to }, timesMs, out) => {
    for (let i = 0; i < count; i++) {
      const low = from[i] as number;
      const high = to[i] as number;
      if (high - low < samplesMin) continue;
      out.values[i] = compute(raw, low, high, i, timesMs[i] as number);
      out.present[i] = 1;
    }
  };
}

/** A kernel from what to do with the samples of one window in order of size. */
function inOrder(compute: (sorted: SortedWindow, step: number) => number): RangeKernel {
  const sorted = new SortedWindow();
  const kernel: RangeKernel = ({ values }, { count, from, to }, _, out) => {
    sorted.open(values);
    for (let i = 0; i < count; i++) {
      const low = from[i] as number;
      const high = to[i] as number;
      if (low === high) continue;
      sorted.moveTo(low, high);
      out.values[i] = compute(sorted, i);
      out.present[i] = 1;
    }
  };
  kernel.prepare = ({ values }, low, high, context) => sorted.prepare(values, low, high, context);
  return kernel;
}

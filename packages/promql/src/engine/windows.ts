import type { NativeHistogram } from "@pharos/base";
import type { StepSeries } from "./step-series.ts";

/**
 * The samples of one series, staleness markers left out. The arrays are scratch space, valid up to `length`, and may be
 * the store's own: read only.
 */
export interface RawSamples {
  timestampsMs: Float64Array;
  values: Float64Array;
  length: number;
  /** When each sample's counter began (Unix epoch, ms), NaN where that is unknown; undefined where it is for all. */
  startsMs: Float64Array | undefined;
  /** Undefined for a series of floats only, as nearly all are. */
  histograms: RawHistograms | undefined;
}

/** The native histograms of one series, staleness markers left out, at times of their own. */
export interface RawHistograms {
  readonly timestampsMs: Float64Array;
  readonly histograms: readonly NativeHistogram[];
  readonly length: number;
  /** As `RawSamples.startsMs`. */
  readonly startsMs: Float64Array | undefined;
}

/** Where a range function writes: one place a step; `present` is all 0 before. */
export type StepColumn = Pick<StepSeries, "values" | "present">;

/**
 * The windows that a range function looks at, one a step: samples `from[i]` (included) to `to[i]` (excluded) of a
 * series are those in (`endsMs[i] - rangeMs`, `endsMs[i]`], or as far beyond as `beforeMs` and `afterMs` say.
 */
export interface Windows {
  readonly count: number;
  readonly rangeMs: number;
  /** How far before its start a window reaches, for `anchored` and `smoothed`; else 0. */
  readonly beforeMs: number;
  /** How far behind its end a window reaches, for `smoothed`; else 0. */
  readonly afterMs: number;
  /** Never decreasing. */
  readonly endsMs: Float64Array;
  readonly from: Int32Array;
  readonly to: Int32Array;
}

/** `stepMs` is 0 where `@` makes all windows the same. */
export function createWindows(
  count: number,
  rangeMs: number,
  firstEndMs: number,
  stepMs: number,
  { beforeMs = 0, afterMs = 0 }: { beforeMs?: number; afterMs?: number } = {},
): Windows {
  const endsMs = new Float64Array(count);
  for (let i = 0; i < count; i++) endsMs[i] = firstEndMs + i * stepMs;
  return { rangeMs, beforeMs, afterMs, ...emptyWindows(endsMs) };
}

/** Windows with the same ends, for another series of times. */
export function sameWindows(windows: Windows): Windows {
  return { ...windows, ...emptyWindows(windows.endsMs) };
}

function emptyWindows(endsMs: Float64Array): Pick<Windows, "count" | "endsMs" | "from" | "to"> {
  const count = endsMs.length;
  return { count, endsMs, from: new Int32Array(count), to: new Int32Array(count) };
}

/** Finds the windows of one series in one pass over its samples and the steps. */
export function moveWindows(
  windows: Windows,
  { timestampsMs, length }: Pick<RawSamples, "timestampsMs" | "length">,
): void {
  const { count, endsMs, from, to, afterMs } = windows;
  const reachMs = windows.rangeMs + windows.beforeMs;
  let low = 0;
  let high = 0;
  for (let i = 0; i < count; i++) {
    const endMs = endsMs[i] as number;
    const startMs = endMs - reachMs;
    while (high < length && (timestampsMs[high] as number) <= endMs + afterMs) high++;
    while (low < high && (timestampsMs[low] as number) <= startMs) low++;
    from[i] = low;
    to[i] = high;
  }
}

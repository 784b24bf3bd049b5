import type { NativeHistogram } from "@pharos/base";
import type { Extent } from "../../syntax/ast.ts";
import {
  compactHistogram,
  divideHistogram,
  scaleHistogram,
  withCounterReset,
} from "../histogram/arithmetic.ts";
import { detectReset } from "../histogram/counter-reset.ts";
import { usesCustomBounds } from "../histogram/layout.ts";
import type { RateKind } from "../rate.ts";
import type { RawHistograms } from "../windows.ts";
import { anchorOf, lastWithin } from "./extent.ts";
import { minus, plus } from "./histogram-arithmetic.ts";
import type { RangeNotes } from "./range-notes.ts";
import type { SampleWindow } from "./sample-window.ts";

/**
 * rate, increase and delta of histograms with `anchored` or `smoothed`, as `extendedRate` of floats. The result is a
 * gauge; undefined where there is none.
 */
export function extendedHistogramRate(
  window: SampleWindow,
  { isCounter, perSecond }: RateKind,
  extent: Extent,
  notes: RangeNotes,
): NativeHistogram | undefined {
  const { startMs, endMs, end, histograms } = window;
  const { timestampsMs } = histograms;
  const first = anchorOf(timestampsMs, window.first, end, startMs);
  if (first === end) return undefined;
  const last = lastWithin(timestampsMs, window.first, end, endMs, extent);
  const firstMs = window.histogramMs(first);
  const lastMs = window.histogramMs(last);
  if (firstMs > endMs || lastMs <= startMs) return undefined;
  if (!areAlike(window, first, last, isCounter, notes)) return undefined;

  const isLeftBetween = extent === "smoothed" && firstMs < startMs;
  const isRightBetween = extent === "smoothed" && last > window.first && lastMs > endMs;
  const between = (at: number, timeMs: number): NativeHistogram | undefined =>
    interpolateHistogram(histograms, at, timeMs, isCounter, notes);
  const left = isLeftBetween ? between(first, startMs) : window.histogram(first);
  const right = isRightBetween ? between(last - 1, endMs) : window.histogram(last);
  if (left === undefined || right === undefined) return undefined;
  if (!isCounter && (left.counterReset !== "gauge" || right.counterReset !== "gauge"))
    notes.notGauge();
  let result = minus(right, left, notes);
  if (isCounter) {
    // The first sample is what `left` is of, and the last what `right` is of.
    let next = first + 1;
    let previous = left;
    if (isLeftBetween && window.isReset(next)) {
      // This reset is in `left` already.
      previous = window.histogram(next);
      next++;
    }
    if (next <= last) {
      for (; next < last && result !== undefined; next++) {
        const current = window.histogram(next);
        if (window.isReset(next, previous)) result = plus(result, previous, notes);
        previous = current;
      }
      if (result !== undefined && detectReset(right, previous))
        result = plus(result, previous, notes);
    }
  }
  if (result === undefined) return undefined;
  if (perSecond) result = divideHistogram(result, window.rangeMs / 1000);
  return withCounterReset(compactHistogram(result), "gauge");
}

/** Whether all have buckets of one kind. Says so if not, and if there are gauges among what is to be a counter. */
function areAlike(
  window: SampleWindow,
  first: number,
  last: number,
  isCounter: boolean,
  notes: RangeNotes,
): boolean {
  const isCustom = usesCustomBounds(window.histogram(first));
  for (let i = first; i <= last; i++) {
    const histogram = window.histogram(i);
    if (usesCustomBounds(histogram) !== isCustom) {
      notes.mixedSchemas();
      return false;
    }
    if (isCounter && histogram.counterReset === "gauge") notes.notCounter();
  }
  return true;
}

/**
 * The histogram at a time between the one at `at` and the next, or at theirs. A counter that was reset between them began
 * at nothing. Undefined, and a warning, where the two do not fit each other.
 */
export function interpolateHistogram(
  { timestampsMs, histograms }: RawHistograms,
  at: number,
  timeMs: number,
  isCounter: boolean,
  notes: RangeNotes,
): NativeHistogram | undefined {
  const from = histograms[at] as NativeHistogram;
  const to = histograms[at + 1] as NativeHistogram;
  const fromMs = timestampsMs[at] as number;
  const toMs = timestampsMs[at + 1] as number;
  if (timeMs === fromMs) return from;
  if (timeMs === toMs) return to;
  const fraction = (timeMs - fromMs) / (toMs - fromMs);
  if (isCounter && detectReset(to, from)) return scaleHistogram(to, fraction);
  const difference = minus(to, from, notes);
  return difference && plus(scaleHistogram(difference, fraction), from, notes);
}

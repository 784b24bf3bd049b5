import type { NativeHistogram } from "@pharos/base";
import {
  compactHistogram,
  divideHistogram,
  reduceResolution,
  scaleHistogram,
  withCounterReset,
} from "../histogram/arithmetic.ts";
import { usesCustomBounds } from "../histogram/layout.ts";
import type { RateKind } from "../rate.ts";
import { extrapolationFactor, startedFactor } from "./extrapolation.ts";
import { minus, plus } from "./histogram-arithmetic.ts";
import type { RangeNotes } from "./range-notes.ts";
import type { SampleWindow } from "./sample-window.ts";
import { beginsAnew, startOverlaps } from "./start-times.ts";

/**
 * rate, increase and delta of the histograms of a window, as `extrapolatedRate` of floats. The result is a gauge.
 * Undefined where there is none.
 */
export function histogramRate(
  window: SampleWindow,
  { isCounter, perSecond }: RateKind,
  notes: RangeNotes,
): NativeHistogram | undefined {
  const { first, end } = window;
  const last = end - 1;
  const isSingle = first === last;
  const increase = isSingle ? undefined : histogramIncrease(window, isCounter, notes);
  if (!isSingle && increase === undefined) return undefined;

  const firstMs = window.histogramMs(first);
  const lastMs = window.histogramMs(last);
  const beganMs = window.histogramStartMs(first);
  const toEnd = (window.endMs - lastMs) / 1000;
  const average = isSingle ? 0 : (lastMs - firstMs) / 1000 / (last - first);
  const firstHistogram = window.histogram(first);
  let result: NativeHistogram | undefined = increase;
  let factor: number;
  if (isCounter && beganMs > window.startMs && beganMs < firstMs) {
    result = increase === undefined ? firstHistogram : plus(increase, firstHistogram, notes);
    factor = startedFactor((lastMs - beganMs) / 1000, average, toEnd);
  } else {
    if (increase === undefined) return undefined;
    const sampled = (lastMs - firstMs) / 1000;
    factor = extrapolationFactor(
      sampled,
      average,
      (firstMs - window.startMs) / 1000,
      toEnd,
      isCounter && increase.count > 0 && firstHistogram.count >= 0
        ? sampled * (firstHistogram.count / increase.count)
        : Number.POSITIVE_INFINITY,
    );
  }
  if (result === undefined) return undefined;
  if (perSecond) factor /= window.rangeMs / 1000;
  return withCounterReset(scaleHistogram(result, factor), "gauge");
}

/** The difference between the last and the first of at least two histograms, counter resets added back. */
function histogramIncrease(
  window: SampleWindow,
  isCounter: boolean,
  notes: RangeNotes,
): NativeHistogram | undefined {
  const { first, end } = window;
  const lastHistogram = window.histogram(end - 1);
  let previous = window.histogram(first);
  const ends = [previous, lastHistogram];
  let hasGauge = ends.some(isGauge);
  // What a reset right after it takes back need not fit the others.
  if (isCounter && isResetAt(window, first + 1, previous))
    previous = emptyLike(window.histogram(first + 1));
  const isCustom = usesCustomBounds(previous);
  let schema = Math.min(previous.schema, lastHistogram.schema);
  if (usesCustomBounds(lastHistogram) !== isCustom) {
    if (isCounter && hasGauge) notes.notCounter();
    notes.mixedSchemas();
    return undefined;
  }
  if (isCounter)
    for (let i = first + 1; i < end - 1; i++) {
      const histogram = window.histogram(i);
      if (usesCustomBounds(histogram) !== isCustom) {
        notes.mixedSchemas();
        return undefined;
      }
      hasGauge ||= isGauge(histogram);
      schema = Math.min(schema, histogram.schema);
    }
  if (isCounter && hasGauge) notes.notCounter();
  if (!isCounter && !ends.every(isGauge)) notes.notGauge();
  const coarse = isCustom ? lastHistogram : reduceResolution(lastHistogram, schema);
  let result = minus(coarse, previous, notes);
  if (isCounter) {
    let overlaps = false;
    for (let i = first + 1; i < end && result !== undefined; i++) {
      overlaps ||= startOverlaps(
        window.histogramStartMs(i - 1),
        window.histogramMs(i - 1),
        window.histogramStartMs(i),
      );
      if (isResetAt(window, i, previous)) result = plus(result, previous, notes);
      previous = window.histogram(i);
    }
    if (overlaps) notes.overlappingStartTime();
  }
  return result && compactHistogram(result);
}

function isResetAt(window: SampleWindow, at: number, previous: NativeHistogram): boolean {
  return (
    beginsAnew(
      window.histogramStartMs(at - 1),
      window.histogramMs(at - 1),
      window.histogramStartMs(at),
      window.histogramMs(at),
    ) || window.isReset(at, previous)
  );
}

function isGauge({ counterReset }: NativeHistogram): boolean {
  return counterReset === "gauge";
}

/** A histogram of nothing, of the same kind. */
function emptyLike({ schema, customBounds }: NativeHistogram): NativeHistogram {
  return {
    schema,
    customBounds,
    isInteger: false,
    counterReset: "unknown",
    stale: false,
    zeroThreshold: 0,
    zeroCount: 0,
    count: 0,
    sum: 0,
    positiveSpans: [],
    positiveCounts: [],
    negativeSpans: [],
    negativeCounts: [],
  };
}

/** irate and idelta of two histograms that follow each other. The result is a gauge; undefined where there is none. */
export function instantHistogramRate(
  window: SampleWindow,
  at: number,
  isCounter: boolean,
  notes: RangeNotes,
): NativeHistogram | undefined {
  const current = window.histogram(at);
  const previous = window.histogram(at - 1);
  const both = [previous, current];
  if (isCounter && both.some(isGauge)) notes.notCounter();
  if (!isCounter && !both.every(isGauge)) notes.notGauge();
  const isReset = isCounter && isResetAt(window, at, previous);
  const difference = isReset ? current : minus(current, previous, notes);
  if (difference === undefined) return undefined;
  const result = withCounterReset(compactHistogram(difference), "gauge");
  if (!isCounter) return result;
  return divideHistogram(result, (window.histogramMs(at) - window.histogramMs(at - 1)) / 1000);
}

import { assert, type CounterReset, type NativeHistogram } from "@pharos/base";
import { filterSide, sameNumbers, sameSpans, sideOf, spansFor } from "./bucket-side.ts";
import {
  coarseSide,
  commonLayout,
  conform,
  coversBuckets,
  sameLayout,
  uncoveredSide,
  usesCustomBounds,
} from "./layout.ts";

/** What adding or subtracting two histograms gives. */
export type HistogramSum =
  | {
      /** May have empty buckets: see `compactHistogram`. */
      readonly histogram: NativeHistogram;
      /** Their custom bounds differ, so that only those which both have are left. */
      readonly nhcbBoundsReconciled: boolean;
      /** One says that counts were reset before it, the other that they were not. */
      readonly counterResetCollision: boolean;
      readonly error?: undefined;
    }
  /** One has custom bounds and the other exponential ones. */
  | { readonly error: "incompatible" };

/**
 * The histogram of the observations of both. Where their layouts differ the result is as coarse as the coarser one: the
 * lower schema, the wider zero bucket, the custom bounds that both have.
 */
export function addHistograms(a: NativeHistogram, b: NativeHistogram): HistogramSum {
  return combine(a, b, 1);
}

/** As `addHistograms`, with the counts and the sum of `b` taken away; the operator `-` also makes a gauge of it. */
export function subtractHistograms(a: NativeHistogram, b: NativeHistogram): HistogramSum {
  return combine(a, b, -1);
}

function combine(a: NativeHistogram, b: NativeHistogram, sign: 1 | -1): HistogramSum {
  if (usesCustomBounds(a) !== usesCustomBounds(b)) return { error: "incompatible" };
  const nhcbBoundsReconciled = !sameNumbers(a.customBounds, b.customBounds);
  let [left, right] = [a, b];
  if (!sameLayout(a, b) || coversBuckets(b)) {
    const layout = commonLayout(a, b);
    left = conform(a, layout);
    right = conform(b, layout, uncoveredSide);
  }
  const histogram: NativeHistogram = {
    ...left,
    isInteger: false,
    counterReset: mergeCounterResets(a.counterReset, b.counterReset),
    count: left.count + sign * right.count,
    sum: left.sum + sign * right.sum,
    zeroCount: left.zeroCount + sign * right.zeroCount,
    positiveCounts: combineCounts(left.positiveCounts, right.positiveCounts, sign),
    negativeCounts: combineCounts(left.negativeCounts, right.negativeCounts, sign),
  };
  return {
    histogram: nhcbBoundsReconciled ? compactHistogram(histogram) : histogram,
    nhcbBoundsReconciled,
    counterResetCollision: isCounterResetCollision(a.counterReset, b.counterReset),
  };
}

function combineCounts(a: readonly number[], b: readonly number[], sign: 1 | -1): number[] {
  const counts = new Array<number>(a.length);
  for (let i = 0; i < a.length; i++) counts[i] = (a[i] as number) + sign * (b[i] as number);
  return counts;
}

/** What is known of resets of the sum of two: a gauge makes a gauge, and whatever contradicts is unknown. */
export function mergeCounterResets(a: CounterReset, b: CounterReset): CounterReset {
  if (a === b) return a;
  return a === "gauge" || b === "gauge" ? "gauge" : "unknown";
}

/** Whether one says that there was a reset and the other that there was none. */
function isCounterResetCollision(a: CounterReset, b: CounterReset): boolean {
  return (a === "reset" && b === "none") || (a === "none" && b === "reset");
}

/** The histogram that says something else of resets. */
export function withCounterReset(
  histogram: NativeHistogram,
  counterReset: CounterReset,
): NativeHistogram {
  return histogram.counterReset === counterReset ? histogram : { ...histogram, counterReset };
}

/** Sum and all counts times `factor`; a gauge if that is negative. */
export function scaleHistogram(histogram: NativeHistogram, factor: number): NativeHistogram {
  return mapCounts(histogram, (value) => value * factor, factor < 0);
}

/** Sum and all counts divided; a gauge if `divisor` is negative. Dividing by 0 leaves no buckets. */
export function divideHistogram(histogram: NativeHistogram, divisor: number): NativeHistogram {
  const divided = mapCounts(histogram, (value) => value / divisor, divisor < 0);
  if (divisor !== 0) return divided;
  const none = { positiveSpans: [], positiveCounts: [], negativeSpans: [], negativeCounts: [] };
  return { ...divided, ...none };
}

export function negateHistogram(histogram: NativeHistogram): NativeHistogram {
  return scaleHistogram(histogram, -1);
}

function mapCounts(
  histogram: NativeHistogram,
  change: (value: number) => number,
  makesGauge: boolean,
): NativeHistogram {
  return {
    ...histogram,
    isInteger: false,
    counterReset: makesGauge ? "gauge" : histogram.counterReset,
    count: change(histogram.count),
    sum: change(histogram.sum),
    zeroCount: change(histogram.zeroCount),
    positiveCounts: histogram.positiveCounts.map(change),
    negativeCounts: histogram.negativeCounts.map(change),
  };
}

/** Whether two have the same buckets, empty ones too, with the same values, bit by bit; what they say of resets is theirs. */
export function histogramsEqual(a: NativeHistogram, b: NativeHistogram): boolean {
  return (
    a.schema === b.schema &&
    a.zeroThreshold === b.zeroThreshold &&
    Object.is(a.count, b.count) &&
    Object.is(a.sum, b.sum) &&
    Object.is(a.zeroCount, b.zeroCount) &&
    sameNumbers(a.customBounds, b.customBounds) &&
    sameSpans(a.positiveSpans, b.positiveSpans) &&
    sameSpans(a.negativeSpans, b.negativeSpans) &&
    sameValues(a.positiveCounts, b.positiveCounts) &&
    sameValues(a.negativeCounts, b.negativeCounts)
  );
}

function sameValues(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}

/** The same without its empty buckets. */
export function compactHistogram(histogram: NativeHistogram): NativeHistogram {
  const { positiveCounts, negativeCounts } = histogram;
  if (!positiveCounts.includes(0) && !negativeCounts.includes(0)) return histogram;
  const positive = filterSide(sideOf(histogram, "positive"), isFilled);
  const negative = filterSide(sideOf(histogram, "negative"), isFilled);
  return {
    ...histogram,
    positiveSpans: spansFor(positive.indices),
    negativeSpans: spansFor(negative.indices),
    positiveCounts: positive.counts,
    negativeCounts: negative.counts,
  };
}

function isFilled(_index: number, count: number): boolean {
  return count !== 0;
}

/** The same in a coarser exponential schema. */
export function reduceResolution(histogram: NativeHistogram, schema: number): NativeHistogram {
  assert(
    !usesCustomBounds(histogram) && schema <= histogram.schema,
    () => `schema ${histogram.schema} to ${schema}`,
  );
  if (schema === histogram.schema) return histogram;
  const resolution = { ...histogram, schema };
  const positive = coarseSide(histogram, "positive", resolution);
  const negative = coarseSide(histogram, "negative", resolution);
  return {
    ...resolution,
    // The coarser series is another one: what is known of resets of the finer one need not hold for it.
    counterReset: "unknown",
    positiveSpans: spansFor(positive.indices),
    negativeSpans: spansFor(negative.indices),
    positiveCounts: positive.counts,
    negativeCounts: negative.counts,
  };
}

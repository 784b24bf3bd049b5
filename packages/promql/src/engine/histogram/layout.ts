import { CUSTOM_BOUNDS_SCHEMA, exponentialBound, type NativeHistogram } from "@pharos/base";
import {
  type BucketSide,
  filterSide,
  mergeBuckets,
  reduceSide,
  SIGNS,
  type Sign,
  sameNumbers,
  sameSpans,
  sideOf,
  spansFor,
  spansOf,
  spread,
  union,
} from "./bucket-side.ts";

/** Which buckets a histogram has: two that share it can be added count by count. */
export interface Layout {
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly customBounds: readonly number[];
  /** Rising. */
  readonly positive: readonly number[];
  readonly negative: readonly number[];
}

export function usesCustomBounds({ schema }: NativeHistogram): boolean {
  return schema === CUSTOM_BOUNDS_SCHEMA;
}

export function sameLayout(a: NativeHistogram, b: NativeHistogram): boolean {
  return (
    a.schema === b.schema &&
    a.zeroThreshold === b.zeroThreshold &&
    sameNumbers(a.customBounds, b.customBounds) &&
    sameSpans(a.positiveSpans, b.positiveSpans) &&
    sameSpans(a.negativeSpans, b.negativeSpans)
  );
}

/** Whether a layout that a histogram can be brought into is the one that it has. */
export function isLayoutOf(histogram: NativeHistogram, layout: Layout): boolean {
  return (
    histogram.schema === layout.schema &&
    histogram.zeroThreshold === layout.zeroThreshold &&
    histogram.customBounds.length === layout.customBounds.length &&
    // All of its buckets are in the layout.
    histogram.positiveCounts.length === layout.positive.length &&
    histogram.negativeCounts.length === layout.negative.length
  );
}

/**
 * The finest layout into which two histograms can be brought, with all their buckets: of exponential ones the coarser
 * schema and the wider zero bucket, which ends at no place inside a bucket of either that holds something; of custom
 * ones the bounds that both have. Either both have custom bounds or neither has.
 */
export function commonLayout(a: NativeHistogram, b: NativeHistogram): Layout {
  const schema = Math.min(a.schema, b.schema);
  const customBounds = sameNumbers(a.customBounds, b.customBounds)
    ? a.customBounds
    : intersectBounds(a.customBounds, b.customBounds);
  const coarse = { schema, zeroThreshold: commonZeroThreshold(a, b), customBounds };
  const indices = (sign: Sign): readonly number[] =>
    union(coarseSide(a, sign, coarse).indices, coarseSide(b, sign, coarse).indices);
  return { ...coarse, positive: indices("positive"), negative: indices("negative") };
}

/** The same observations in another layout, which must be one that the histogram can be brought into. */
export function conform(
  histogram: NativeHistogram,
  layout: Layout,
  sideIn: typeof coarseSide = coarseSide,
): NativeHistogram {
  const { schema, zeroThreshold, customBounds } = layout;
  const positive = spread(sideIn(histogram, "positive", layout), layout.positive);
  const negative = spread(sideIn(histogram, "negative", layout), layout.negative);
  return {
    ...histogram,
    isInteger: false,
    schema,
    zeroThreshold,
    zeroCount: zeroCountWithin(histogram, zeroThreshold),
    customBounds,
    positiveSpans: spansFor(layout.positive),
    negativeSpans: spansFor(layout.negative),
    positiveCounts: positive,
    negativeCounts: negative,
  };
}

type Resolution = Pick<Layout, "schema" | "zeroThreshold" | "customBounds">;

/** One side's buckets in a coarser resolution, without those that the zero bucket takes. */
export function coarseSide(
  histogram: NativeHistogram,
  sign: Sign,
  { schema, zeroThreshold, customBounds }: Resolution,
): BucketSide {
  const side = sideOf(histogram, sign);
  if (usesCustomBounds(histogram))
    return customBounds === histogram.customBounds
      ? side
      : mergeBuckets(side, boundMapping(histogram.customBounds, customBounds));
  const outside =
    zeroThreshold === histogram.zeroThreshold
      ? side
      : filterSide(side, (index) => !isWithin(histogram, index, zeroThreshold));
  return reduceSide(outside, histogram.schema, schema);
}

/**
 * As `coarseSide`, without the buckets that the zero bucket covers, which only a histogram that contradicts itself has: as
 * in Prometheus, those of what is added are left out, and those of what it is added to stay.
 */
export function uncoveredSide(
  histogram: NativeHistogram,
  sign: Sign,
  resolution: Resolution,
): BucketSide {
  const side = coarseSide(histogram, sign, resolution);
  const { schema, zeroThreshold } = resolution;
  return usesCustomBounds(histogram) || zeroThreshold === 0
    ? side
    : filterSide(side, (index) => exponentialBound(schema, index) > zeroThreshold);
}

/** Whether the zero bucket covers buckets of the histogram. */
export function coversBuckets(histogram: NativeHistogram): boolean {
  if (histogram.zeroThreshold === 0 || usesCustomBounds(histogram)) return false;
  return SIGNS.some((sign) => {
    const first = spansOf(histogram, sign).find(({ length }) => length > 0);
    return (
      first !== undefined &&
      exponentialBound(histogram.schema, first.offset) <= histogram.zeroThreshold
    );
  });
}

/** Whether a bucket begins below the threshold, so that a zero bucket as wide as that takes it. */
function isWithin({ schema }: NativeHistogram, index: number, zeroThreshold: number): boolean {
  return exponentialBound(schema, index - 1) < zeroThreshold;
}

/** What the zero bucket would hold if it ended at the threshold, which is not inside a bucket that holds something. */
export function zeroCountWithin(histogram: NativeHistogram, zeroThreshold: number): number {
  let total = histogram.zeroCount;
  if (zeroThreshold === histogram.zeroThreshold) return total;
  for (const sign of SIGNS) {
    const { indices, counts } = sideOf(histogram, sign);
    for (let i = 0; i < indices.length; i++)
      if (isWithin(histogram, indices[i] as number, zeroThreshold)) total += counts[i] as number;
      else break;
  }
  return total;
}

function commonZeroThreshold(a: NativeHistogram, b: NativeHistogram): number {
  let threshold = Math.max(a.zeroThreshold, b.zeroThreshold);
  for (;;) {
    const settled = Math.max(
      settledZeroThreshold(a, threshold),
      settledZeroThreshold(b, threshold),
    );
    if (settled === threshold) return threshold;
    threshold = settled;
  }
}

/** The threshold, or if that is inside a bucket that holds something, the end of this bucket. */
export function settledZeroThreshold(histogram: NativeHistogram, zeroThreshold: number): number {
  if (zeroThreshold === histogram.zeroThreshold) return zeroThreshold;
  let settled = zeroThreshold;
  for (const sign of SIGNS) {
    const { indices, counts } = sideOf(histogram, sign);
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i] as number;
      if (!isWithin(histogram, index, settled)) break;
      if (counts[i] !== 0) settled = Math.max(settled, exponentialBound(histogram.schema, index));
    }
  }
  return settled;
}

function intersectBounds(a: readonly number[], b: readonly number[]): readonly number[] {
  const others = new Set(b);
  return a.filter((bound) => others.has(bound));
}

/** From the indices of buckets with bounds `from` to those with bounds `to`, which are some of them. */
function boundMapping(from: readonly number[], to: readonly number[]): (index: number) => number {
  let at = 0;
  return (index) => {
    const bound = from[index] ?? Number.POSITIVE_INFINITY;
    while (at < to.length && (to[at] as number) < bound) at++;
    return at;
  };
}

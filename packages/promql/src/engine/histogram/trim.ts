import { exponentialBound, type NativeHistogram } from "@pharos/base";
import { compactHistogram } from "./arithmetic.ts";
import { countsOf, indicesOf, SIGNS, type Sign, spansOf } from "./bucket-side.ts";
import { CompensatedSum } from "./compensated-sum.ts";
import { usesCustomBounds } from "./layout.ts";
import { logFraction } from "./quantile.ts";

/**
 * Without the observations above `bound`: `histogram </ bound`. Of the bucket that has the bound inside, the part below
 * it by interpolation is kept; the sum is estimated anew from the middles of buckets, unless nothing was taken away.
 */
export function trimUpper(histogram: NativeHistogram, bound: number): NativeHistogram {
  return trim(histogram, (bucket) => keptBelow(bucket, bound));
}

/** Without the observations below `bound`: `histogram >/ bound`, as `trimUpper`. */
export function trimLower(histogram: NativeHistogram, bound: number): NativeHistogram {
  return trim(histogram, (bucket) => keptAbove(bucket, bound));
}

/** A bucket with how its observations are taken to be spread over it. */
interface SpreadBucket {
  readonly lower: number;
  readonly upper: number;
  readonly isLinear: boolean;
}

/** What is left of a bucket: a share of its count, between two bounds. */
interface Kept {
  readonly share: number;
  readonly lower: number;
  readonly upper: number;
}

const NOTHING: Kept = { share: 0, lower: 0, upper: 0 };

function keptBelow(bucket: SpreadBucket, bound: number): Kept {
  const { lower, upper } = bucket;
  if (upper <= bound) return { share: 1, lower, upper };
  if (!(lower < bound)) return NOTHING;
  if (lower === Number.NEGATIVE_INFINITY) {
    // What is in a bucket without a lower bound counts as infinitely low, but a lowest bucket of positive values
    // begins at 0, as for quantiles.
    if (upper <= 0) return { share: 1, lower: bound, upper: bound };
    if (bound <= 0 || upper === Number.POSITIVE_INFINITY) return NOTHING;
    return { share: bound / upper, lower: 0, upper: bound };
  }
  // What is in a bucket without an upper bound counts as infinitely high.
  if (upper === Number.POSITIVE_INFINITY) return NOTHING;
  return { share: fractionBelow(bucket, bound), lower, upper: bound };
}

function keptAbove(bucket: SpreadBucket, bound: number): Kept {
  const { lower, upper } = bucket;
  if (lower >= bound) return { share: 1, lower, upper };
  if (!(upper > bound)) return NOTHING;
  if (lower === Number.NEGATIVE_INFINITY) {
    if (bound < 0 || upper === Number.POSITIVE_INFINITY) return NOTHING;
    return { share: 1 - bound / upper, lower: bound, upper };
  }
  if (upper === Number.POSITIVE_INFINITY) return { share: 1, lower: bound, upper: bound };
  return { share: 1 - fractionBelow(bucket, bound), lower: bound, upper };
}

function fractionBelow({ lower, upper, isLinear }: SpreadBucket, bound: number): number {
  return isLinear ? (bound - lower) / (upper - lower) : logFraction(bound, lower, upper);
}

function trim(histogram: NativeHistogram, keptOf: (bucket: SpreadBucket) => Kept): NativeHistogram {
  const count = new CompensatedSum();
  const sum = new CompensatedSum();
  let isTrimmed = false;
  const keep = (bucket: SpreadBucket, filled: number): number => {
    if (filled === 0) return 0;
    const kept = keptOf(bucket);
    const left = filled * kept.share;
    if (left !== filled) isTrimmed = true;
    if (left !== 0) {
      count.add(left);
      sum.add(left * middle(kept.lower, kept.upper, bucket.isLinear));
    }
    return left;
  };
  const counts = { positive: [] as number[], negative: [] as number[] };
  for (const sign of SIGNS) {
    const filled = countsOf(histogram, sign);
    const indices = indicesOf(spansOf(histogram, sign));
    counts[sign] = filled.map((one, i) =>
      keep(bucketAt(histogram, sign, indices[i] as number), one),
    );
  }
  const zeroCount = keep(zeroBucket(histogram), histogram.zeroCount);
  if (!isTrimmed) return compactHistogram(histogram);
  return compactHistogram({
    ...histogram,
    isInteger: false,
    count: count.value,
    sum: sum.value,
    zeroCount,
    positiveCounts: counts.positive,
    negativeCounts: counts.negative,
  });
}

function bucketAt(histogram: NativeHistogram, sign: Sign, index: number): SpreadBucket {
  const { schema, customBounds } = histogram;
  if (usesCustomBounds(histogram)) {
    const lower = index === 0 ? Number.NEGATIVE_INFINITY : (customBounds[index - 1] as number);
    return { lower, upper: customBounds[index] ?? Number.POSITIVE_INFINITY, isLinear: true };
  }
  const inner = exponentialBound(schema, index - 1);
  const outer = exponentialBound(schema, index);
  return sign === "positive"
    ? { lower: inner, upper: outer, isLinear: false }
    : { lower: -outer, upper: -inner, isLinear: false };
}

/** Holds values of one sign only where all others that were observed are of that sign. */
function zeroBucket(histogram: NativeHistogram): SpreadBucket {
  const { zeroThreshold, positiveCounts, negativeCounts } = histogram;
  const hasPositive = positiveCounts.some((count) => count !== 0);
  const hasNegative = negativeCounts.some((count) => count !== 0);
  return {
    lower: hasPositive && !hasNegative ? 0 : -zeroThreshold,
    upper: hasNegative && !hasPositive ? 0 : zeroThreshold,
    isLinear: true,
  };
}

function middle(lower: number, upper: number, isLinear: boolean): number {
  if (lower === Number.NEGATIVE_INFINITY) {
    if (upper === Number.POSITIVE_INFINITY) return 0;
    return upper > 0 ? upper / 2 : upper;
  }
  if (upper === Number.POSITIVE_INFINITY) return lower;
  if (isLinear) return (lower + upper) / 2;
  const mean = Math.sqrt(Math.abs(lower * upper));
  return lower < 0 ? -mean : mean;
}

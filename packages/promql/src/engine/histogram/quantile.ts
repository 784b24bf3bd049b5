import type { NativeHistogram } from "@pharos/base";
import { usesCustomBounds } from "./layout.ts";
import { RisingBuckets } from "./rising-buckets.ts";

/** What observations that are NaN, which are counted but in no bucket, do to a result. */
export type NanEffect = "result is NaN" | "result is skewed";

/**
 * The value below which the share `q` of the observations is, by interpolation in the bucket that holds it: linear
 * between custom bounds and in the zero bucket, else on a logarithmic scale. A zero bucket beside buckets of one sign
 * only holds values of that sign. -Inf and +Inf for a `q` outside of 0 to 1; NaN if it is NaN or without observations.
 */
export function histogramQuantile(
  q: number,
  histogram: NativeHistogram,
  onNan?: (effect: NanEffect) => void,
): number {
  if (q < 0) return Number.NEGATIVE_INFINITY;
  if (q > 1) return Number.POSITIVE_INFINITY;
  const { count: total, sum } = histogram;
  if (total === 0 || Number.isNaN(q)) return Number.NaN;
  const buckets = new RisingBuckets(histogram);
  // From the nearer end; with observations that are NaN only the counts from the lower end say something.
  const isForward = Number.isNaN(sum) || q < 0.5;
  let rank = (isForward ? q : 1 - q) * total;
  let count = 0;
  let at = 0;
  for (let i = 0; i < buckets.length; i++) {
    at = isForward ? i : buckets.length - 1 - i;
    const own = buckets.count(at);
    if (own === 0) continue;
    count += own;
    if (count >= rank) break;
  }
  const isEmpty = buckets.length === 0;
  const own = isEmpty ? 0 : buckets.count(at);
  let lower = isEmpty ? 0 : buckets.lower(at);
  let upper = isEmpty ? 0 : buckets.upper(at);
  if (!usesCustomBounds(histogram)) [lower, upper] = withoutEmptySide(lower, upper, histogram);
  else if (!isEmpty) {
    if (lower === Number.NEGATIVE_INFINITY) {
      if (upper <= 0) return upper;
      lower = 0;
    } else if (upper === Number.POSITIVE_INFINITY) return lower;
  }
  count = Math.min(count, total);
  if (count < rank) {
    if (!Number.isNaN(sum)) return upper;
    onNan?.("result is NaN");
    return Number.NaN;
  }
  rank = isForward ? rank - (count - own) : count - rank;
  if (onNan !== undefined && Number.isNaN(sum) && observedBy(buckets) < total)
    onNan("result is skewed");
  return interpolate(rank / own, lower, upper, usesCustomBounds(histogram));
}

function interpolate(fraction: number, lower: number, upper: number, isLinear: boolean): number {
  if (isLinear || (lower <= 0 && upper >= 0)) return lower + (upper - lower) * fraction;
  const logLower = Math.log2(Math.abs(lower));
  const logUpper = Math.log2(Math.abs(upper));
  if (lower > 0) return 2 ** (logLower + (logUpper - logLower) * fraction);
  return -(2 ** (logUpper + (logLower - logUpper) * (1 - fraction)));
}

/** The bounds of a bucket; where it holds 0, it ends there on the side where the histogram has no buckets. */
function withoutEmptySide(
  lower: number,
  upper: number,
  { positiveCounts, negativeCounts }: NativeHistogram,
): [lower: number, upper: number] {
  if (lower <= 0 && upper >= 0) {
    if (negativeCounts.length === 0 && positiveCounts.length > 0) return [0, upper];
    if (positiveCounts.length === 0 && negativeCounts.length > 0) return [lower, 0];
  }
  return [lower, upper];
}

function observedBy(buckets: RisingBuckets): number {
  let observed = 0;
  for (let at = 0; at < buckets.length; at++) observed += buckets.count(at);
  return observed;
}

/**
 * The share of the observations that are between two values, the inverse of `histogramQuantile`. NaN if a value is NaN
 * or without observations, 0 unless `lower` is below `upper`.
 */
export function histogramFraction(
  lower: number,
  upper: number,
  histogram: NativeHistogram,
  onNan?: () => void,
): number {
  const { count: total, sum } = histogram;
  if (total === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return Number.NaN;
  if (lower >= upper) return 0;
  const buckets = new RisingBuckets(histogram);
  let observed = total;
  if (Number.isNaN(sum)) {
    observed = observedBy(buckets);
    if (observed < total) onNan?.();
  }
  const lowerRank = rankOf(lower, buckets, histogram) ?? observed;
  const upperRank = rankOf(upper, buckets, histogram) ?? observed;
  return (Math.min(upperRank, observed) - Math.min(lowerRank, observed)) / total;
}

/** How many observations are below the value; undefined if all that are in buckets are. */
function rankOf(
  value: number,
  buckets: RisingBuckets,
  histogram: NativeHistogram,
): number | undefined {
  const isCustom = usesCustomBounds(histogram);
  let rank = 0;
  for (let at = 0; at < buckets.length; at++) {
    const [lower, upper] = withoutEmptySide(buckets.lower(at), buckets.upper(at), histogram);
    const count = buckets.count(at);
    if (lower >= value) return rank;
    if (upper > value) {
      // Of a bucket without a lower bound nothing is known but that what it holds is below the upper one.
      if (lower === Number.NEGATIVE_INFINITY) return count;
      return isCustom || (lower <= 0 && upper >= 0)
        ? rank + (count * (value - lower)) / (upper - lower)
        : rank + count * logFraction(value, lower, upper);
    }
    rank += count;
  }
  return undefined;
}

/** How far a value is between two bounds of its sign, on a logarithmic scale. */
export function logFraction(value: number, lower: number, upper: number): number {
  const logLower = Math.log2(Math.abs(lower));
  const logUpper = Math.log2(Math.abs(upper));
  const logValue = Math.log2(Math.abs(value));
  return value > 0
    ? (logValue - logLower) / (logUpper - logLower)
    : 1 - (logValue - logUpper) / (logLower - logUpper);
}

import type { NativeHistogram } from "@pharos/base";
import { CompensatedSum } from "./compensated-sum.ts";
import { usesCustomBounds } from "./layout.ts";
import { RisingBuckets } from "./rising-buckets.ts";

/**
 * The variance of the observations, each taken to be in the middle of its bucket: the arithmetic one between custom
 * bounds, 0 in the zero bucket, else the geometric one.
 */
export function histogramVariance(histogram: NativeHistogram): number {
  const mean = histogram.sum / histogram.count;
  const isCustom = usesCustomBounds(histogram);
  const buckets = new RisingBuckets(histogram);
  const sum = new CompensatedSum();
  for (let at = 0; at < buckets.length; at++) {
    const count = buckets.count(at);
    if (count === 0) continue;
    const delta = middle(buckets.lower(at), buckets.upper(at), isCustom) - mean;
    sum.add(count * delta * delta);
  }
  return sum.value / histogram.count;
}

function middle(lower: number, upper: number, isCustom: boolean): number {
  if (isCustom) return (upper + lower) / 2;
  if (lower <= 0 && upper >= 0) return 0;
  const mean = Math.sqrt(upper * lower);
  return upper < 0 ? -mean : mean;
}

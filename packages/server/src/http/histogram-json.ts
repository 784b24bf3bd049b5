import type { HistogramJson } from "@pharos/api/columns";
import { type Bucket, bucketsOf, formatSampleValue, type NativeHistogram } from "@pharos/base";

/** A native histogram in the fields of Prometheus's JSON; without `buckets` where it has none. */
export function histogramJson(histogram: NativeHistogram): HistogramJson {
  const buckets = bucketsOf(histogram).map((bucket) => {
    const { lower, upper, count } = bucket;
    return [
      boundaryRule(bucket),
      formatSampleValue(lower),
      formatSampleValue(upper),
      formatSampleValue(count),
    ] as const;
  });
  return {
    count: formatSampleValue(histogram.count),
    sum: formatSampleValue(histogram.sum),
    ...(buckets.length === 0 ? {} : { buckets }),
  };
}

/** Which of a bucket's bounds belong to it, as Prometheus numbers it. */
function boundaryRule({ lowerInclusive, upperInclusive }: Bucket): number {
  if (lowerInclusive) return upperInclusive ? 3 : 1;
  return upperInclusive ? 0 : 2;
}

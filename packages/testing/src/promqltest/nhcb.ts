import {
  CUSTOM_BOUNDS_SCHEMA,
  type Labels,
  labelsKey,
  labelValue,
  METRIC_NAME,
  type NativeHistogram,
  withLabel,
} from "@pharos/base";
import { parseNumber } from "./number-notation.ts";
import type { LoadedSeries } from "./script.ts";

/** What is known of a classic histogram at one time. */
interface ClassicHistogram {
  /** Cumulative counts by upper bound. */
  readonly counts: Map<number, number>;
  count: number | undefined;
  sum: number;
}

export interface HistogramSeries {
  readonly labels: Labels;
  /** In the order of time. */
  readonly samples: readonly {
    readonly timestampMs: number;
    readonly histogram: NativeHistogram;
  }[];
}

/**
 * The classic histograms among the series (`x_bucket` with `le`, `x_count`, `x_sum`) as native ones with custom bounds
 * and the name `x`, which is what `load_with_nhcb` adds.
 */
export function nativeTwins(series: readonly LoadedSeries[], stepMs: number): HistogramSeries[] {
  const twins = new Map<string, { labels: Labels; byTimeMs: Map<number, ClassicHistogram> }>();
  for (const { labels, points } of series) {
    const [, name, suffix] =
      /^(.+)_(bucket|count|sum)$/.exec(labelValue(labels, METRIC_NAME)) ?? [];
    if (name === undefined) continue;
    const bound = suffix === "bucket" ? parseNumber(labelValue(labels, "le")) : 0;
    if (bound === undefined || Number.isNaN(bound)) continue;
    const base = withLabel(withLabel(labels, METRIC_NAME, name), "le", "");
    const key = labelsKey(base);
    const twin = twins.getOrInsertComputed(key, () => ({ labels: base, byTimeMs: new Map() }));
    for (const [index, point] of points.entries()) {
      if (point.kind !== "value") continue;
      const histogram = twin.byTimeMs.getOrInsertComputed(index * stepMs, newClassicHistogram);
      if (suffix === "bucket") histogram.counts.set(bound, point.value);
      else if (suffix === "count") histogram.count = point.value;
      else histogram.sum = point.value;
    }
  }
  return [...twins.values()].map(({ labels, byTimeMs }) => ({
    labels,
    samples: [...byTimeMs]
      .sort(([a], [b]) => a - b)
      .map(([timestampMs, histogram]) => ({ timestampMs, histogram: nativeHistogram(histogram) })),
  }));
}

function newClassicHistogram(): ClassicHistogram {
  return { counts: new Map(), count: undefined, sum: 0 };
}

function nativeHistogram({ counts, count, sum }: ClassicHistogram): NativeHistogram {
  const cumulative = [...counts].sort(([a], [b]) => a - b);
  const total = count ?? cumulative.at(-1)?.[1] ?? 0;
  if (cumulative.at(-1)?.[0] !== Number.POSITIVE_INFINITY)
    cumulative.push([Number.POSITIVE_INFINITY, total]);
  const positiveCounts = cumulative.map(([, below], i) => below - (cumulative[i - 1]?.[1] ?? 0));
  const isEmpty = positiveCounts.every((one) => one === 0);
  return {
    schema: CUSTOM_BOUNDS_SCHEMA,
    isInteger: false,
    counterReset: "unknown",
    stale: false,
    zeroThreshold: 0,
    zeroCount: 0,
    count: total,
    sum,
    positiveSpans: isEmpty ? [] : [{ offset: 0, length: positiveCounts.length }],
    negativeSpans: [],
    positiveCounts: isEmpty ? [] : positiveCounts,
    negativeCounts: [],
    customBounds: cumulative.slice(0, -1).map(([bound]) => bound),
  };
}

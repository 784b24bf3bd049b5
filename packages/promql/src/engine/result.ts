import { compareLabels, type Labels, labelsKey, type NativeHistogram } from "@pharos/base";
import type { SampleRun } from "./selector.ts";
import {
  finalLabels,
  type Grid,
  hasSamples,
  mergeInto,
  type StepSeries,
  sameLabelset,
  timesOf,
  withoutMetadata,
} from "./step-series.ts";

export type QueryResult = QueryValue & {
  /** In Prometheus's words, each once. */
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  readonly stats: QueryStats;
};

export type QueryValue =
  | { readonly type: "scalar"; readonly timestampMs: number; readonly value: number }
  | { readonly type: "string"; readonly timestampMs: number; readonly value: string }
  | VectorResult
  | { readonly type: "matrix"; readonly series: readonly MatrixSeries[] };

/** One sample a label set; entry i of `values` belongs to entry i of `labels`. In the order the expression gives. */
export interface VectorResult {
  readonly type: "vector";
  readonly timestampMs: number;
  readonly labels: readonly Labels[];
  readonly values: Float64Array;
  /** By entry, those that are native histograms; there only where they were asked for and some are. */
  readonly histograms?: ReadonlyMap<number, NativeHistogram>;
}

/** A native histogram at its time. */
export interface HistogramRun {
  readonly timestampMs: number;
  readonly histogram: NativeHistogram;
}

/** Samples by time, at least one. Series may share their arrays: read only. */
export interface MatrixSeries {
  readonly labels: Labels;
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  /** As in a vector: a series of histograms may have no other samples. */
  readonly histograms?: readonly HistogramRun[];
}

export interface QueryStats {
  /** Samples that came from the store, and points of subqueries. */
  readonly samplesRead: number;
  /** Series that came from the store; one that two selectors read counts twice. */
  readonly seriesRead: number;
}

/** An instant query's series, metric names dropped where they must be. @throws OperatingError where two become the same. */
export function vectorResult(list: readonly StepSeries[], timestampMs: number): VectorResult {
  const final = settleNames(list);
  return {
    type: "vector",
    timestampMs,
    labels: final.map(({ labels }) => labels),
    values: Float64Array.from(final, ({ values }) => values[0] as number),
  };
}

/** A range query's series, sorted by labels. @throws OperatingError where two become the same at the same step. */
export function matrixResult(list: readonly StepSeries[], grid: Grid): MatrixSeries[] {
  const allTimesMs = timesOf(grid);
  return settleNames(list)
    .map(({ labels, values, present }) => {
      let count = 0;
      for (let i = 0; i < present.length; i++) count += present[i] as number;
      if (count === grid.count) return { labels, timestampsMs: allTimesMs, values };
      const out = {
        labels,
        timestampsMs: new Float64Array(count),
        values: new Float64Array(count),
      };
      let at = 0;
      for (let i = 0; i < present.length; i++) {
        if (present[i] === 0) continue;
        out.timestampsMs[at] = allTimesMs[i] as number;
        out.values[at++] = values[i] as number;
      }
      return out;
    })
    .sort((a, b) => compareLabels(a.labels, b.labels));
}

/** A range vector's series, sorted by labels. */
export function runsResult(runs: readonly SampleRun[]): MatrixSeries[] {
  const series = runs.map(({ labels, dropName, timestampsMs, values }) => ({
    labels: dropName ? withoutMetadata(labels) : labels,
    timestampsMs,
    values,
  }));
  if (new Set(series.map(({ labels }) => labelsKey(labels))).size < series.length)
    throw sameLabelset();
  return series.sort((a, b) => compareLabels(a.labels, b.labels));
}

function settleNames(list: readonly StepSeries[]): StepSeries[] {
  const settled = new Map<string, StepSeries>();
  for (const series of list) {
    if (!hasSamples(series)) continue;
    const labels = finalLabels(series);
    const key = labelsKey(labels);
    const known = settled.get(key);
    if (known === undefined) settled.set(key, { ...series, labels, dropName: false });
    else if (!mergeInto(known, series)) throw sameLabelset();
  }
  return [...settled.values()];
}

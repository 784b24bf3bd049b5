import { compareLabels, type Labels, labelsKey, type NativeHistogram } from "@pharos/base";
import type { TimeRange } from "@pharos/ports";
import {
  FLOAT,
  finalLabels,
  type Grid,
  HISTOGRAM,
  hasSamples,
  histogramAt,
  mergeInto,
  NONE,
  type StepSeries,
  sameLabelset,
  timesOf,
  withoutMetadata,
} from "./step-series.ts";
import { type Breaks, eachInTurns, mapInTurns, sortInTurns } from "./turns.ts";

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
  /** By entry, those that are native histograms; absent where none is. */
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

/** A range selector's result at one time: samples as they are. */
export interface SampleRun extends MatrixSeries {
  readonly dropName: boolean;
}

export interface QueryStats {
  /** Samples that came from the store, and points of subqueries. */
  readonly samplesRead: number;
  /** Series that came from the store; one that was read in two passes counts twice. */
  readonly seriesRead: number;
  /** The most samples that were in memory at once. */
  readonly samplesPeak: number;
  /** How many samples each step looked at, as Prometheus counts them; there only where that was asked for. */
  readonly queryable?: Float64Array | undefined;
  /** Of a range; not where the result cache has no part in it. */
  readonly steps?: CachedSteps | undefined;
}

/** How many steps a range has, and how many of them were there already. */
export interface CachedSteps {
  readonly total: number;
  readonly cached: number;
  /** Where all of them were: the times of all samples that they look at, and since which mark of the store none changed. */
  readonly holds?: { readonly mark: number; readonly ranges: readonly TimeRange[] } | undefined;
}

/** An instant query's series, metric names dropped where they must be. @throws OperatingError where two become the same. */
export async function vectorResult(
  list: readonly StepSeries[],
  timestampMs: number,
  context: Breaks,
): Promise<VectorResult> {
  const final = await settleNames(list, context);
  const labels: Labels[] = [];
  const values = new Float64Array(final.length);
  const histograms = new Map<number, NativeHistogram>();
  await eachInTurns(final, context, (series) => {
    const at = labels.push(series.labels) - 1;
    values[at] = series.values[0] as number;
    if (series.present[0] === HISTOGRAM) histograms.set(at, histogramAt(series, 0));
  });
  const result = { type: "vector", timestampMs, labels, values } as const;
  return histograms.size === 0 ? result : { ...result, histograms };
}

/** A range query's series, sorted by labels. @throws OperatingError where two become the same at the same step. */
export async function matrixResult(
  list: readonly StepSeries[],
  grid: Grid,
  context: Breaks,
): Promise<MatrixSeries[]> {
  const allTimesMs = timesOf(grid);
  const final = await settleNames(list, context);
  const series = await mapInTurns(final, context, (one) => matrixSeries(one, allTimesMs));
  return sortInTurns(series, context, byLabels);
}

/** The samples of a series, in its own columns: a result of millions of samples is not copied. */
export function matrixSeries(series: StepSeries, allTimesMs: Float64Array): MatrixSeries {
  const { labels, values, present } = series;
  const count = present.length;
  let floats = 0;
  let from = count;
  let to = 0;
  for (let i = 0; i < count; i++) {
    if (present[i] === NONE) continue;
    if (from === count) from = i;
    to = i + 1;
    if (present[i] === FLOAT) floats++;
  }
  // Most series have a sample at every step between their first and their last.
  if (floats === to - from)
    return {
      labels,
      timestampsMs: allTimesMs.subarray(from, to),
      values: values.subarray(from, to),
    };
  const samples = {
    labels,
    timestampsMs: new Float64Array(floats),
    values: values.subarray(0, floats),
  };
  const histograms: HistogramRun[] = [];
  let at = 0;
  for (let i = from; i < to; i++) {
    const timestampMs = allTimesMs[i] as number;
    if (present[i] === HISTOGRAM)
      histograms.push({ timestampMs, histogram: histogramAt(series, i) });
    else if (present[i] === FLOAT) {
      samples.timestampsMs[at] = timestampMs;
      values[at++] = values[i] as number; // Never ahead of where the loop is.
    }
  }
  return histograms.length === 0 ? samples : { ...samples, histograms };
}

/** A range vector's series, sorted by labels. @throws OperatingError where two become the same. */
export async function runsResult(
  runs: readonly SampleRun[],
  context: Breaks,
): Promise<MatrixSeries[]> {
  const known = new Set<string>();
  const series = await mapInTurns(runs, context, ({ dropName, ...run }) => {
    const final = dropName ? { ...run, labels: withoutMetadata(run.labels) } : run;
    known.add(labelsKey(final.labels));
    return final;
  });
  if (known.size < series.length) throw sameLabelset();
  return sortInTurns(series, context, byLabels);
}

function byLabels(a: MatrixSeries, b: MatrixSeries): number {
  return compareLabels(a.labels, b.labels);
}

async function settleNames(list: readonly StepSeries[], context: Breaks): Promise<StepSeries[]> {
  const settled = new Map<string, StepSeries>();
  await eachInTurns(list, context, (series) => {
    if (!hasSamples(series)) return;
    const labels = finalLabels(series);
    const key = labelsKey(labels);
    const known = settled.get(key);
    if (known === undefined) settled.set(key, { ...series, labels, dropName: false });
    else if (!mergeInto(known, series)) throw sameLabelset();
  });
  return [...settled.values()];
}

import type { Labels, NativeHistogram } from "@pharos/base";
import type { HistogramColumn, SeriesColumns } from "@pharos/ports";
import type { MatrixSelector, VectorSelector } from "../syntax/ast.ts";
import type { QueryContext } from "./query-context.ts";
import type { HistogramRun, MatrixSeries, VectorResult } from "./result.ts";
import { readSeries } from "./selector.ts";

// A selector that is a whole instant query. Native histograms come out here and nowhere else so far: operators and
// functions see float samples only.

/** For each series the newest sample at the time, a float or a histogram, if it is young enough and no marker. */
export async function selectVector(
  selector: VectorSelector,
  timestampMs: number,
  context: QueryContext,
): Promise<VectorResult> {
  const timeMs = context.shiftedMs(selector, timestampMs);
  const afterMs = timeMs - context.lookbackMs;
  const labels: Labels[] = [];
  const values: number[] = [];
  const histograms = new Map<number, NativeHistogram>();
  const take = (columns: SeriesColumns): void => {
    const float = newestAt(columns.timestampsMs, afterMs, timeMs);
    const other = columns.histograms && newestAt(columns.histograms.timestampsMs, afterMs, timeMs);
    const floatMs = float === undefined ? afterMs : (columns.timestampsMs[float] as number);
    const otherMs = other === undefined ? afterMs : timeOf(columns.histograms, other);
    if (otherMs > floatMs) {
      const histogram = columns.histograms?.at(other as number);
      if (histogram === undefined || histogram.stale) return;
      histograms.set(labels.length, histogram);
      values.push(Number.NaN);
    } else if (float !== undefined && columns.stale?.[float] !== 1)
      values.push(columns.values[float] as number);
    else return;
    labels.push(columns.labels);
    context.hold(1);
  };
  await readSeries(context, selector, afterMs, timeMs, take, { histograms: true });
  const result = {
    type: "vector",
    timestampMs,
    labels,
    values: Float64Array.from(values),
  } as const;
  return histograms.size === 0 ? result : { ...result, histograms };
}

function timeOf(column: HistogramColumn | undefined, at: number): number {
  return column?.timestampsMs[at] as number;
}

/** The last one after `afterMs` and not after `timeMs`. */
function newestAt(timestampsMs: Float64Array, afterMs: number, timeMs: number): number | undefined {
  let at = timestampsMs.length - 1;
  while (at >= 0 && (timestampsMs[at] as number) > timeMs) at--;
  return at >= 0 && (timestampsMs[at] as number) > afterMs ? at : undefined;
}

/** The samples and histograms of each series in the range that ends at the time, without markers. */
export async function selectMatrix(
  { selector, rangeMs }: MatrixSelector,
  timestampMs: number,
  context: QueryContext,
): Promise<MatrixSeries[]> {
  const endMs = context.shiftedMs(selector, timestampMs);
  const afterMs = endMs - rangeMs;
  const list: MatrixSeries[] = [];
  const take = ({ labels, timestampsMs, values, stale, histograms }: SeriesColumns): void => {
    const isIn = (timeMs: number): boolean => timeMs > afterMs && timeMs <= endMs;
    const kept = Array.from(timestampsMs.keys()).filter(
      (at) => isIn(timestampsMs[at] as number) && stale?.[at] !== 1,
    );
    const series = {
      labels,
      timestampsMs: Float64Array.from(kept, (at) => timestampsMs[at] as number),
      values: Float64Array.from(kept, (at) => values[at] as number),
    };
    const runs: HistogramRun[] = [];
    for (const [at, timeMs] of histograms?.timestampsMs.entries() ?? []) {
      const histogram = histograms?.at(at);
      if (isIn(timeMs) && histogram !== undefined && !histogram.stale)
        runs.push({ timestampMs: timeMs, histogram });
    }
    if (kept.length + runs.length === 0) return;
    context.hold(kept.length + runs.length);
    list.push(runs.length === 0 ? series : { ...series, histograms: runs });
  };
  await readSeries(context, selector, afterMs, endMs, take, { histograms: true });
  return list;
}

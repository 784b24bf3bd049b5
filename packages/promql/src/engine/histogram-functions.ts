import {
  type Labels,
  labelsKey,
  labelValue,
  METRIC_NAME,
  type NativeHistogram,
  OperatingError,
  quote,
  withLabel,
  withoutLabels,
} from "@pharos/base";
import type { Span } from "../syntax/ast.ts";
import {
  type BucketSeries,
  type Buckets,
  bucketFraction,
  bucketQuantile,
  createBuckets,
  forceMonotonic,
  gatherBuckets,
  parseBound,
  sortBuckets,
} from "./classic-histogram.ts";
import { formatG } from "./format-number.ts";
import { histogramFraction, histogramQuantile, type NanEffect } from "./histogram/quantile.ts";
import { histogramVariance } from "./histogram/variance.ts";
import { isLabelName } from "./label-functions.ts";
import {
  emptySeries,
  FLOAT,
  type Grid,
  gridTimeMs,
  HISTOGRAM,
  HISTOGRAM_WORK,
  hasSamples,
  histogramAt,
  NONE,
  type StepSeries,
  workOf,
} from "./step-series.ts";
import { eachInTurns, mapInTurns, type Turns } from "./turns.ts";

const BUCKET_LABEL = new Set(["le"]);

/** The functions of one native histogram, by name. */
const STATISTICS: ReadonlyMap<string, (histogram: NativeHistogram) => number> = new Map([
  ["histogram_avg", ({ sum, count }: NativeHistogram) => sum / count],
  ["histogram_count", ({ count }: NativeHistogram) => count],
  ["histogram_stddev", (histogram: NativeHistogram) => Math.sqrt(histogramVariance(histogram))],
  ["histogram_stdvar", histogramVariance],
  ["histogram_sum", ({ sum }: NativeHistogram) => sum],
]);

export function histogramStatistic(
  name: string,
): ((histogram: NativeHistogram) => number) | undefined {
  return STATISTICS.get(name);
}

/** Applies a function to every histogram; floats and the metric name go. */
export async function mapHistograms(
  list: readonly StepSeries[],
  compute: (histogram: NativeHistogram) => number,
  context: Turns,
): Promise<StepSeries[]> {
  const statistic = (series: StepSeries): StepSeries => {
    const out = emptySeries(series.labels, true, series.present.length);
    for (let step = 0; step < out.present.length; step++) {
      if (series.present[step] !== HISTOGRAM) continue;
      out.values[step] = compute(histogramAt(series, step));
      out.present[step] = FLOAT;
    }
    return out;
  };
  const results = await mapInTurns(list, context, statistic, workOf);
  return results.filter(hasSamples);
}

/** Where messages of a function of histograms go, and the place of its vector in the text. */
export interface HistogramNotes {
  readonly context: Turns;
  readonly span: Span;
}

/** histogram_quantile over native and classic histograms; `quantiles` has one a step. */
export async function quantileOfHistograms(
  list: readonly StepSeries[],
  quantiles: Float64Array,
  grid: Grid,
  notes: HistogramNotes,
): Promise<StepSeries[]> {
  return (await quantilesPerHistogram(list, [quantiles], grid, notes)).flat();
}

/**
 * histogram_quantiles: several quantiles of each histogram, with the value of each as the label `name`.
 *
 * @throws OperatingError `query.failed` for a bad label name.
 */
export async function labelledQuantiles(
  list: readonly StepSeries[],
  { name, quantiles }: { name: string; quantiles: readonly Float64Array[] },
  grid: Grid,
  notes: HistogramNotes,
): Promise<StepSeries[]> {
  if (!isLabelName(name))
    throw new OperatingError("query.failed", `invalid label name ${quote(name)}`);
  const perHistogram = await quantilesPerHistogram(list, quantiles, grid, notes);
  return quantiles.flatMap((column, at) =>
    perHistogram.flatMap((outs) => splitByQuantile(outs[at] as StepSeries, name, column)),
  );
}

/** A series for each value that the quantile has, since it may differ from step to step. */
function splitByQuantile(out: StepSeries, name: string, quantiles: Float64Array): StepSeries[] {
  return [...new Set(quantiles)]
    .map((quantile) => {
      const present = out.present.map((there, step) =>
        isSame(quantiles[step] as number, quantile) ? there : NONE,
      );
      const labels = withLabel(out.labels, name, formatOpenMetrics(quantile));
      return { ...out, labels, present, values: out.values.slice() };
    })
    .filter(hasSamples);
}

function isSame(a: number, b: number): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b));
}

/** As OpenMetrics writes numbers in labels: with a point or an exponent, `1.0`. */
function formatOpenMetrics(value: number): string {
  const text = formatG(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function quantilesPerHistogram(
  list: readonly StepSeries[],
  quantiles: readonly Float64Array[],
  grid: Grid,
  notes: HistogramNotes,
): Promise<StepSeries[][]> {
  const { annotations } = notes.context;
  const { span } = notes;
  return overHistograms(list, grid, notes, quantiles.length, {
    classic(buckets, step, labels, results) {
      const fix = quantiles.some((column) => isQuantile(column[step] as number))
        ? forceMonotonic(buckets)
        : undefined;
      if (fix !== undefined)
        annotations.forcedMonotonicity(labelValue(labels, METRIC_NAME), span, {
          timeMs: gridTimeMs(grid, step),
          ...fix,
        });
      for (const [i, column] of quantiles.entries())
        results[i] = bucketQuantile(column[step] as number, buckets);
    },
    native(histogram, step, labels, results) {
      const onNan = (effect: NanEffect): void => {
        const name = labelValue(labels, METRIC_NAME);
        if (effect === "result is NaN") annotations.quantileIsNaN(name, span);
        else annotations.quantileIsSkewed(name, span);
      };
      for (const [i, column] of quantiles.entries())
        results[i] = histogramQuantile(column[step] as number, histogram, onNan);
    },
  });
}

function isQuantile(value: number): boolean {
  return value >= 0 && value <= 1;
}

/** histogram_fraction over native and classic histograms; the bounds have one value a step. */
export async function fractionOfHistograms(
  list: readonly StepSeries[],
  { lowers, uppers }: { lowers: Float64Array; uppers: Float64Array },
  grid: Grid,
  notes: HistogramNotes,
): Promise<StepSeries[]> {
  const { annotations } = notes.context;
  const perHistogram = await overHistograms(list, grid, notes, 1, {
    classic(buckets, step, _, results) {
      results[0] = bucketFraction(lowers[step] as number, uppers[step] as number, buckets);
    },
    native(histogram, step, labels, results) {
      const onNan = (): void =>
        annotations.fractionWithoutNaN(labelValue(labels, METRIC_NAME), notes.span);
      const [lower, upper] = [lowers[step] as number, uppers[step] as number];
      results[0] = histogramFraction(lower, upper, histogram, onNan);
    },
  });
  return perHistogram.flat();
}

/** What a function makes of one histogram at one step: as many results as it has. */
interface HistogramFunction {
  classic(buckets: Buckets, step: number, labels: Labels, results: Float64Array): void;
  native(histogram: NativeHistogram, step: number, labels: Labels, results: Float64Array): void;
}

/** What has the same labels but for `le`: one histogram, which may be native at some steps and classic at others. */
interface MixedHistogram {
  readonly labels: Labels;
  readonly natives: StepSeries[];
  readonly classic: BucketSeries[];
}

/** For each histogram, `width` series of results. */
async function overHistograms(
  list: readonly StepSeries[],
  grid: Grid,
  notes: HistogramNotes,
  width: number,
  compute: HistogramFunction,
): Promise<StepSeries[][]> {
  const { context, span } = notes;
  const results = new Float64Array(width);
  const computeAll = ({ labels, natives, classic }: MixedHistogram): StepSeries[] => {
    const outs = Array.from({ length: width }, () => emptySeries(labels, true, grid.count));
    const buckets = createBuckets(classic.length);
    for (let step = 0; step < grid.count; step++) {
      gatherBuckets(classic, step, buckets);
      const native = natives.find(({ present }) => present[step] === HISTOGRAM);
      if (native === undefined && buckets.used === 0) continue;
      if (native === undefined) compute.classic(buckets, step, labels, results);
      else if (buckets.used === 0) compute.native(histogramAt(native, step), step, labels, results);
      else {
        context.annotations.mixedClassicAndNative(labelValue(labels, METRIC_NAME), span);
        continue;
      }
      for (const [i, out] of outs.entries()) {
        out.values[step] = results[i] as number;
        out.present[step] = FLOAT;
      }
    }
    return outs;
  };
  const workIn = ({ natives, classic }: MixedHistogram): number =>
    grid.count * (natives.length * HISTOGRAM_WORK + classic.length);
  return mapInTurns(await groupHistograms(list, notes), context, computeAll, workIn);
}

async function groupHistograms(
  list: readonly StepSeries[],
  { context, span }: HistogramNotes,
): Promise<MixedHistogram[]> {
  const histograms = new Map<string, MixedHistogram>();
  const histogramOf = (labels: Labels): MixedHistogram =>
    histograms.getOrInsertComputed(labelsKey(labels), () => ({ labels, natives: [], classic: [] }));
  await eachInTurns(list, context, (series) => {
    if (series.present.includes(HISTOGRAM)) histogramOf(series.labels).natives.push(series);
    if (!series.present.includes(FLOAT)) return;
    const le = labelValue(series.labels, "le");
    const bound = parseBound(le);
    if (bound === undefined)
      context.annotations.badBucketLabel(labelValue(series.labels, METRIC_NAME), le, span);
    else histogramOf(withoutLabels(series.labels, BUCKET_LABEL)).classic.push({ bound, series });
  });
  await eachInTurns(histograms.values(), context, ({ classic }) => sortBuckets(classic));
  return [...histograms.values()];
}

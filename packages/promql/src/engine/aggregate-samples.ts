import {
  compareLabels,
  formatValue,
  labelsKey,
  type NativeHistogram,
  OperatingError,
  quote,
  withLabel,
} from "@pharos/base";
import type { Aggregation } from "../syntax/ast.ts";
import { groupingOf, splitByName } from "./aggregate.ts";
import { formatG, formatHistogram } from "./format-number.ts";
import { GroupIndex } from "./group-index.ts";
import { isLabelName } from "./label-functions.ts";
import { labelSetOffset } from "./label-hash.ts";
import { quantile } from "./quantile.ts";
import type { QueryContext } from "./query-context.ts";
import {
  emptySeries,
  FLOAT,
  type Grid,
  HISTOGRAM,
  hasSamples,
  histogramAt,
  NONE,
  type StepSeries,
} from "./step-series.ts";
import { type Breaks, eachInTurns, filterInTurns, sortInTurns, type Turns } from "./turns.ts";

/** What it counts as, in samples that are only gone over, to sort one. */
const SORTED_WORK = 16;

/**
 * The number of series that topk, bottomk or limitk asks for, as a whole number at each step; undefined if none is
 * wanted at any step.
 *
 * @throws OperatingError `query.failed` for a parameter that is no number of series.
 */
export function seriesWanted(params: Float64Array): Float64Array | undefined {
  const { min, max, hasNaN } = extremes(params);
  if (max < 1) return undefined;
  if (hasNaN) throw new OperatingError("query.failed", "Parameter value is NaN");
  if (min <= -(2 ** 63))
    throw new OperatingError("query.failed", `Scalar value ${formatG(min)} underflows int64`);
  if (max >= 2 ** 63)
    throw new OperatingError("query.failed", `Scalar value ${formatG(max)} overflows int64`);
  return params.map(Math.trunc);
}

/** limitk: so many series of each group, `wanted` at each step, the first by labels. In place. */
export async function firstSeries(
  aggregation: Aggregation,
  list: readonly StepSeries[],
  wanted: Float64Array,
  context: Breaks,
): Promise<StepSeries[]> {
  // So that a choice does not change with what else is there.
  const sorted = await sortInTurns(list, context, (a, b) => compareLabels(a.labels, b.labels));
  const kept: StepSeries[] = [];
  for (const group of await groupSeries(aggregation, sorted, context)) {
    const taken = new Float64Array(wanted.length);
    await eachInTurns(group, context, (series) => {
      if (takeUpTo(wanted, taken, series)) kept.push(series);
    });
  }
  return kept;
}

/** quantile: over the samples of each group at each step. */
export async function quantileOfSamples(
  aggregation: Aggregation,
  list: readonly StepSeries[],
  params: Float64Array,
  grid: Grid,
  context: Turns,
): Promise<StepSeries[]> {
  const { annotations } = context;
  const { min, max, hasNaN } = extremes(params);
  const span = aggregation.param?.span ?? aggregation.span;
  if (hasNaN) annotations.invalidQuantile(Number.NaN, span);
  if (max > 1) annotations.invalidQuantile(max, span);
  if (min < 0) annotations.invalidQuantile(min, span);
  if (list.some(({ present }) => present.includes(HISTOGRAM)))
    annotations.histogramIgnored("quantile", aggregation.expr.span);
  const buffer = new Float64Array(list.length);
  const grouping = groupingOf(aggregation);
  const results: StepSeries[] = [];
  for (const group of await groupSeries(aggregation, list, context)) {
    const out = emptySeries(grouping((group[0] as StepSeries).labels), false, grid.count);
    for (let step = 0; step < grid.count; step++) {
      let count = 0;
      for (const { values, present } of group)
        if (present[step] === FLOAT) buffer[count++] = values[step] as number;
      if (count > 0) {
        out.values[step] = quantile(params[step] as number, buffer, count);
        out.present[step] = FLOAT;
      }
      if (context.tick(group.length * SORTED_WORK)) await context.pause();
    }
    results.push(...splitByName(out, group));
  }
  return results;
}

/** count_values: how many samples of each group have each value; the value, or the histogram as text, becomes a label. */
export async function countValues(
  aggregation: Aggregation,
  list: readonly StepSeries[],
  valueLabel: string,
  grid: Grid,
  context: Turns & Pick<QueryContext, "hold">,
): Promise<StepSeries[]> {
  if (!isLabelName(valueLabel))
    throw new OperatingError("query.failed", `invalid label name ${quote(valueLabel)}`);
  const grouping = groupingOf(
    aggregation.without
      ? aggregation
      : { ...aggregation, grouping: [...aggregation.grouping, valueLabel] },
  );
  const groups = new Map<string, { out: StepSeries; members: StepSeries[] }>();
  // Steps that find the same sample have the same histogram.
  const texts = new WeakMap<NativeHistogram, string>();
  const textOf = (histogram: NativeHistogram): string =>
    texts.getOrInsertComputed(histogram, formatHistogram);
  for (const series of list) {
    // Samples of one series often repeat: the group of a value is looked up once.
    const known = new Map<number | string, StepSeries>();
    const groupOf = (text: string): StepSeries => {
      const labels = grouping(withLabel(series.labels, valueLabel, text));
      const group = groups.getOrInsertComputed(labelsKey(labels), () => {
        // There may be as many as there are samples.
        context.hold(grid.count, 1);
        return { out: emptySeries(labels, false, grid.count), members: [] };
      });
      group.members.push(series);
      return group.out;
    };
    let seen = 0;
    for (let step = 0; step < grid.count; step++) {
      if (series.present[step] === NONE) continue;
      const value = series.values[step] as number;
      const sample =
        series.present[step] === HISTOGRAM
          ? textOf(histogramAt(series, step))
          : Object.is(value, -0)
            ? "-0"
            : value;
      const out = known.getOrInsertComputed(sample, () =>
        groupOf(typeof sample === "string" ? sample : formatValue(sample)),
      );
      out.values[step] = (out.values[step] as number) + 1;
      out.present[step] = FLOAT;
      if (known.size === seen) continue;
      seen = known.size;
      if (context.tick(grid.count)) await context.pause();
    }
    if (context.tick()) await context.pause();
  }
  const results: StepSeries[] = [];
  await eachInTurns(groups.values(), context, ({ out, members }) =>
    results.push(...splitByName(out, members)),
  );
  return results;
}

async function groupSeries(
  aggregation: Aggregation,
  list: readonly StepSeries[],
  context: Breaks,
): Promise<readonly StepSeries[][]> {
  const index = new GroupIndex<StepSeries[]>(aggregation);
  await eachInTurns(list, context, (series) => index.of(series.labels, () => []).push(series));
  return index.groups;
}

function extremes(params: Float64Array): { min: number; max: number; hasNaN: boolean } {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let hasNaN = false;
  for (const value of params) {
    if (Number.isNaN(value)) hasNaN = true;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  // Nothing but NaN is not less than 1.
  return hasNaN && max === Number.NEGATIVE_INFINITY
    ? { min, max: Number.NaN, hasNaN }
    : { min, max, hasNaN };
}

/** Takes a series at the steps at which fewer than `wanted` were `taken`, in place; whether there are any. */
function takeUpTo(wanted: Float64Array, taken: Float64Array, series: StepSeries): boolean {
  const { present } = series;
  for (let i = 0; i < wanted.length; i++) {
    if (present[i] === NONE) continue;
    if ((taken[i] as number) < (wanted[i] as number)) taken[i] = (taken[i] as number) + 1;
    else present[i] = NONE;
  }
  return hasSamples(series);
}

/**
 * limit_ratio: a share of the series, by a hash of their labels, or with a negative ratio what that share would leave.
 * In place.
 *
 * @throws OperatingError `query.failed` for NaN.
 */
export async function limitRatio(
  aggregation: Aggregation,
  list: readonly StepSeries[],
  params: Float64Array,
  context: Turns,
): Promise<StepSeries[]> {
  const { annotations } = context;
  const { min, max, hasNaN } = extremes(params);
  if (max === 0 && min === 0) return [];
  if (hasNaN) throw new OperatingError("query.failed", "Ratio value is NaN");
  const span = aggregation.param?.span ?? aggregation.span;
  if (max > 1) annotations.invalidRatio(max, 1, span);
  if (min < -1) annotations.invalidRatio(min, -1, span);
  return filterInTurns(list, context, (series) => {
    const offset = labelSetOffset(series.labels);
    for (let i = 0; i < params.length; i++) {
      const ratio = Math.max(-1, Math.min(1, params[i] as number));
      const sampled = ratio >= 0 ? offset < ratio : offset >= 1 + ratio;
      if (!sampled) series.present[i] = NONE;
    }
    return hasSamples(series);
  });
}

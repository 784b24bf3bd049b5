import {
  assert,
  compareLabels,
  formatValue,
  labelsKey,
  OperatingError,
  quote,
  withLabel,
} from "@pharos/base";
import type { Aggregation } from "../syntax/ast.ts";
import { groupingOf, splitByName } from "./aggregate.ts";
import type { Annotations } from "./annotations.ts";
import { formatG, formatHistogram } from "./format-number.ts";
import { isLabelName } from "./label-functions.ts";
import { labelSetOffset } from "./label-hash.ts";
import { quantile } from "./quantile.ts";
import {
  emptySeries,
  FLOAT,
  type Grid,
  HISTOGRAM,
  hasSamples,
  histogramAt,
  NONE,
  onlyFloats,
  type StepSeries,
} from "./step-series.ts";

/**
 * topk, bottomk, limitk and limit_ratio: some of the series of each group, with their own labels. At a single step
 * topk and bottomk give them in order of value, the best first.
 *
 * @throws OperatingError `query.failed` for a parameter that is no number of series or no ratio.
 */
export function selectSamples(
  aggregation: Aggregation,
  list: readonly StepSeries[],
  params: Float64Array,
  grid: Grid,
  annotations: Annotations,
): StepSeries[] {
  const { op } = aggregation;
  if (op === "limit_ratio") return limitRatio(aggregation, list, params, annotations);
  const { min, max, hasNaN } = extremes(params);
  if (max < 1) return [];
  if (hasNaN) throw new OperatingError("query.failed", "Parameter value is NaN");
  if (min <= -(2 ** 63))
    throw new OperatingError("query.failed", `Scalar value ${formatG(min)} underflows int64`);
  if (max >= 2 ** 63)
    throw new OperatingError("query.failed", `Scalar value ${formatG(max)} overflows int64`);
  // Among equals the first by labels is taken, so that a choice does not change with what else is there.
  const sorted = list.toSorted((a, b) => compareLabels(a.labels, b.labels));
  const groups = [...groupSeries(aggregation, sorted).values()];
  if (op === "limitk") return groups.flatMap((group) => firstK(group, params));
  for (const series of sorted) {
    const hasHistogram = (step: number): boolean => series.present[step] === HISTOGRAM;
    if (params.some((k, step) => k >= 1 && hasHistogram(step)))
      annotations.histogramIgnored(op, aggregation.span);
    onlyFloats(series);
  }
  const kept = groups.flatMap((group) => extremeK(group, params, op === "topk"));
  return grid.count === 1 ? kept : kept.filter(hasSamples);
}

/** quantile: over the samples of each group at each step. */
export function quantileOfSamples(
  aggregation: Aggregation,
  list: readonly StepSeries[],
  params: Float64Array,
  grid: Grid,
  annotations: Annotations,
): StepSeries[] {
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
  for (const group of groupSeries(aggregation, list).values()) {
    const out = emptySeries(grouping((group[0] as StepSeries).labels), false, grid.count);
    for (let step = 0; step < grid.count; step++) {
      let count = 0;
      for (const { values, present } of group)
        if (present[step] === FLOAT) buffer[count++] = values[step] as number;
      if (count === 0) continue;
      out.values[step] = quantile(params[step] as number, buffer, count);
      out.present[step] = FLOAT;
    }
    results.push(...splitByName(out, group));
  }
  return results;
}

/** count_values: how many samples of each group have each value; the value, or the histogram as text, becomes a label. */
export function countValues(
  aggregation: Aggregation,
  list: readonly StepSeries[],
  valueLabel: string,
  grid: Grid,
): StepSeries[] {
  if (!isLabelName(valueLabel))
    throw new OperatingError("query.failed", `invalid label name ${quote(valueLabel)}`);
  const grouping = groupingOf(
    aggregation.without
      ? aggregation
      : { ...aggregation, grouping: [...aggregation.grouping, valueLabel] },
  );
  const groups = new Map<string, { out: StepSeries; members: StepSeries[] }>();
  for (const series of list) {
    // Samples of one series often repeat: the group of a value is looked up once.
    const known = new Map<number | string, StepSeries>();
    const groupOf = (text: string): StepSeries => {
      const labels = grouping(withLabel(series.labels, valueLabel, text));
      const group = groups.getOrInsertComputed(labelsKey(labels), () => ({
        out: emptySeries(labels, false, grid.count),
        members: [],
      }));
      group.members.push(series);
      return group.out;
    };
    for (let step = 0; step < grid.count; step++) {
      if (series.present[step] === NONE) continue;
      const value = series.values[step] as number;
      const sample =
        series.present[step] === HISTOGRAM
          ? formatHistogram(histogramAt(series, step))
          : Object.is(value, -0)
            ? "-0"
            : value;
      const out = known.getOrInsertComputed(sample, () =>
        groupOf(typeof sample === "string" ? sample : formatValue(sample)),
      );
      out.values[step] = (out.values[step] as number) + 1;
      out.present[step] = FLOAT;
    }
  }
  return [...groups.values()].flatMap(({ out, members }) => splitByName(out, members));
}

function groupSeries(
  aggregation: Aggregation,
  list: readonly StepSeries[],
): Map<string, StepSeries[]> {
  const grouping = groupingOf(aggregation);
  const groups = new Map<string, StepSeries[]>();
  for (const series of list)
    groups.getOrInsertComputed(labelsKey(grouping(series.labels)), () => []).push(series);
  return groups;
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

function firstK(group: readonly StepSeries[], params: Float64Array): StepSeries[] {
  const taken = new Float64Array(params.length);
  for (const { present } of group)
    for (let i = 0; i < params.length; i++) {
      if (present[i] === NONE) continue;
      if ((taken[i] as number) < Math.trunc(params[i] as number))
        taken[i] = (taken[i] as number) + 1;
      else present[i] = NONE;
    }
  return group.filter(hasSamples);
}

function limitRatio(
  aggregation: Aggregation,
  list: readonly StepSeries[],
  params: Float64Array,
  annotations: Annotations,
): StepSeries[] {
  const { min, max, hasNaN } = extremes(params);
  if (max === 0 && min === 0) return [];
  if (hasNaN) throw new OperatingError("query.failed", "Ratio value is NaN");
  const span = aggregation.param?.span ?? aggregation.span;
  if (max > 1) annotations.invalidRatio(max, 1, span);
  if (min < -1) annotations.invalidRatio(min, -1, span);
  for (const { labels, present } of list) {
    const offset = labelSetOffset(labels);
    for (let i = 0; i < params.length; i++) {
      const ratio = Math.max(-1, Math.min(1, params[i] as number));
      const sampled = ratio >= 0 ? offset < ratio : offset >= 1 + ratio;
      if (!sampled) present[i] = NONE;
    }
  }
  return list.filter(hasSamples);
}

/**
 * Keeps the k greatest (or least) samples of each step, NaN only for want of others, the first by labels among equals.
 * The best of a step are kept in a heap with the worst of them on top. Answers the series in order of the last step.
 */
function extremeK(
  group: readonly StepSeries[],
  params: Float64Array,
  greatest: boolean,
): StepSeries[] {
  const heap = new Int32Array(group.length);
  let size = 0;
  let step = 0;
  const rankOf = (index: number): number => {
    const value = (group[index] as StepSeries).values[step] as number;
    if (Number.isNaN(value)) return Number.NEGATIVE_INFINITY;
    return greatest ? value : -value;
  };
  const isNaNAt = (index: number): boolean =>
    Number.isNaN((group[index] as StepSeries).values[step] as number);
  /** Whether series a is to go before series b. */
  const worse = (a: number, b: number): boolean => {
    const x = rankOf(a);
    const y = rankOf(b);
    if (x !== y) return x < y;
    const xNaN = isNaNAt(a);
    return xNaN === isNaNAt(b) ? a > b : xNaN;
  };
  const sink = (from: number): void => {
    let at = from;
    for (;;) {
      let worst = at;
      for (let child = 2 * at + 1; child <= 2 * at + 2 && child < size; child++)
        if (worse(heap[child] as number, heap[worst] as number)) worst = child;
      if (worst === at) return;
      swap(heap, at, worst);
      at = worst;
    }
  };
  const rise = (from: number): void => {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >>> 1;
      if (!worse(heap[at] as number, heap[parent] as number)) return;
      swap(heap, at, parent);
      at = parent;
    }
  };
  for (; step < params.length; step++) {
    const k = Math.max(0, Math.trunc(params[step] as number));
    size = 0;
    for (let index = 0; index < group.length; index++) {
      const { present } = group[index] as StepSeries;
      if (present[step] === NONE) continue;
      if (size < k) {
        heap[size] = index;
        rise(size++);
      } else if (k > 0 && worse(heap[0] as number, index)) {
        (group[heap[0] as number] as StepSeries).present[step] = NONE;
        heap[0] = index;
        sink(0);
      } else present[step] = NONE;
    }
  }
  if (params.length > 1) return [...group];
  step = 0;
  const order = heap.slice(0, size).sort((a, b) => (worse(a, b) ? 1 : -1));
  return Array.from(order, (index) => {
    const series = group[index];
    assert(series !== undefined, "the heap holds indices of the group");
    return series;
  });
}

function swap(heap: Int32Array, a: number, b: number): void {
  const kept = heap[a] as number;
  heap[a] = heap[b] as number;
  heap[b] = kept;
}

import { assert, labelValue, METRIC_NAME, NO_LABELS, unreachable } from "@pharos/base";
import type {
  Aggregation,
  BinaryExpr,
  Call,
  Expr,
  MatrixSelector,
  Subquery,
} from "../syntax/ast.ts";
import { valueTypeOf } from "../syntax/value-type.ts";
import { absentWhere } from "./absent.ts";
import { Accumulator } from "./aggregate.ts";
import { countValues, quantileOfSamples, selectSamples } from "./aggregate-samples.ts";
import { histogramFraction, histogramQuantile } from "./classic-histogram.ts";
import { dateFunction } from "./date-functions.ts";
import { isStepInvariant, unwrapParens } from "./expr-properties.ts";
import {
  addPresence,
  clamp,
  mapValues,
  mathFunction,
  round,
  scalarOf,
} from "./instant-functions.ts";
import { joinLabels, replaceLabel, sortByLabels, sortByValue } from "./label-functions.ts";
import { computeColumns, isSetOperator, vectorWithScalar } from "./operators.ts";
import type { QueryContext } from "./query-context.ts";
import { createRangeKernel, keepsName } from "./range-functions.ts";
import {
  createScratch,
  readSeries,
  reserve,
  type SampleRun,
  type Sink,
  shiftedRange,
  streamSelector,
  withoutStale,
} from "./selector.ts";
import {
  ColumnCopier,
  constantSeries,
  emptySeries,
  firstStep,
  type Grid,
  gridTimeMs,
  hasSamples,
  type StepSeries,
  timesOf,
} from "./step-series.ts";
import { subqueryGrid } from "./subquery.ts";
import { matchVectors, setOperation } from "./vector-matching.ts";
import { createWindows, moveWindows, type RawSamples } from "./windows.ts";

/** The value of a scalar expression at each step; the caller owns the column. */
export async function evaluateScalar(
  expr: Expr,
  grid: Grid,
  context: QueryContext,
): Promise<Float64Array> {
  const inner = unwrapParens(expr);
  if (grid.count > 1 && inner.kind !== "number" && isStepInvariant(inner)) {
    const [value = Number.NaN] = await evaluateScalar(inner, firstStep(grid), context);
    return new Float64Array(grid.count).fill(value);
  }
  switch (inner.kind) {
    case "number":
      return new Float64Array(grid.count).fill(inner.value);
    case "unary": {
      const values = await evaluateScalar(inner.expr, grid, context);
      if (inner.op === "-")
        for (let i = 0; i < values.length; i++) values[i] = -(values[i] as number);
      return values;
    }
    case "binary": {
      const left = await evaluateScalar(inner.left, grid, context);
      const right = await evaluateScalar(inner.right, grid, context);
      computeColumns(inner.op, left, right, left);
      return left;
    }
    case "call":
      switch (inner.func) {
        case "time": {
          const times = timesOf(grid);
          for (let i = 0; i < times.length; i++) times[i] = (times[i] as number) / 1000;
          return times;
        }
        case "pi":
          return new Float64Array(grid.count).fill(Math.PI);
        case "scalar":
          return scalarOf(await evaluateVector(argument(inner, 0), grid, context), grid.count);
      }
      break;
    case "string":
    case "vector":
    case "matrix":
    case "subquery":
    case "aggregation":
      break;
  }
  assert(false, () => `${inner.kind} is no scalar`);
}

/** The series of a vector expression, in the order it gives them; the caller owns their columns. */
export async function evaluateVector(
  expr: Expr,
  grid: Grid,
  context: QueryContext,
): Promise<StepSeries[]> {
  const inner = unwrapParens(expr);
  if (grid.count > 1 && isStepInvariant(inner)) {
    const heldBefore = context.samplesHeld;
    const once = withSamples(await evaluateVector(inner, firstStep(grid), context));
    context.settle(heldBefore, once.length * grid.count);
    return once.map(({ labels, dropName, values }) =>
      constantSeries(labels, dropName, values[0] as number, grid.count),
    );
  }
  const heldBefore = context.samplesHeld;
  const result = await evaluateVectorNode(inner, grid, context);
  context.settle(heldBefore, result.length * grid.count);
  return result;
}

function withSamples(list: readonly StepSeries[]): StepSeries[] {
  return list.filter(hasSamples);
}

async function evaluateVectorNode(
  expr: ReturnType<typeof unwrapParens>,
  grid: Grid,
  context: QueryContext,
): Promise<StepSeries[]> {
  switch (expr.kind) {
    case "vector":
      return collect(grid, context, (sink) => streamSelector(expr, grid, context, "value", sink));
    case "call":
      return evaluateCall(expr, grid, context);
    case "aggregation":
      return evaluateAggregation(expr, grid, context);
    case "binary":
      return evaluateBinary(expr, grid, context);
    case "unary": {
      const list = await evaluateVector(expr.expr, grid, context);
      return expr.op === "-" ? mapValues(list, (value) => -value) : list;
    }
    case "number":
    case "string":
    case "matrix":
    case "subquery":
      assert(false, () => `${expr.kind} is no vector`);
      break;
    default:
      return unreachable(expr);
  }
}

/**
 * Gives the series of a vector expression one by one, without keeping them all where they come straight from the
 * store: an aggregation of ten thousand series needs memory for its groups only.
 */
async function streamVector(
  expr: Expr,
  grid: Grid,
  context: QueryContext,
  sink: Sink,
): Promise<void> {
  const inner = unwrapParens(expr);
  if (grid.count === 1 || !isStepInvariant(inner)) {
    if (inner.kind === "vector") return streamSelector(inner, grid, context, "value", sink);
    if (
      inner.kind === "call" &&
      matrixArgument(inner) !== undefined &&
      inner.func !== "absent_over_time"
    )
      return streamRangeFunction(inner, grid, context, sink);
  }
  for (const series of await evaluateVector(inner, grid, context)) {
    sink(series);
    if (context.tick()) await context.pause();
  }
}

/** Runs a stream and keeps a copy of all it gives. */
async function collect(
  grid: Grid,
  context: QueryContext,
  stream: (sink: Sink) => Promise<void>,
): Promise<StepSeries[]> {
  const list: StepSeries[] = [];
  const copier = new ColumnCopier(grid.count);
  await stream((series) => {
    context.hold(grid.count);
    list.push(copier.copy(series));
  });
  return list;
}

async function evaluateCall(call: Call, grid: Grid, context: QueryContext): Promise<StepSeries[]> {
  const { func, args } = call;
  if (func === "absent_over_time") return absentOverTime(call, grid, context);
  if (matrixArgument(call) !== undefined)
    return collect(grid, context, (sink) => streamRangeFunction(call, grid, context, sink));
  const vector = (index: number): Promise<StepSeries[]> =>
    evaluateVector(argument(call, index), grid, context);
  const scalar = (index: number): Promise<Float64Array> =>
    evaluateScalar(argument(call, index), grid, context);
  const constant = (value: number): Float64Array => new Float64Array(grid.count).fill(value);

  const math = mathFunction(func);
  if (math !== undefined) return mapValues(await vector(0), math);
  const date = dateFunction(func);
  if (date !== undefined) {
    if (args.length > 0) return mapValues(await vector(0), date);
    const now = emptySeries(NO_LABELS, false, grid.count);
    now.present.fill(1);
    for (let i = 0; i < grid.count; i++)
      now.values[i] = date(Math.floor(gridTimeMs(grid, i) / 1000));
    return [now];
  }
  switch (func) {
    case "absent": {
      const there = new Uint8Array(grid.count);
      addPresence(there, await vector(0));
      return absentWhere(there, argument(call, 0));
    }
    case "clamp":
      return clamp(await vector(0), await scalar(1), await scalar(2));
    case "clamp_max":
      return clamp(await vector(0), constant(Number.NEGATIVE_INFINITY), await scalar(1));
    case "clamp_min":
      return clamp(await vector(0), await scalar(1), constant(Number.POSITIVE_INFINITY));
    case "round":
      return round(await vector(0), args.length > 1 ? await scalar(1) : constant(1));
    case "histogram_quantile": {
      const quantiles = await scalar(0);
      warnOfQuantiles(quantiles, argument(call, 0), context);
      const list = await vector(1);
      const { span } = argument(call, 1);
      return histogramQuantile(list, quantiles, grid, context.annotations, span);
    }
    case "histogram_fraction": {
      const lowers = await scalar(0);
      const uppers = await scalar(1);
      const list = await vector(2);
      const { span } = argument(call, 2);
      return histogramFraction(list, lowers, uppers, grid, context.annotations, span);
    }
    case "label_replace": {
      const [target = "", replacement = "", source = "", pattern = ""] = strings(call, 1);
      return replaceLabel(await vector(0), { target, replacement, source, pattern });
    }
    case "label_join": {
      const [target = "", separator = "", ...sources] = strings(call, 1);
      return joinLabels(await vector(0), { target, separator, sources });
    }
    case "sort":
    case "sort_desc":
      warnOfSort(call, grid, context);
      return sortByValue(await vector(0), func === "sort_desc");
    case "sort_by_label":
    case "sort_by_label_desc":
      warnOfSort(call, grid, context);
      return sortByLabels(await vector(0), strings(call, 1), func === "sort_by_label_desc");
    case "timestamp":
      return timestamps(argument(call, 0), grid, context);
    case "vector": {
      const values = await scalar(0);
      return [
        { labels: NO_LABELS, dropName: false, values, present: new Uint8Array(grid.count).fill(1) },
      ];
    }
    default:
      assert(false, () => `no function ${func}`);
  }
}

function warnOfQuantiles(quantiles: Float64Array, expr: Expr, context: QueryContext): void {
  for (const q of quantiles)
    if (!(q >= 0 && q <= 1)) context.annotations.invalidQuantile(q, expr.span);
}

function warnOfSort(call: Call, grid: Grid, context: QueryContext): void {
  if (grid.count > 1) context.annotations.sortInRangeQuery(call.span);
}

async function absentOverTime(
  call: Call,
  grid: Grid,
  context: QueryContext,
): Promise<StepSeries[]> {
  const there = new Uint8Array(grid.count);
  await streamRangeFunction(call, grid, context, (series) => addPresence(there, [series]));
  return absentWhere(there, argument(call, 0));
}

/** timestamp: of a selector the time of the sample found, of anything else the time of evaluation. */
async function timestamps(expr: Expr, grid: Grid, context: QueryContext): Promise<StepSeries[]> {
  const inner = unwrapParens(expr);
  if (inner.kind === "vector")
    return collect(grid, context, (sink) =>
      streamSelector(inner, grid, context, "timestamp", sink),
    );
  const seconds = timesOf(grid).map((timeMs) => timeMs / 1000);
  const list = await evaluateVector(inner, grid, context);
  return list.map((series) => {
    series.values.set(seconds);
    return { ...series, dropName: true };
  });
}

async function evaluateBinary(
  expr: BinaryExpr,
  grid: Grid,
  context: QueryContext,
): Promise<StepSeries[]> {
  const { op, left, right, matching } = expr;
  if (valueTypeOf(left) === "scalar") {
    const scalar = await evaluateScalar(left, grid, context);
    return withSamples(
      vectorWithScalar(expr, await evaluateVector(right, grid, context), scalar, true),
    );
  }
  if (valueTypeOf(right) === "scalar") {
    const list = await evaluateVector(left, grid, context);
    return withSamples(
      vectorWithScalar(expr, list, await evaluateScalar(right, grid, context), false),
    );
  }
  const leftList = await evaluateVector(left, grid, context);
  const rightList = await evaluateVector(right, grid, context);
  assert(matching !== undefined, "two vectors have a matching");
  if (isSetOperator(op)) {
    assert(op === "and" || op === "or" || op === "unless", "a set operator");
    return setOperation(op, matching, leftList, rightList);
  }
  return matchVectors(expr, matching, leftList, rightList);
}

async function evaluateAggregation(
  aggregation: Aggregation,
  grid: Grid,
  context: QueryContext,
): Promise<StepSeries[]> {
  const accumulator = Accumulator.create(aggregation, grid.count);
  if (accumulator !== undefined) {
    let groups = 0;
    await streamVector(aggregation.expr, grid, context, (series) => {
      accumulator.add(series);
      if (accumulator.groupCount === groups) return;
      groups = accumulator.groupCount;
      context.hold(grid.count);
    });
    return accumulator.finish();
  }
  const { op, param, expr } = aggregation;
  assert(param !== undefined, () => `${op} has a parameter`);
  if (op === "count_values") {
    const label = unwrapParens(param);
    assert(label.kind === "string", "count_values has a label name");
    return countValues(aggregation, await evaluateVector(expr, grid, context), label.value, grid);
  }
  const params = await evaluateScalar(param, grid, context);
  const list = await evaluateVector(expr, grid, context);
  return op === "quantile"
    ? quantileOfSamples(aggregation, list, params, grid, context.annotations)
    : selectSamples(aggregation, list, params, grid, context.annotations);
}

type RangeArgument = MatrixSelector | Subquery;

/** The range vector among a call's arguments, if it has one. */
function matrixArgument(call: Call): RangeArgument | undefined {
  for (const arg of call.args) {
    const inner = unwrapParens(arg);
    if (inner.kind === "matrix" || inner.kind === "subquery") return inner;
  }
  return undefined;
}

async function streamRangeFunction(
  call: Call,
  grid: Grid,
  context: QueryContext,
  sink: Sink,
): Promise<void> {
  const range = matrixArgument(call);
  assert(range !== undefined, () => `${call.func} has a range vector`);
  const scalars: Float64Array[] = [];
  for (const arg of call.args)
    if (valueTypeOf(arg) === "scalar") scalars.push(await evaluateScalar(arg, grid, context));
  const { func } = call;
  const kernel = createRangeKernel(func, scalars);
  const shift = range.kind === "matrix" ? range.selector : range;
  const windows = createWindows(
    grid.count,
    range.rangeMs,
    context.shiftedMs(shift, grid.startMs),
    shift.at === undefined ? grid.stepMs : 0,
  );
  const timesMs = timesOf(grid);
  const { values, present } = emptySeries(NO_LABELS, false, grid.count);
  const out = { values, present };
  const counter = func === "rate" || func === "increase";
  let any = false;
  let lastName = "";
  await streamRange(range, grid, context, (labels, dropName, raw) => {
    moveWindows(windows, raw);
    present.fill(0);
    kernel(raw, windows, timesMs, out);
    if (!present.includes(1)) return;
    any = true;
    if (counter) {
      const metricName = labelValue(labels, METRIC_NAME);
      // Neighbours mostly have the same name: one look is enough.
      if (metricName !== lastName) informOfNonCounter(metricName, argument(call, 0), context);
      lastName = metricName;
    }
    sink({ labels, dropName: dropName || !keepsName(func), values, present });
  });
  const quantiles = scalars[0];
  if (any && func === "quantile_over_time" && quantiles !== undefined)
    warnOfQuantiles(quantiles, argument(call, 0), context);
}

function informOfNonCounter(metricName: string, expr: Expr, context: QueryContext): void {
  if (metricName === "" || /_(?:total|sum|count|bucket)$/.test(metricName)) return;
  context.annotations.possibleNonCounter(metricName, expr.span);
}

type RawSink = (labels: StepSeries["labels"], dropName: boolean, raw: RawSamples) => void;

/** Gives, one by one, the series of a range vector with the samples that any step's window may need. */
async function streamRange(
  range: RangeArgument,
  grid: Grid,
  context: QueryContext,
  sink: RawSink,
): Promise<void> {
  const scratch = createScratch();
  if (range.kind === "matrix") {
    const { firstMs, lastMs } = shiftedRange(context, range.selector, grid);
    const afterMs = firstMs - range.rangeMs;
    await readSeries(context, range.selector, afterMs, lastMs, (columns) =>
      sink(columns.labels, false, withoutStale(columns, scratch)),
    );
    return;
  }
  const inner = subqueryGrid(range, grid, context);
  if (inner === undefined) return;
  reserve(scratch, inner.count);
  const timesMs = timesOf(inner);
  await streamVector(range.expr, inner, context, ({ labels, dropName, values, present }) => {
    let kept = 0;
    for (let i = 0; i < inner.count; i++) {
      if (present[i] === 0) continue;
      scratch.timestampsMs[kept] = timesMs[i] as number;
      scratch.values[kept] = values[i] as number;
      kept++;
    }
    scratch.length = kept;
    context.samplesRead += kept;
    sink(labels, dropName, scratch);
  });
}

/** A range vector at the one time of `grid`, as an instant query of it answers. */
export async function evaluateMatrix(
  expr: Expr,
  grid: Grid,
  context: QueryContext,
): Promise<SampleRun[]> {
  const range = unwrapParens(expr);
  assert(range.kind === "matrix" || range.kind === "subquery", "a range vector");
  const shift = range.kind === "matrix" ? range.selector : range;
  const endMs = context.shiftedMs(shift, grid.startMs);
  const windows = createWindows(1, range.rangeMs, endMs, 0);
  const runs: SampleRun[] = [];
  await streamRange(range, grid, context, (labels, dropName, raw) => {
    moveWindows(windows, raw);
    const from = windows.from[0] as number;
    const to = windows.to[0] as number;
    if (from === to) return;
    context.hold(to - from);
    runs.push({
      labels,
      dropName,
      timestampsMs: raw.timestampsMs.slice(from, to),
      values: raw.values.slice(from, to),
    });
  });
  return runs;
}

function argument(call: Call, index: number): Expr {
  const arg = call.args[index];
  assert(arg !== undefined, () => `${call.func} has argument ${index}`);
  return arg;
}

/** The string arguments from `index` on. */
function strings(call: Call, index: number): string[] {
  return call.args.slice(index).map((arg) => {
    const inner = unwrapParens(arg);
    assert(inner.kind === "string", () => `${call.func} has a string there`);
    return inner.value;
  });
}

import { assert, NO_LABELS } from "@pharos/base";
import type { Call, Expr } from "../syntax/ast.ts";
import { absentWhere } from "./absent.ts";
import { argument, stringArguments } from "./call-arguments.ts";
import { dateFunction } from "./date-functions.ts";
import type { Evaluator } from "./evaluator.ts";
import {
  fractionOfHistograms,
  type HistogramNotes,
  histogramStatistic,
  labelledQuantiles,
  mapHistograms,
  quantileOfHistograms,
} from "./histogram-functions.ts";
import { evaluateInfo } from "./info.ts";
import { addPresence, clamp, mapValues, mathFunction, round } from "./instant-functions.ts";
import { joinLabels, replaceLabel, sortByLabels, sortByValue } from "./label-functions.ts";
import type { QueryContext } from "./query-context.ts";
import { startTimestamps, timestamps } from "./sample-times.ts";
import { emptySeries, type Grid, gridTimeMs, type StepSeries } from "./step-series.ts";

/** A call of a function of instant vectors, scalars and strings. Those of range vectors are in `range/`. */
export async function evaluateCall(
  call: Call,
  grid: Grid,
  evaluator: Evaluator,
): Promise<StepSeries[]> {
  const { func, args } = call;
  const { context } = evaluator;
  const vector = (index: number): Promise<StepSeries[]> =>
    evaluator.vector(argument(call, index), grid);
  const scalar = (index: number): Promise<Float64Array> =>
    evaluator.scalar(argument(call, index), grid);
  const constant = (value: number): Float64Array => new Float64Array(grid.count).fill(value);

  const math = mathFunction(func);
  if (math !== undefined) return mapValues(await vector(0), math, context);
  const date = dateFunction(func);
  if (date !== undefined) {
    if (args.length > 0) return mapValues(await vector(0), date, context);
    const now = emptySeries(NO_LABELS, false, grid.count);
    now.present.fill(1);
    for (let i = 0; i < grid.count; i++)
      now.values[i] = date(Math.floor(gridTimeMs(grid, i) / 1000));
    return [now];
  }
  const statistic = histogramStatistic(func);
  if (statistic !== undefined) return mapHistograms(await vector(0), statistic, context);
  const notes = (index: number): HistogramNotes => ({
    context,
    span: argument(call, index).span,
  });
  switch (func) {
    case "absent": {
      const there = new Uint8Array(grid.count);
      addPresence(there, await vector(0));
      return absentWhere(there, argument(call, 0));
    }
    case "clamp":
      return clamp(await vector(0), await scalar(1), await scalar(2), context);
    case "clamp_max":
      return clamp(await vector(0), constant(Number.NEGATIVE_INFINITY), await scalar(1), context);
    case "clamp_min":
      return clamp(await vector(0), await scalar(1), constant(Number.POSITIVE_INFINITY), context);
    case "round":
      return round(await vector(0), args.length > 1 ? await scalar(1) : constant(1), context);
    case "histogram_quantile": {
      const quantiles = await scalar(0);
      warnOfQuantiles(quantiles, argument(call, 0), context);
      return quantileOfHistograms(await vector(1), quantiles, grid, notes(1));
    }
    case "histogram_quantiles": {
      const list = await vector(0);
      const [name = ""] = stringArguments(call, 1, 2);
      const quantiles: Float64Array[] = [];
      for (let index = 2; index < args.length; index++) {
        const column = await scalar(index);
        warnOfQuantiles(column, argument(call, index), context);
        quantiles.push(column);
      }
      return labelledQuantiles(list, { name, quantiles }, grid, notes(0));
    }
    case "histogram_fraction": {
      const bounds = { lowers: await scalar(0), uppers: await scalar(1) };
      return fractionOfHistograms(await vector(2), bounds, grid, notes(2));
    }
    case "info":
      return evaluateInfo(call, grid, evaluator);
    case "label_replace": {
      const [target = "", replacement = "", source = "", pattern = ""] = stringArguments(call, 1);
      return replaceLabel(await vector(0), { target, replacement, source, pattern }, context);
    }
    case "label_join": {
      const [target = "", separator = "", ...sources] = stringArguments(call, 1);
      return joinLabels(await vector(0), { target, separator, sources }, context);
    }
    case "sort":
    case "sort_desc":
      warnOfSort(call, grid, context);
      return sortByValue(await vector(0), func === "sort_desc", context);
    case "sort_by_label":
    case "sort_by_label_desc": {
      warnOfSort(call, grid, context);
      const descending = func === "sort_by_label_desc";
      return sortByLabels(await vector(0), stringArguments(call, 1), descending, context);
    }
    case "timestamp":
      return timestamps(argument(call, 0), grid, evaluator);
    case "start_timestamp":
      return startTimestamps(argument(call, 0), grid, evaluator);
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

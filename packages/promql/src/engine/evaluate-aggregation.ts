import { assert } from "@pharos/base";
import type { Aggregation } from "../syntax/ast.ts";
import { Accumulator } from "./aggregate.ts";
import { Extremes } from "./aggregate-extremes.ts";
import {
  countValues,
  firstSeries,
  limitRatio,
  quantileOfSamples,
  seriesWanted,
} from "./aggregate-samples.ts";
import type { Evaluator } from "./evaluator.ts";
import { unwrapParens } from "./expr-properties.ts";
import type { Grid, StepSeries } from "./step-series.ts";

/** An aggregation: of a stream where its groups can be added up, else of all series at once. */
export async function evaluateAggregation(
  aggregation: Aggregation,
  grid: Grid,
  evaluator: Evaluator,
): Promise<StepSeries[]> {
  const { context } = evaluator;
  using accumulator = Accumulator.create(aggregation, {
    count: grid.count,
    annotations: context.annotations,
    kernels: context.kernels,
  });
  if (accumulator !== undefined) {
    let groups = 0;
    await evaluator.stream(aggregation.expr, grid, (series) => {
      accumulator.add(series);
      if (accumulator.groupCount === groups) return;
      groups = accumulator.groupCount;
      context.hold(grid.count, 1);
    });
    return await accumulator.finish(context);
  }
  const { op, param, expr } = aggregation;
  assert(param !== undefined, () => `${op} has a parameter`);
  if (op === "count_values") {
    const label = unwrapParens(param);
    assert(label.kind === "string", "count_values has a label name");
    return countValues(aggregation, await evaluator.vector(expr, grid), label.value, grid, context);
  }
  const params = await evaluator.scalar(param, grid);
  if (op === "topk" || op === "bottomk") return extremes(aggregation, params, grid, evaluator);
  const list = await evaluator.vector(expr, grid);
  if (op === "quantile") return quantileOfSamples(aggregation, list, params, grid, context);
  if (op === "limit_ratio") return limitRatio(aggregation, list, params, context);
  assert(op === "limitk", () => `no aggregation ${op}`);
  const wanted = seriesWanted(params);
  return wanted === undefined ? [] : firstSeries(aggregation, list, wanted, context);
}

/** topk and bottomk, without keeping all series. */
async function extremes(
  aggregation: Aggregation,
  params: Float64Array,
  grid: Grid,
  evaluator: Evaluator,
): Promise<StepSeries[]> {
  const { context } = evaluator;
  const wanted = seriesWanted(params);
  const accumulator =
    wanted &&
    new Extremes(aggregation, wanted, {
      annotations: context.annotations,
      hold: (samples) => context.hold(samples),
    });
  await evaluator.stream(aggregation.expr, grid, (series) => accumulator?.add(series));
  return accumulator?.finish(context) ?? [];
}

import {
  PLAN_AGGREGATIONS,
  PLAN_FUNCTIONS,
  type PlanAggregation,
  type PlanFunction,
  type PlanSeries,
  type SeriesPlan,
} from "@pharos/ports";
import { rangeArgument } from "../engine/call-arguments.ts";
import type { Sink } from "../engine/evaluator.ts";
import { unwrapParens } from "../engine/expr-properties.ts";
import type { QueryContext } from "../engine/query-context.ts";
import { keepsName } from "../engine/range-functions.ts";
import { FLOAT, type Grid, NONE } from "../engine/step-series.ts";
import type { Expr, VectorSelector } from "../syntax/ast.ts";

/** A part of a query that the store computes. */
export interface PushedPart {
  readonly series: AsyncIterable<PlanSeries>;
  /** Whether the metric name goes in the end. */
  readonly dropName: boolean;
}

type PushContext = Pick<
  QueryContext,
  "store" | "shiftedMs" | "lookbackMs" | "signal" | "annotations" | "tiers"
>;

/** What the store computes of a part, if it computes all of it. Nothing is computed before it is read. */
export function pushDown(expr: Expr, grid: Grid, context: PushContext): PushedPart | undefined {
  const { store, signal, annotations } = context;
  if (store.evaluate === undefined) return undefined;
  const inner = unwrapParens(expr);
  const plan = planOf(inner, grid, context);
  if (plan === undefined) return undefined;
  const series = store.evaluate(plan, {
    signal,
    warn: (warning) => annotations.incomplete(warning),
  });
  if (series === undefined) return undefined;
  const { func, aggregation } = plan;
  return { series, dropName: aggregation === undefined && func !== undefined && !keepsName(func) };
}

/** Gives the series that the store computes, one by one. */
export async function streamPushed(
  { series, dropName }: PushedPart,
  grid: Grid,
  context: QueryContext,
  sink: Sink,
): Promise<void> {
  for await (const { labels, values, present, samplesRead = 0 } of series) {
    context.countSeries(samplesRead);
    const own = {
      labels,
      dropName,
      values: new Float64Array(grid.count),
      present: new Uint8Array(grid.count),
    };
    for (let step = 0; step < grid.count; step++) {
      own.values[step] = values[step] as number;
      own.present[step] = present[step] === 1 ? FLOAT : NONE;
    }
    const busy = sink(own);
    if (busy !== undefined) await busy;
    if (context.tick()) await context.pause();
  }
}

function planOf(expr: Expr, grid: Grid, context: PushContext): SeriesPlan | undefined {
  if (expr.kind !== "aggregation") return leafPlan(expr, grid, context);
  const op = PLAN_AGGREGATIONS.find((one) => one === expr.op);
  const inner = op && leafPlan(unwrapParens(expr.expr), grid, context);
  if (op === undefined || inner === undefined) return undefined;
  return { ...inner, aggregation: aggregationOf(op, expr.without, expr.grouping) };
}

function aggregationOf(op: PlanAggregation, without: boolean, grouping: readonly string[]) {
  return { op, without, grouping };
}

function leafPlan(expr: Expr, grid: Grid, context: PushContext): SeriesPlan | undefined {
  if (context.tiers.of(expr) !== undefined) return undefined;
  if (expr.kind === "vector")
    return selectorPlan(expr, grid, context, context.lookbackMs, undefined);
  if (expr.kind !== "call" || expr.args.length !== 1) return undefined;
  const func = PLAN_FUNCTIONS.find((one) => one === expr.func);
  const range = rangeArgument(expr);
  if (func === undefined || range?.kind !== "matrix") return undefined;
  return selectorPlan(range.selector, grid, context, range.rangeMs, func);
}

function selectorPlan(
  selector: VectorSelector,
  grid: Grid,
  context: PushContext,
  rangeMs: number,
  func: PlanFunction | undefined,
): SeriesPlan | undefined {
  if (selector.extent !== undefined) return undefined;
  return {
    matchers: selector.matchers,
    firstMs: context.shiftedMs(selector, grid.startMs),
    stepMs: selector.at === undefined ? grid.stepMs : 0,
    count: grid.count,
    func,
    rangeMs,
  };
}

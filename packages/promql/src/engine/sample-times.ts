import type { Expr } from "../syntax/ast.ts";
import type { Evaluator } from "./evaluator.ts";
import { unwrapParens } from "./expr-properties.ts";
import { collectSelector } from "./selector.ts";
import { FLOAT, type Grid, NONE, type StepSeries, timesOf } from "./step-series.ts";

/** timestamp: of a selector the time of the sample found, of anything else the time of evaluation. */
export async function timestamps(
  expr: Expr,
  grid: Grid,
  evaluator: Evaluator,
): Promise<StepSeries[]> {
  const inner = unwrapParens(expr);
  if (inner.kind === "vector") return collectSelector(inner, grid, evaluator.context, "timestamp");
  const seconds = timesOf(grid).map((timeMs) => timeMs / 1000);
  const list = await evaluator.vector(inner, grid);
  return list.map(({ labels, values, present }) => {
    values.set(seconds);
    for (let i = 0; i < present.length; i++) if (present[i] !== NONE) present[i] = FLOAT;
    return { labels, dropName: true, values, present };
  });
}

/** start_timestamp: when the counters of a selector's samples began, 0 where that is not known; of anything else nothing. */
export async function startTimestamps(
  expr: Expr,
  grid: Grid,
  evaluator: Evaluator,
): Promise<StepSeries[]> {
  const inner = unwrapParens(expr);
  if (inner.kind === "vector") return collectSelector(inner, grid, evaluator.context, "start");
  await evaluator.vector(inner, grid); // For what it has to say.
  return [];
}

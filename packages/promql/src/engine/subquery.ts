import type { Subquery } from "../syntax/ast.ts";
import type { QueryContext } from "./query-context.ts";
import { type Grid, gridEndMs } from "./step-series.ts";

/**
 * The steps of a subquery that any window of the grid holds: multiples of its step, whatever the query's own start.
 * Undefined where there is none.
 */
export function subqueryGrid(
  subquery: Subquery,
  grid: Grid,
  context: Pick<QueryContext, "defaultStepMs" | "shiftedMs" | "hold" | "release">,
): Grid | undefined {
  const stepMs = subquery.stepMs ?? context.defaultStepMs;
  const afterMs = context.shiftedMs(subquery, grid.startMs) - subquery.rangeMs;
  const lastMs = context.shiftedMs(subquery, gridEndMs(grid));
  const startMs = (Math.floor(afterMs / stepMs) + 1) * stepMs;
  const count = Math.floor((lastMs - startMs) / stepMs) + 1;
  if (count < 1) return undefined;
  // The columns of one series must fit before any is made.
  context.hold(count);
  context.release(count);
  return { startMs, stepMs, count };
}

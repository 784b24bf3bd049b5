import { rangeArgument } from "../engine/call-arguments.ts";
import { isStepInvariant, unwrapParens } from "../engine/expr-properties.ts";
import type { QueryContext } from "../engine/query-context.ts";
import { firstStep, type Grid } from "../engine/step-series.ts";
import { subqueryGrid } from "../engine/subquery.ts";
import type { Call, Expr, MatrixSelector, VectorSelector } from "../syntax/ast.ts";
import { childrenOf } from "../syntax/walk.ts";

/** A place where a query reads series: a selector, or a call of a function of the range of one. */
export interface Leaf {
  readonly node: VectorSelector | MatrixSelector | Call;
  readonly selector: VectorSelector;
  readonly range: MatrixSelector | undefined;
  /** The function of the range, if there is one. */
  readonly func: string | undefined;
  /** The steps at which it is evaluated: the query's, one of them, or those of a subquery. */
  readonly grid: Grid;
  /** What it looks at in the first step, and by how much later in each step. 0 under `@`. */
  readonly firstMs: number;
  readonly stepMs: number;
  /** Whether the values alone are asked for, and not when samples were taken, or all of them as they are. */
  readonly asksValues: boolean;
}

/** What of a query's context times follow from. */
export type LeafContext = Pick<
  QueryContext,
  "shiftedMs" | "defaultStepMs" | "hold" | "release" | "lookbackMs"
>;

/** The leaves of an expression, in the order of the text. */
export function leavesOf(expr: Expr, grid: Grid, context: LeafContext): readonly Leaf[] {
  const leaves: Leaf[] = [];
  const add = (
    node: Leaf["node"],
    selector: VectorSelector,
    steps: Grid,
    { range, func, asksValues = true }: Partial<Pick<Leaf, "range" | "func" | "asksValues">> = {},
  ): void => {
    const firstMs = context.shiftedMs(selector, steps.startMs);
    const stepMs = selector.at === undefined ? steps.stepMs : 0;
    leaves.push({ node, selector, range, func, grid: steps, firstMs, stepMs, asksValues });
  };
  const visit = (part: Expr, outer: Grid): void => {
    const inner = unwrapParens(part);
    const steps = outer.count > 1 && isStepInvariant(inner) ? firstStep(outer) : outer;
    switch (inner.kind) {
      case "vector":
        add(inner, inner, steps);
        return;
      case "matrix":
        add(inner, inner.selector, steps, { range: inner, asksValues: false });
        return;
      case "subquery": {
        const points = subqueryGrid(inner, steps, context);
        if (points !== undefined) visit(inner.expr, points);
        return;
      }
      case "call": {
        const range = rangeArgument(inner);
        for (const [at, arg] of inner.args.entries()) {
          const own = unwrapParens(arg);
          if (own === range && own.kind === "matrix")
            add(inner, own.selector, steps, { range: own, func: inner.func });
          else if (own.kind === "vector" && looksBeyondValues(inner.func, at))
            add(own, own, steps, { asksValues: false });
          else visit(arg, steps);
        }
        return;
      }
      case "aggregation":
      case "binary":
      case "unary":
      case "number":
      case "string":
        for (const child of childrenOf(inner)) visit(child, steps);
    }
  };
  visit(expr, grid);
  return leaves;
}

function looksBeyondValues(func: string, argument: number): boolean {
  if (func === "info") return argument > 0;
  return func === "timestamp" || func === "start_timestamp";
}

/** The stretch of time that a leaf looks at: its end included, its beginning not. */
export function leafTimes(
  { firstMs, stepMs, grid, range }: Leaf,
  { lookbackMs }: Pick<QueryContext, "lookbackMs">,
): { readonly afterMs: number; readonly endMs: number } {
  const afterMs = firstMs - (range === undefined ? lookbackMs : range.rangeMs);
  return { afterMs, endMs: firstMs + stepMs * (grid.count - 1) };
}

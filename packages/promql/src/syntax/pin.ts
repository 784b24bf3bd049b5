import type { Expr, TimeShift } from "./ast.ts";

/** Functions whose result depends on when they are evaluated, whatever their arguments are. */
const TIME_DEPENDENT: ReadonlySet<string> = new Set([
  "day_of_month",
  "day_of_week",
  "day_of_year",
  "days_in_month",
  "end",
  "hour",
  "minute",
  "month",
  "predict_linear",
  "range",
  "start",
  "step",
  "time",
  "timestamp",
  "year",
]);

/**
 * The expression with `@ timestampMs` on every selector and subquery that does not say a time itself, so that it gives
 * the same whenever it is evaluated. Undefined where that cannot be had, because of `time()` and the like.
 */
export function pinSelectors(expr: Expr, timestampMs: number): Expr | undefined {
  switch (expr.kind) {
    case "number":
    case "string":
      return expr;
    case "vector":
    // What is inside a subquery is evaluated at the subquery's own steps.
    case "subquery":
      return { ...expr, ...pinned(expr, timestampMs) };
    case "matrix":
      return { ...expr, selector: { ...expr.selector, ...pinned(expr.selector, timestampMs) } };
    case "call": {
      if (TIME_DEPENDENT.has(expr.func)) return undefined;
      const args: Expr[] = [];
      for (const arg of expr.args) {
        const inner = pinSelectors(arg, timestampMs);
        if (inner === undefined) return undefined;
        args.push(inner);
      }
      return { ...expr, args };
    }
    case "aggregation": {
      const inner = pinSelectors(expr.expr, timestampMs);
      const param = expr.param === undefined ? undefined : pinSelectors(expr.param, timestampMs);
      const isLost = inner === undefined || (expr.param !== undefined && param === undefined);
      return isLost ? undefined : { ...expr, expr: inner, param };
    }
    case "binary": {
      const left = pinSelectors(expr.left, timestampMs);
      const right = pinSelectors(expr.right, timestampMs);
      return left === undefined || right === undefined ? undefined : { ...expr, left, right };
    }
    case "unary":
    case "paren": {
      const inner = pinSelectors(expr.expr, timestampMs);
      return inner === undefined ? undefined : { ...expr, expr: inner };
    }
  }
}

function pinned({ at }: TimeShift, timestampMs: number): Pick<TimeShift, "at"> {
  return { at: at?.kind === "time" ? at : { kind: "time", timestampMs } };
}

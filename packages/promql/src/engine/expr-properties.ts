import type { Expr } from "../syntax/ast.ts";

export function unwrapParens(expr: Expr): Exclude<Expr, { kind: "paren" }> {
  let inner = expr;
  while (inner.kind === "paren") inner = inner.expr;
  return inner;
}

/** Functions whose result depends on the time of evaluation even where their arguments do not; `info` may. */
const TIME_DEPENDENT = new Set([
  "day_of_month",
  "day_of_week",
  "day_of_year",
  "days_in_month",
  "hour",
  "info",
  "minute",
  "month",
  "predict_linear",
  "time",
  "timestamp",
  "year",
]);

/** Whether the expression has the same value at every step, so that it need be evaluated only once. */
export function isStepInvariant(expr: Expr): boolean {
  switch (expr.kind) {
    case "number":
    case "string":
      return true;
    case "vector":
    case "subquery":
      return expr.at !== undefined;
    case "matrix":
      return expr.selector.at !== undefined;
    case "call":
      return !TIME_DEPENDENT.has(expr.func) && expr.args.every(isStepInvariant);
    case "aggregation":
      return (
        isStepInvariant(expr.expr) && (expr.param === undefined || isStepInvariant(expr.param))
      );
    case "binary":
      return isStepInvariant(expr.left) && isStepInvariant(expr.right);
    case "unary":
    case "paren":
      return isStepInvariant(expr.expr);
  }
}

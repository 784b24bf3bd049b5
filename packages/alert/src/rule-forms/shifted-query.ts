import { OperatingError } from "@pharos/base";
import type { Expr, TimeShift } from "@pharos/promql/syntax";

/**
 * The expression as it was so long ago: with that much more `offset` on all that it selects.
 *
 * @throws OperatingError `input.invalid` where an offset is worked out only when the query runs.
 */
export function shiftedQuery(expr: Expr, byMs: number): Expr {
  const within = (inner: Expr): Expr => shiftedQuery(inner, byMs);
  switch (expr.kind) {
    case "number":
    case "string":
      return expr;
    case "vector":
    // What is inside a subquery moves with it.
    case "subquery":
      return { ...expr, ...shifted(expr, byMs) };
    case "matrix":
      return { ...expr, selector: { ...expr.selector, ...shifted(expr.selector, byMs) } };
    case "call":
      return { ...expr, args: expr.args.map(within) };
    case "aggregation":
      return {
        ...expr,
        expr: within(expr.expr),
        param: expr.param === undefined ? undefined : within(expr.param),
      };
    case "binary":
      return { ...expr, left: within(expr.left), right: within(expr.right) };
    case "unary":
    case "paren":
      return { ...expr, expr: within(expr.expr) };
  }
}

function shifted({ offsetMs, offsetExpr }: TimeShift, byMs: number): Pick<TimeShift, "offsetMs"> {
  if (offsetExpr !== undefined)
    throw new OperatingError(
      "input.invalid",
      "a change is not known of a query whose offset is an expression; write the rule in PromQL",
    );
  return { offsetMs: offsetMs + byMs };
}

import type { Call, Expr, TimeShift } from "../syntax/ast.ts";
import { valueTypeOf } from "../syntax/value-type.ts";
import type { QueryContext } from "./query-context.ts";

/** The time that an expression looks at when it is evaluated at a time t: a fixed one, or t less so many ms. */
type Reference =
  | { readonly kind: "fixed"; readonly timestampMs: number }
  | { readonly kind: "shifted"; readonly byMs: number };

/**
 * The time at which info series are to be looked up for the series of an expression: where its selectors look, by `@`
 * and `offset` and those of the subqueries around them. Where they do not all look at the same time, or some series
 * come from no selector, the time of evaluation.
 */
export function referenceOf(expr: Expr, context: QueryContext): TimeShift {
  const reference = referenceOfVector(expr, context);
  if (reference === undefined) return { offsetMs: 0, at: undefined };
  if (reference.kind === "shifted") return { offsetMs: reference.byMs, at: undefined };
  return { offsetMs: 0, at: { kind: "time", timestampMs: reference.timestampMs } };
}

function referenceOfVector(expr: Expr, context: QueryContext): Reference | undefined {
  switch (expr.kind) {
    case "number":
    case "string":
      return undefined;
    case "vector":
      return shifted({ kind: "shifted", byMs: 0 }, expr, context);
    case "matrix":
      return referenceOfVector(expr.selector, context);
    case "subquery": {
      const inner = referenceOfVector(expr.expr, context);
      return inner && shifted(inner, expr, context);
    }
    case "call":
      return common(vectorArguments(expr), context);
    case "aggregation":
      return referenceOfVector(expr.expr, context);
    case "binary":
      return common(
        [expr.left, expr.right].filter((side) => valueTypeOf(side) !== "scalar"),
        context,
      );
    case "unary":
    case "paren":
      return referenceOfVector(expr.expr, context);
  }
}

/** `inner` as seen from outside of what has the shift. A time that is fixed inside stays where it is. */
function shifted(inner: Reference, shift: TimeShift, context: QueryContext): Reference {
  if (inner.kind === "fixed") return inner;
  const atMs = context.atMs(shift.at);
  const byMs = inner.byMs + shift.offsetMs;
  return atMs === undefined
    ? { kind: "shifted", byMs }
    : { kind: "fixed", timestampMs: atMs - byMs };
}

/** The arguments whose series the result's come from; the second one of `info` only says what to add. */
function vectorArguments({ func, args }: Call): Expr[] {
  const vectors = args.filter((arg) => {
    const type = valueTypeOf(arg);
    return type === "vector" || type === "matrix";
  });
  return func === "info" ? vectors.slice(0, 1) : vectors;
}

function common(list: readonly Expr[], context: QueryContext): Reference | undefined {
  const [first, ...rest] = list.map((expr) => referenceOfVector(expr, context));
  return first !== undefined && rest.every((other) => other !== undefined && isSame(first, other))
    ? first
    : undefined;
}

function isSame(a: Reference, b: Reference): boolean {
  if (a.kind === "fixed") return b.kind === "fixed" && a.timestampMs === b.timestampMs;
  return b.kind === "shifted" && a.byMs === b.byMs;
}

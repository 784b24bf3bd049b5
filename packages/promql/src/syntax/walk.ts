import type { Expr } from "./ast.ts";

/** The expressions directly inside `expr`, in the order of evaluation: an aggregation's parameter comes last. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case "number":
    case "string":
    case "vector":
      return [];
    case "matrix":
      return [expr.selector];
    case "call":
      return expr.args;
    case "aggregation":
      return expr.param === undefined ? [expr.expr] : [expr.expr, expr.param];
    case "binary":
      return [expr.left, expr.right];
    case "subquery":
    case "unary":
    case "paren":
      return [expr.expr];
  }
}

/**
 * Visits `expr` and all in it, parents first. `visit` gets the path from the root down to the parent; where it
 * answers false, what is inside that node is left out.
 */
export function walk(expr: Expr, visit: (expr: Expr, path: readonly Expr[]) => unknown): void {
  const path: Expr[] = [];
  const enter = (node: Expr): void => {
    if (visit(node, path) === false) return;
    path.push(node);
    for (const child of childrenOf(node)) enter(child);
    path.pop();
  };
  enter(expr);
}

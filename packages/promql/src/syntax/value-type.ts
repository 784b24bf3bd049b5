import type { Expr, ValueType } from "./ast.ts";
import { FUNCTIONS } from "./functions.ts";

/** What an expression gives. */
export function valueTypeOf(expr: Expr): ValueType {
  switch (expr.kind) {
    case "number":
      return "scalar";
    case "string":
      return "string";
    case "vector":
    case "aggregation":
      return "vector";
    case "matrix":
    case "subquery":
      return "matrix";
    case "call":
      return FUNCTIONS[expr.func]?.returns ?? "vector";
    case "binary":
      return valueTypeOf(expr.left) === "scalar" && valueTypeOf(expr.right) === "scalar"
        ? "scalar"
        : "vector";
    case "unary":
    case "paren":
      return valueTypeOf(expr.expr);
  }
}

/** As people call the types: `instant vector`, `range vector`. */
export function describeType(type: ValueType): string {
  switch (type) {
    case "vector":
      return "instant vector";
    case "matrix":
      return "range vector";
    case "scalar":
    case "string":
      return type;
  }
}

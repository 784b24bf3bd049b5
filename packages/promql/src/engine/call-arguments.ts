import { assert } from "@pharos/base";
import type { Call, Expr, MatrixSelector, Subquery, TimeShift } from "../syntax/ast.ts";
import { unwrapParens } from "./expr-properties.ts";

export type RangeArgument = MatrixSelector | Subquery;

/** The argument that the type checker has made sure is there. */
export function argument(call: Call, index: number): Expr {
  const arg = call.args[index];
  assert(arg !== undefined, () => `${call.func} has argument ${index}`);
  return arg;
}

/** The string arguments from `index` on, to the one before `end`. */
export function stringArguments(call: Call, index: number, end?: number): string[] {
  return call.args.slice(index, end).map((arg) => {
    const inner = unwrapParens(arg);
    assert(inner.kind === "string", () => `${call.func} has a string there`);
    return inner.value;
  });
}

/** The range vector among a call's arguments, if it has one. */
export function rangeArgument(call: Call): RangeArgument | undefined {
  for (const arg of call.args) {
    const inner = unwrapParens(arg);
    if (inner.kind === "matrix" || inner.kind === "subquery") return inner;
  }
  return undefined;
}

/** What `offset` and `@` say of a range vector. */
export function shiftOf(range: RangeArgument): TimeShift {
  return range.kind === "matrix" ? range.selector : range;
}

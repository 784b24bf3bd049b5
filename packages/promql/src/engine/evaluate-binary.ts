import { assert } from "@pharos/base";
import type { BinaryExpr } from "../syntax/ast.ts";
import { valueTypeOf } from "../syntax/value-type.ts";
import type { Evaluator } from "./evaluator.ts";
import { isSetOperator, vectorWithScalar } from "./operators.ts";
import { setOperation } from "./set-operations.ts";
import type { Grid, StepSeries } from "./step-series.ts";
import { matchVectors } from "./vector-matching.ts";

/** A binary expression of which at least one side is a vector. */
export async function evaluateBinary(
  expr: BinaryExpr,
  grid: Grid,
  evaluator: Evaluator,
): Promise<StepSeries[]> {
  const { op, left, right, matching } = expr;
  const { context } = evaluator;
  if (valueTypeOf(left) === "scalar") {
    const scalar = await evaluator.scalar(left, grid);
    const list = await evaluator.vector(right, grid);
    return vectorWithScalar(expr, list, scalar, true, context);
  }
  if (valueTypeOf(right) === "scalar") {
    const list = await evaluator.vector(left, grid);
    const scalar = await evaluator.scalar(right, grid);
    return vectorWithScalar(expr, list, scalar, false, context);
  }
  const leftList = await evaluator.vector(left, grid);
  const rightList = await evaluator.vector(right, grid);
  assert(matching !== undefined, "two vectors have a matching");
  if (isSetOperator(op)) {
    assert(op === "and" || op === "or" || op === "unless", "a set operator");
    return setOperation(op, matching, leftList, rightList, context);
  }
  return matchVectors(expr, matching, leftList, rightList, context);
}

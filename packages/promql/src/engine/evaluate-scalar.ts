import { assert } from "@pharos/base";
import type { Call, Expr } from "../syntax/ast.ts";
import { argument } from "./call-arguments.ts";
import type { Evaluator } from "./evaluator.ts";
import { isStepInvariant, unwrapParens } from "./expr-properties.ts";
import { greater, lesser, scalarOf } from "./instant-functions.ts";
import { computeColumns } from "./operators.ts";
import { firstStep, type Grid, timesOf } from "./step-series.ts";

/** The value of a scalar expression at each step. */
export async function evaluateScalar(
  expr: Expr,
  grid: Grid,
  evaluator: Evaluator,
): Promise<Float64Array> {
  const inner = unwrapParens(expr);
  if (grid.count > 1 && inner.kind !== "number" && isStepInvariant(inner)) {
    const first = firstStep(grid);
    const evaluate = (): Promise<Float64Array> => evaluator.scalar(inner, first);
    const { sampleCounts } = evaluator.context;
    const [value = Number.NaN] =
      (await sampleCounts?.within(first, grid, evaluate)) ?? (await evaluate());
    return new Float64Array(grid.count).fill(value);
  }
  switch (inner.kind) {
    case "number":
      return new Float64Array(grid.count).fill(inner.value);
    case "unary": {
      const values = await evaluator.scalar(inner.expr, grid);
      if (inner.op === "-")
        for (let i = 0; i < values.length; i++) values[i] = -(values[i] as number);
      return values;
    }
    case "binary": {
      const left = await evaluator.scalar(inner.left, grid);
      const right = await evaluator.scalar(inner.right, grid);
      computeColumns(inner.op, left, right, left);
      return left;
    }
    case "call":
      return scalarCall(inner, grid, evaluator);
    case "string":
    case "vector":
    case "matrix":
    case "subquery":
    case "aggregation":
      assert(false, () => `${inner.kind} is no scalar`);
  }
}

async function scalarCall(call: Call, grid: Grid, evaluator: Evaluator): Promise<Float64Array> {
  const { startMs, endMs, stepMs } = evaluator.context;
  const constant = (value: number): Float64Array => new Float64Array(grid.count).fill(value);
  switch (call.func) {
    case "time": {
      const times = timesOf(grid);
      for (let i = 0; i < times.length; i++) times[i] = (times[i] as number) / 1000;
      return times;
    }
    case "pi":
      return constant(Math.PI);
    case "start":
      return constant(startMs / 1000);
    case "end":
      return constant(endMs / 1000);
    case "range":
      return constant((endMs - startMs) / 1000);
    case "step":
      return constant(stepMs / 1000);
    case "max_of":
    case "min_of": {
      const values = await evaluator.scalar(argument(call, 0), grid);
      const others = await evaluator.scalar(argument(call, 1), grid);
      const choose = call.func === "max_of" ? greater : lesser;
      for (let i = 0; i < values.length; i++)
        values[i] = choose(values[i] as number, others[i] as number);
      return values;
    }
    case "scalar":
      return scalarOf(await evaluator.vector(argument(call, 0), grid), grid.count);
    default:
      assert(false, () => `${call.func} gives no scalar`);
  }
}

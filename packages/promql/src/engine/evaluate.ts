import { assert, unreachable } from "@pharos/base";
import type { Expr } from "../syntax/ast.ts";
import { rangeArgument } from "./call-arguments.ts";
import { evaluateAggregation } from "./evaluate-aggregation.ts";
import { evaluateBinary } from "./evaluate-binary.ts";
import { evaluateCall } from "./evaluate-call.ts";
import type { Evaluator, Sink } from "./evaluator.ts";
import { isStepInvariant, unwrapParens } from "./expr-properties.ts";
import { scalarOf } from "./instant-functions.ts";
import { computeColumns, negate } from "./operators.ts";
import type { QueryContext } from "./query-context.ts";
import { absentOverTime, collectRangeFunction, streamRangeFunction } from "./range/range-call.ts";
import { collectSelector, streamSelector } from "./selector.ts";
import {
  firstStep,
  type Grid,
  hasSamples,
  repeatFirst,
  type StepSeries,
  timesOf,
} from "./step-series.ts";

type Inner = ReturnType<typeof unwrapParens>;

/** Evaluates the expression of one query, node by node. What a kind of node does is in a file of its own. */
export class TreeEvaluator implements Evaluator {
  readonly context: QueryContext;

  constructor(context: QueryContext) {
    this.context = context;
  }

  async scalar(expr: Expr, grid: Grid): Promise<Float64Array> {
    const inner = unwrapParens(expr);
    if (grid.count > 1 && inner.kind !== "number" && isStepInvariant(inner)) {
      const [value = Number.NaN] = await this.scalar(inner, firstStep(grid));
      return new Float64Array(grid.count).fill(value);
    }
    switch (inner.kind) {
      case "number":
        return new Float64Array(grid.count).fill(inner.value);
      case "unary": {
        const values = await this.scalar(inner.expr, grid);
        if (inner.op === "-")
          for (let i = 0; i < values.length; i++) values[i] = -(values[i] as number);
        return values;
      }
      case "binary": {
        const left = await this.scalar(inner.left, grid);
        const right = await this.scalar(inner.right, grid);
        computeColumns(inner.op, left, right, left);
        return left;
      }
      case "call":
        switch (inner.func) {
          case "time": {
            const times = timesOf(grid);
            for (let i = 0; i < times.length; i++) times[i] = (times[i] as number) / 1000;
            return times;
          }
          case "pi":
            return new Float64Array(grid.count).fill(Math.PI);
          case "start":
            return new Float64Array(grid.count).fill(this.context.startMs / 1000);
          case "end":
            return new Float64Array(grid.count).fill(this.context.endMs / 1000);
          case "range": {
            const { startMs, endMs } = this.context;
            return new Float64Array(grid.count).fill((endMs - startMs) / 1000);
          }
          case "step":
            return new Float64Array(grid.count).fill(this.context.stepMs / 1000);
          case "max_of":
          case "min_of": {
            const [a, b] = inner.args;
            assert(a !== undefined && b !== undefined, () => `${inner.func} has two arguments`);
            const values = await this.scalar(a, grid);
            const others = await this.scalar(b, grid);
            const choose = inner.func === "max_of" ? maxOf : minOf;
            for (let i = 0; i < values.length; i++)
              values[i] = choose(values[i] as number, others[i] as number);
            return values;
          }
          case "scalar": {
            const [vector] = inner.args;
            assert(vector !== undefined, "scalar has an argument");
            return scalarOf(await this.vector(vector, grid), grid.count);
          }
        }
        break;
      case "string":
      case "vector":
      case "matrix":
      case "subquery":
      case "aggregation":
        break;
    }
    assert(false, () => `${inner.kind} is no scalar`);
  }

  async vector(expr: Expr, grid: Grid): Promise<StepSeries[]> {
    const inner = unwrapParens(expr);
    const { context } = this;
    const heldBefore = context.samplesHeld;
    let result: StepSeries[];
    if (grid.count > 1 && isStepInvariant(inner)) {
      const once = (await this.vector(inner, firstStep(grid))).filter(hasSamples);
      context.settle(heldBefore, once.length * grid.count);
      result = once.map((series) => repeatFirst(series, grid.count));
    } else {
      result = await this.#node(inner, grid);
      context.settle(heldBefore, result.length * grid.count);
    }
    return result;
  }

  async stream(expr: Expr, grid: Grid, sink: Sink): Promise<void> {
    const inner = unwrapParens(expr);
    if (grid.count === 1 || !isStepInvariant(inner)) {
      if (inner.kind === "vector") return streamSelector(inner, grid, this.context, "value", sink);
      if (
        inner.kind === "call" &&
        rangeArgument(inner) !== undefined &&
        inner.func !== "absent_over_time"
      )
        return streamRangeFunction(inner, grid, this, sink);
    }
    for (const series of await this.vector(inner, grid)) {
      const busy = sink(series);
      if (busy !== undefined) await busy;
      if (this.context.tick()) await this.context.pause();
    }
  }

  async #node(expr: Inner, grid: Grid): Promise<StepSeries[]> {
    switch (expr.kind) {
      case "vector":
        return collectSelector(expr, grid, this.context, "value");
      case "call":
        if (expr.func === "absent_over_time") return absentOverTime(expr, grid, this);
        return rangeArgument(expr) === undefined
          ? evaluateCall(expr, grid, this)
          : collectRangeFunction(expr, grid, this);
      case "aggregation":
        return evaluateAggregation(expr, grid, this);
      case "binary":
        return evaluateBinary(expr, grid, this);
      case "unary": {
        const list = await this.vector(expr.expr, grid);
        return expr.op === "-" ? negate(list) : list;
      }
      case "number":
      case "string":
      case "matrix":
      case "subquery":
        assert(false, () => `${expr.kind} is no vector`);
        break;
      default:
        return unreachable(expr);
    }
  }
}

/** As in Go: an infinity wins over NaN. */
function maxOf(a: number, b: number): number {
  const infinity = Number.POSITIVE_INFINITY;
  return a === infinity || b === infinity ? infinity : Math.max(a, b);
}

function minOf(a: number, b: number): number {
  const infinity = Number.NEGATIVE_INFINITY;
  return a === infinity || b === infinity ? infinity : Math.min(a, b);
}
